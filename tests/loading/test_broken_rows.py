"""Rows of csv that DuckDB cannot read are counted, and nothing of them is told."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from mlforge_sql.dbt.macros import Macros
from mlforge_sql.dbt.templates import static_files

CONTENT: dict[str, tuple[bytes, list[str]]] = {
    "fine": (b"id,name\n1,b\n2,c\n", []),
    "too much": (b"id,name\n1,b\n2,Q7X,3\n4,d\n5,Q7X,6\n",
                 ["`a.csv` has 2 rows that cannot be read (too many columns), the first in line 3"]),
    "too little": (b"id,name\n1,b\nQ7X\n",
                   ["`a.csv` has 1 row that cannot be read (missing columns), the first in line 3"]),
    "no utf-8": (b"id,name\n1,b\n2,Q7X\xff\xfe\n",
                 ["`a.csv` has 1 row that cannot be read (invalid encoding), the first in line 3"]),
    "a quote": (b'id,name\n1,b\n2,"Q7X\n',
                ["`a.csv` has 1 row that cannot be read (unquoted value), the first in line 3"]),
    "all": (b"id,name\n" + b"1,Q7X,2\n" * 3000,
            ["`a.csv` has 1000 or more rows that cannot be read (too many columns), the first in line 2"]),
}  # fmt: skip


def broken(connection: Any, file: str) -> list[str]:
    """What the macro says of files."""

    def run_query(sql: str) -> Any:
        found = connection.execute(sql)
        return SimpleNamespace(rows=found.fetchall() if found.description else [])

    files: dict[PurePosixPath, str] = static_files(databricks=False)
    macros = Macros(files, "duckdb", str, context={"run_query": run_query})
    options = "header = true, auto_detect = false, columns = {'id': 'varchar', 'name': 'varchar'}"
    quotes = "quote = '\"', escape = '\"', delim = ','"
    reader = f"read_csv('{file}', {quotes}, {options})"
    said: list[str] = macros.call("mlforge_broken_rows", reader, ["id", "name"])
    return said


@pytest.mark.parametrize(("content", "said"), CONTENT.values(), ids=CONTENT)
def test_what_is_said(content: bytes, said: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with duckdb.connect() as connection:
        assert broken(connection, str(tmp_path / "a.csv")) == said
        assert broken(connection, str(tmp_path / "a.csv")) == said, "again in one session"
        assert connection.execute("from duckdb_tables()").fetchall() == [], "no row is kept"


def test_several_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_bytes(CONTENT["too much"][0])
    (tmp_path / "c.csv").write_bytes(CONTENT["fine"][0])
    with duckdb.connect() as connection:
        said = broken(connection, str(tmp_path / "*.csv"))
    assert [text.split(" has ")[0] for text in said] == ["`a.csv`", "`b.csv`"]
