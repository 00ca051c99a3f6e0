"""Sources whose files change after the compile, through plain `dbt build`: exact values, or a message and nothing built."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from harness import CONFIG, write_project

from mlforge_sql.cli import main
from mlforge_sql.workflows.compile import compile_project
from mlforge_sql.workflows.compile import write_project as write_compiled

pytestmark = pytest.mark.functional

DBT = [sys.executable, "-c", "from dbt.cli.main import cli; cli()"]
SECRET = "8675309"
"""Part of every value that does not fit: no message and no log may show it."""


@dataclass(frozen=True)
class Shop:
    """A project of many sources, compiled and built."""

    root: Path

    def build(self, *arguments: str) -> tuple[dict[str, str], str]:
        """The status of every model, and all that dbt says, prints and logs."""
        log = self.root / "dbt" / "logs" / "dbt.log"
        log.unlink(missing_ok=True)
        report = self.root / "dbt" / "target" / "run_results.json"
        report.unlink(missing_ok=True)
        command = [*DBT, "--no-use-colors", "build", "--profiles-dir", ".", *arguments]
        done = subprocess.run(
            command, cwd=self.root / "dbt", capture_output=True, text=True, timeout=300, check=False
        )
        said = done.stdout + done.stderr + log.read_text(encoding="utf-8")
        results = (
            json.loads(report.read_text(encoding="utf-8"))["results"] if report.is_file() else ()
        )
        return {item["unique_id"].split(".")[2]: item["status"] for item in results}, said

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.root / "feature_store" / "features.duckdb") as connection:
            found = connection.execute(f'select * exclude (feature_timestamp) from "{table}"')
            rows: list[tuple[Any, ...]] = found.fetchall()
        return rows

    def write(self, name: str, text: str) -> None:
        file = self.root / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def model(self, text: str) -> None:
        """A model of the user's own in the compiled project."""
        file = self.root / "dbt" / "models" / "raw_events.sql"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def parquet(self, name: str, query: str) -> None:
        file = self.root / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        duckdb.execute(f"copy ({query}) to '{file}' (format parquet)")


def source(name: str, path: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "path": f"data/{path}", "timestamp": "ts", **keys}


def last(name: str) -> dict[str, Any]:
    """The last value of `x` of each `id`."""
    return {"name": f"f_{name}", "source": name, "entities": ["thing"], "select": {"x": "x"}}


def project(root: Path, sources: Sequence[Mapping[str, Any]], write: Any) -> Shop:
    shop = Shop(root)
    document = {
        "entities": [{"name": "thing", "join_key": "id"}],
        "sources": [dict(item) for item in sources],
        "features": [last(item["name"]) for item in sources],
    }
    write_project(root, document, CONFIG)
    write(shop)
    write_compiled(compile_project(root))
    return shop


TYPES = {"id": "bigint", "ts": "timestamp", "x": "bigint"}
T = "2024-01-01 12:00:00"
WIDE = 2**53


@dataclass(frozen=True)
class Pair:
    """Two parquet files that have `x` as different types of numbers.

    Attributes:
        declared: What the source says `x` is.
        types: What each file has it as.
        fits: Values of the first file that are the same number in the type that both can be read as.
        not_exact: Values, one of which is another number there.
        not_declared: Values, one of which is not of the declared type.
        together: The type that both are read as.
        second: A value of the second file; the other row of it is NULL.
    """

    declared: str
    types: tuple[str, str]
    fits: tuple[str, ...]
    together: str
    not_exact: tuple[str, ...] = ()
    not_declared: tuple[str, ...] = ()
    second: str = "7"

    def write(self, shop: Shop, folder: str, values: Sequence[str]) -> None:
        first, second = self.types
        rows = ", ".join(f"'{value}'" for value in values)
        shop.parquet(
            f"{folder}/a[1].parquet",
            f"select unnest(range({len(values)}))::bigint as id, timestamp '{T}' as ts, unnest([{rows}])::{first} as x",
        )
        shop.parquet(
            f"{folder}/b.parquet",
            f"select unnest([100, 101])::bigint as id, timestamp '{T}' as ts, unnest(['{self.second}', null])::{second} as x",
        )

    @property
    def later(self) -> tuple[str, ...]:
        return (*self.fits, *self.not_exact, *self.not_declared)

    def wrong(self, folder: str) -> str:
        file = f"in 1 row of data/{folder}/a[1].parquet"
        exact = f"`x` is not exact as {self.together}, the type of all files together, {file}"
        return exact if self.not_exact else f"`x` is not {self.declared} {file}"


