"""Broken rows of csv files: what compile says of them, and never what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlforge_sql.compiler import schema_reader
from mlforge_sql.errors import SchemaUnreadable

HEAD = b"id,at,name\n1,2024-01-01 10:00:00,Q7X\n2,2024-01-02 10:00:00,Q7X\n"

BROKEN = {
    "too many": (
        b"3,2024-01-03 10:00:00,Q7X,Q7X,5\n",
        "`a.csv` has 1 row that cannot be read (too many columns), the first in line 4",
    ),
    "too few": (
        b"3\n",
        "`a.csv` has 1 row that cannot be read (missing columns), the first in line 4",
    ),
    "a quote": (
        b'3,2024-01-03 10:00:00,"Q7X\n',
        "`a.csv` has 1 row that cannot be read (unquoted value), the first in line 4",
    ),
    "latin1": (b"3,2024-01-03 10:00:00,Q7X\xe9\n", "`a.csv` is not UTF-8"),
}


@pytest.mark.parametrize(("row", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_row_is_counted(row: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(HEAD + row)
    with schema_reader(tmp_path) as reader, pytest.raises(SchemaUnreadable) as caught:
        reader.read("a.csv", {}, "at")
    assert str(caught.value) == said
    assert "Q7X" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "id;at;name\n1;2024-01-01 10:00:00;a,b,c\n2;2024-01-01 10:00:00;d\n",
        "A report of, all\n\nid,at,name\n1,2024-01-01 10:00:00,a\n2,2024-01-02 10:00:00,b\n",
        "id|at|name\n1|2024-01-01 10:00:00|a\n",
    ],
    ids=["semicolons", "a title", "bars"],
)
def test_other_forms_are_no_broken_rows(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with schema_reader(tmp_path) as reader:
        assert list(reader.read("a.csv", {}, "at").columns) == ["id", "at", "name"]