PAIRS = {
    "bigint_then_double": Pair(
        "bigint",
        ("bigint", "double"),
        (str(WIDE - 1), "-3"),
        "double",
        not_exact=(str(WIDE + 1),),
    ),
    "bigint_as_double": Pair(
        "double", ("bigint", "double"), (str(WIDE), "5"), "double", not_declared=(str(WIDE + 1),)
    ),
    "bigint_and_float": Pair(
        "double",
        ("bigint", "float"),
        ("16777216", "3"),
        "float",
        not_exact=("16777217",),
        second="1.5",
    ),
    "decimal_and_float": Pair(
        "decimal(18,2)",
        ("decimal(38,10)", "float"),
        ("1.23", "4"),
        "float",
        not_declared=("1.2300000001",),
        second="1.5",
    ),
    "decimal_as_double": Pair(
        "double", ("decimal(18,2)", "float"), ("1.5",), "float", not_exact=("1.23",)
    ),
    "two_decimals": Pair(
        "decimal(18,2)",
        ("decimal(38,10)", "decimal(38,0)"),
        ("4",),
        "decimal(38,0)",
        not_exact=("1.25",),
    ),
}
SOURCES = [
    source("declared_csv", "declared.csv", columns=TYPES),
    source("guessed_csv", "guessed*.csv"),
    source("declared_json", "declared.ndjson", columns=TYPES),
    source("guessed_json", "guessed*.ndjson"),
    source("money", "money.parquet", columns={"x": "decimal(18,2)"}),
    source("files", "files/*.parquet"),
    source("mixed", "mixed/*.parquet", columns={"x": "decimal(18,2)"}),
    source("lost", "lost/*.parquet"),
    source("times", "times.csv", delay="1d"),
    source(
        "formats", "formats.parquet", timestamp={"column": "ts", "format": "%d.%m.%Y"}, delay="1d"
    ),
    source("lost_csv", "lost*.csv"),
    {"name": "model", "model": "raw_events", "timestamp": "ts", "columns": TYPES},
    source("nested", "nested.ndjson"),
    *(source(name, f"{name}/*.parquet", columns={"x": PAIRS[name].declared}) for name in PAIRS),
    source("grown", "grown/*.parquet", columns={"x": "bigint"}),
    source("cases", "cases/*.parquet"),
    source("globs", "globs/*.csv"),
    source("globs_parquet", "globs/*.parquet"),
    source("quiet", "quiet.csv"),
    source("spaced", "spaced.csv"),
    source("keys", "keys*.ndjson"),
    source("digits", "digits/*.parquet"),
]


def first_files(shop: Shop) -> None:
    shop.write("declared.csv", f"id,ts,x\n1,{T},2\n007,{T},3.0\n")
    shop.write("guessed1.csv", f"id,ts,x\n1,{T},2\n")
    shop.write("declared.ndjson", f'{{"id": 1, "ts": "{T}", "x": 7}}\n')
    shop.write("guessed1.ndjson", f'{{"id": 1, "ts": "{T}", "x": 7}}\n')
    shop.parquet("money.parquet", f"select 1 as id, timestamp '{T}' as ts, 0.1::double as x")
    row = f"1 as id, timestamp '{T}' as ts"
    nested = "{'x': 1} as meta"
    shop.parquet("files/a.parquet", f"select {row}, 1::bigint as x, {nested}")
    shop.parquet("mixed/a.parquet", f"select {row}, 1::bigint as x")
    shop.parquet("mixed/b.parquet", f"select 2 as id, timestamp '{T}' as ts, 2.25::double as x")
    shop.parquet("lost/a.parquet", f"select {row}, 1 as x")
    shop.write("times.csv", f"id,ts,x\n1,2024-01-01,1\n2,{T}+02:00,2\n")
    shop.parquet("formats.parquet", "select 1 as id, '31.12.2024' as ts, 1 as x")
    shop.write("lost1.csv", f"id,ts,x\n1,{T},2\n")
    shop.model(f"select 1 as id, timestamp '{T}' as ts, 2::double as x")
    shop.write(
        "nested.ndjson", f'{{"id": 1, "ts": "{T}", "x": 1, "meta": {{"list": [{{"n": 1}}]}}}}\n'
    )
    for name, pair in PAIRS.items():
        pair.write(shop, name, pair.fits)
    shop.parquet("grown/a.parquet", f"select {row}, 1::bigint as x")
    shop.parquet("grown/b.parquet", f"select 2 as id, timestamp '{T}' as ts, 2::integer as x")
    shop.parquet("cases/a.parquet", f"select {row}, 1 as x")
    shop.write("globs/a1.csv", f"id,ts,x\n1,{T},2\n")
    shop.parquet("globs/a1.parquet", f"select {row}, 1 as x")
    shop.write("quiet.csv", f"id,ts,x\n1,{T},2\n")
    shop.write("spaced.csv", f',id, ts, "x" ,\n0,1,{T},2,\n')
    shop.parquet("digits/a.parquet", f"select {row}, 1.5::double as x")
    shop.write("keys1.ndjson", f'{{"id": 1, "ts": "{T}", "x": 7}}\n')


def wide_decimal(shop: Shop) -> None:
    x = pa.array([Decimal(f"{SECRET}.5")], pa.decimal256(39, 2))
    table = pa.table({"id": pa.array([2], pa.int32()), "ts": [datetime(2024, 1, 1)], "x": x})
    pq.write_table(table, shop.root / "data" / "digits" / "b.parquet")


def later_files(shop: Shop) -> None:
    secret = SECRET
    shop.write("declared.csv", f"id,ts,x\n1,{T},{secret}.5\n1.{secret},{T},2\nu{secret},{T},1\n")
    shop.write("guessed2.csv", f"id,ts,x\n00{secret},{T},2\n2,{T},{secret}.5\n")
    more = [f'{{"id": {value}, "ts": "{T}", "x": {value}}}' for value in ("true", "1.5", '"12"')]
    shop.write("declared.ndjson", "\n".join(more) + "\n")
    shop.write("guessed2.ndjson", f'{{"id": 1, "ts": "{T}", "x": 1.{secret}}}\n')
    row = f"1 as id, timestamp '{T}' as ts"
    shop.parquet(
        "money.parquet", f"select {row}, unnest([0.1, {secret}.125, 1e300, 'nan'])::double as x"
    )
    nested = "{'x': 1} as meta"
    shop.parquet("files/b.parquet", f"select {row}, {secret}.5::double as x, {nested}")
    shop.parquet("mixed/c.parquet", f"select {row}, {secret}.125::double as x")
    shop.parquet("lost/b.parquet", row.join(("select ", "")))
    shop.write("times.csv", f"id,ts,x\n1,on {secret},1\n2,01/02/2024,2\n3,{T},3\n")
    shop.parquet("formats.parquet", f"select 1 as id, 'on {secret}' as ts, 1 as x")
    shop.write("lost2.csv", f"id,ts,y\n1,{T},{secret}\n")
    shop.model(f"select 1 as id, timestamp '{T}' as ts, 1.5 as x")
    nested = ", ".join(f'{{"n": {value}}}' for value in (1, f"{secret}.5", '"1"'))
    shop.write(
        "nested.ndjson", f'{{"id": 1, "ts": "{T}", "x": 1, "meta": {{"list": [{nested}]}}}}\n'
    )
    for name, pair in PAIRS.items():
        pair.write(shop, name, pair.later)
    shop.parquet("grown/c.parquet", f"select {row}, {secret}.5::double as x")
    twice = pa.table({"id": [1], "ts": [datetime(2024, 1, 1)], "x": [int(secret)], "X": [1]})
    pq.write_table(twice, shop.root / "data" / "cases" / "b.parquet")
    shop.write("globs/a[1].csv", f"id,ts,y\n1,{T},{secret}\n")
    shop.parquet("globs/a[1].parquet", f"select {row}, {secret} as y")
    shop.write("quiet.csv", f"id,ts,x\n1,{T},3\n")
    shop.write("spaced.csv", f",id, ts,y,\n0,1,{T},{secret},\n")


def repeated_keys(shop: Shop) -> None:
    row = f'{{"id": 1, "ts": "{T}", "x": {SECRET}, "x": {SECRET}, "y": {SECRET}}}'
    shop.write("keys2.ndjson", f"{row}\n")


WRONG = {
    "declared_csv": "`id` is not bigint in 2 rows of data/declared.csv, `x` is not bigint in 1 row of data/declared.csv",
    "guessed_csv": "`id` is not bigint in 1 row of data/guessed2.csv, `x` is not bigint in 1 row of data/guessed2.csv",
    "declared_json": "`id` is not bigint in 3 rows of data/declared.ndjson, `x` is not bigint in 3 rows of data/declared.ndjson",
    "guessed_json": "`x` is not bigint in 1 row of data/guessed2.ndjson",
    "money": "`x` is not decimal(18,2) in 3 rows of data/money.parquet",
    "files": "`x` is double, not bigint, in data/files/b.parquet",
    "mixed": "`x` is not decimal(18,2) in 1 row of data/mixed/c.parquet",
    "lost": "`x` is missing in data/lost/b.parquet",
    "times": "`ts` is no ISO timestamp in 2 rows of data/times.csv",
    "lost_csv": "`x` is missing in data/lost2.csv",
    "model": "`x` is not bigint in 1 row",
    "nested": "`meta` is not STRUCT(list STRUCT(n BIGINT)[]) in 1 row of data/nested.ndjson",
    **{name: pair.wrong(name) for name, pair in PAIRS.items()},
    "grown": "`x` is double, not bigint, in all files together",
    "cases": "two columns differ from `X` by case alone in data/cases/b.parquet",
    "globs": "`x` is missing in data/globs/a[1].csv",
    "globs_parquet": "`x` is missing in data/globs/a[1].parquet",
    "spaced": "`x` is missing in data/spaced.csv",
    "keys": "a key is there twice in 1 row of data/keys2.ndjson",
    "digits": "`x` is a decimal of more than 38 digits in data/digits/b.parquet",
    "formats": "`ts` is not in its format in 1 row of data/formats.parquet",
}


def test_later_rows_that_do_not_fit_stop_their_source_and_no_other(tmp_path: Path) -> None:
    """One run with everything right, one with everything wrong: no table changes, no value is told."""
    shop = project(tmp_path, SOURCES, first_files)
    statuses, said = shop.build()
    assert set(statuses.values()) <= {"success", "pass"}, said
    assert sorted(shop.rows("f_declared_csv")) == [(1, 2), (7, 3)]
    assert shop.rows("f_money") == [(1, Decimal("0.10"))]
    assert shop.rows("f_spaced") == [(1, 2)]
    assert sorted(shop.rows("f_mixed")) == [(1, Decimal("1.00")), (2, Decimal("2.25"))]
    for name, pair in PAIRS.items():
        found = {(key, None if x is None else Decimal(x)) for key, x in shop.rows(f"f_{name}")}
        expected = {number: Decimal(value) for number, value in enumerate(pair.fits)}
        assert found == {*expected.items(), (100, Decimal(pair.second)), (101, None)}
    before = {name: shop.rows(f"f_{name}") for name in WRONG}

    later_files(shop)
    repeated_keys(shop)
    wide_decimal(shop)
    statuses, said = shop.build()
    for name, wrong in WRONG.items():
        assert statuses[f"stg_{name}"] == "error", said
        assert statuses[f"f_{name}"] == "skipped"
        assert f"the source `{name}` (" in said
        assert f"is not as it was compiled: {wrong}" in " ".join(said.split())
        assert shop.rows(f"f_{name}") == before[name]
    assert statuses["f_quiet"] == "success"
    assert shop.rows("f_quiet") == [(1, 3)]
    assert SECRET not in said.replace(f"{tmp_path}", "")
    assert "Consider setting" not in said
    with duckdb.connect(tmp_path / "feature_store" / "features.duckdb") as connection:
        connection.execute(f"set file_search_path = '{tmp_path / 'dbt'}'")
        for name in ("declared_csv", "guessed_csv", "declared_json", "money", "mixed"):
            with pytest.raises(duckdb.Error, match=f"the source `{name}` has changed") as caught:
                connection.execute(f"select * from stg_{name}").fetchall()
            assert SECRET not in str(caught.value)

    # a feature on its own reads its source through models that are not part of the run
    statuses, said = shop.build("--select", "f_money")
    assert not any(status == "success" for status in statuses.values()), said
    assert f"is not as it was compiled: {WRONG['money']}" in " ".join(said.split())
    assert "the source `files`" not in said
    assert shop.rows("f_money") == before["money"]
    assert SECRET not in said.replace(f"{tmp_path}", "")


def test_mlforge_build_says_what_does_not_fit(tmp_path: Path) -> None:
    """A problem with a code and the next step, and no value of it."""
    money = source("money", "money.parquet", columns={"x": "decimal(18,2)"})

    def files(shop: Shop) -> None:
        shop.parquet(
            "money.parquet", f"select 1 as id, timestamp '{T}' as ts, {SECRET}.125::double as x"
        )

    project(tmp_path, [money], files)
    said = " ".join(mlforge(tmp_path, "build").split())
    wrong = "`x` is not decimal(18,2) in 1 row of data/money.parquet"
    found = f"the source `money` (data/money.parquet) is not as it was compiled: {wrong}"
    assert f"error[MF113]: model `stg_money`: {found}" in said
    assert "say what the columns are in the source's `columns:` and compile again" in said
    assert SECRET not in said


def mlforge(root: Path, *arguments: str) -> str:
    runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})
    return runner.invoke(main, ["--project-dir", str(root), *arguments]).output
