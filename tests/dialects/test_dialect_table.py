"""The dialect table: what users write, said on Databricks, and computed by both engines."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from dialect_table import TABLES, Row, databricks, duckdb_type, read_table
from dialect_values import VALUES, equal, rows, table_sql
from warehouse import Connection, StatementError, Warehouse

from mlforge_sql.dialects.translation import databricks_type
from mlforge_sql.expressions import parse_expression

TABLE = [row for file in sorted(TABLES.glob("*.sql")) for row in read_table(file)]
SAID = [row for row in TABLE if not row.refused]
CATALOG = "main"
NULL = '"null"'
BATCH = 40


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.duckdb)
def test_the_text_for_databricks(row: Row) -> None:
    assert databricks(row.duckdb) == row.said


def test_the_table_names_each_expression_once() -> None:
    assert len({row.duckdb for row in TABLE}) == len(TABLE)
    assert len(SAID) > 300


class Local:
    """DuckDB with the values."""

    def __init__(self) -> None:
        self.rows = rows()
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute(f"create table numbers as {table_sql(spark=False)}")

    def values(self, text: str) -> dict[int, Any]:
        """Values by row, for rows that differ in the columns used; an error is ``Failed``."""
        expr = parse_expression(text)
        first: dict[tuple[Any, ...], int] = {}
        for row in self.rows:
            first.setdefault(tuple(repr(row[name]) for name in expr.columns), row["id"])
        ids = ", ".join(str(number) for number in first.values())
        query = f"select id, ({expr.sql}) as x from numbers where id in ({ids})"
        for sql in (query, query.replace("(", "try(", 1)):
            try:
                table = self.connection.sql(sql).to_arrow_table()
            except duckdb.Error:
                continue
            found = dict(zip(table["id"].to_pylist(), plain(table["x"]), strict=True))
            if sql == query:
                return found
            failed = [number for number, value in found.items() if value is None]
            return {**found, **{number: self._one(expr.sql, number) for number in failed}}
        return {number: self._one(expr.sql, number) for number in first.values()}

    def _one(self, sql: str, row: int) -> Any:
        query = f"select ({sql}) as x from numbers where id = {row}"
        try:
            return plain(self.connection.sql(query).to_arrow_table()["x"])[0]
        except duckdb.Error:
            return Failed


class Failed:
    """What an expression gives in a row where it fails."""


def plain(column: Any) -> list[Any]:
    """Python values; what Python cannot hold, such as the year 10000, as the number it is stored as."""
    found: list[Any] = []
    for item in column:
        try:
            found.append(item.as_py())
        except (OverflowError, ValueError):
            found.append(item.value)
    return found


def test_the_values_are_those_that_the_table_says() -> None:
    local = Local().connection
    names = ", ".join(["id", *(name for pair in VALUES for name in (pair, pair + "2"))])
    found = local.sql(f"select {names} from numbers order by id").to_arrow_table().to_pylist()
    wanted = rows()
    for row, expected in zip(found, wanted, strict=True):
        for name, value in expected.items():
            assert equal(row[name], value), (name, row["id"])


def values_table(connection: Connection, kind: str) -> None:
    """Write the table of values, with timestamps of a kind."""
    connection.sql(f"create schema if not exists {CATALOG}.dialect_table")
    text = table_sql(spark=True, timestamp=kind)
    connection.sql(f"create or replace table {CATALOG}.dialect_table.{kind}s as {text}")


@pytest.fixture(scope="module")
def spark(shared_warehouse: Warehouse) -> Iterator[Connection]:
    """Databricks with the values, their timestamps with and without a time zone."""
    connection = shared_warehouse.connect(schema="default")
    for kind in ("timestamp", "timestamp_ntz"):
        values_table(connection, kind)
    yield connection
    connection.close()


def test_both_engines_compute_the_same(spark: Connection) -> None:
    local = Local()
    wrong: list[str] = []
    for start in range(0, len(SAID), BATCH):
        batch = SAID[start : start + BATCH]
        expected = [local.values(row.duckdb) for row in batch]
        for kind in ("timestamp", "timestamp_ntz"):
            wanted = [
                (row, values)
                for row, values in zip(batch, expected, strict=True)
                if kind == "timestamp" or re.search(r"\bt2?\b", row.duckdb)
            ]
            wrong += differences(spark, kind, wanted)
    assert not wrong, "\n".join(wrong)


def differences(
    spark: Connection, kind: str, batch: Sequence[tuple[Row, dict[int, Any]]]
) -> list[str]:
    """What Databricks computes differently, or in another type."""
    try:
        found = ask(spark, kind, batch)
    except StatementError as error:
        if len(batch) == 1:
            return [f"{batch[0][0].duckdb}: {str(error).splitlines()[0]}"]
        return [text for item in batch for text in differences(spark, kind, [item])]
    wrong: list[str] = []
    for number, (row, values) in enumerate(batch):
        type_name, expected = found.types[number], databricks_type(duckdb_type(row.duckdb))
        if expected not in {NULL, type_name}:
            wrong.append(f"{row.duckdb}: is {type_name}, expected {expected}")
        said = dict(zip(found.ids, found.values[number], strict=True))
        for key, value in values.items():
            if value is not Failed and not equal(value, said[key]):
                wrong.append(f"{row.duckdb} in row {key} ({kind}): {value!r}, not {said[key]!r}")
                break
    return wrong


@dataclass(frozen=True)
class Answer:
    """The rows of a statement: their numbers, and the type and the values of each expression."""

    ids: list[int]
    types: list[str]
    values: list[list[Any]]


def ask(spark: Connection, kind: str, batch: Sequence[tuple[Row, dict[int, Any]]]) -> Answer:
    """The values of several expressions in one statement, where DuckDB has one."""
    columns = ["id"]
    for row, values in batch:
        good = [str(key) for key, value in values.items() if value is not Failed]
        fails = len(good) < len(values)
        columns.append(
            f"case when id in ({', '.join(good)}) then {row.said} end" if fails else row.said
        )
    named = ", ".join(f"{column} as c{number}" for number, column in enumerate(columns))
    table = spark.arrow(f"select {named} from {CATALOG}.dialect_table.{kind}s")
    ids, *found = table.columns
    return Answer(
        ids.to_pylist(),
        [spark_type(column.type) for column in found],
        [plain(column) for column in found],
    )


def spark_type(arrow: pa.DataType) -> str:
    """Databricks' name of an Arrow type."""
    names = {
        pa.bool_(): "boolean",
        pa.int8(): "tinyint",
        pa.int16(): "smallint",
        pa.int32(): "int",
        pa.int64(): "bigint",
        pa.float32(): "float",
        pa.float64(): "double",
        pa.string(): "string",
        pa.date32(): "date",
    }
    if pa.types.is_decimal(arrow):
        return f"decimal({arrow.precision},{arrow.scale})"
    return "timestamp" if pa.types.is_timestamp(arrow) else names[arrow]


def test_what_would_become_too_long_is_refused_at_once() -> None:
    deep = "f64"
    for _ in range(30):
        deep = f"f642 / ({deep})"
    said = databricks(deep)
    assert said.startswith("! ")
    assert said.endswith(
        "because parts of it are said several times; "
        "take it apart in a dbt model and name that as `model:`"
    )
    assert not databricks("f64 / (f64 / (f64 / f642))").startswith("!")


@pytest.mark.parametrize(
    "form",
    [
        "coalesce({}, 0)",
        "({}) - i32",
        "i32 - ({})",
        "case when b then {} else 0 end",
        "abs({})",
        "greatest({}, 1)",
        "({}) % 7",
    ],
)
def test_what_is_nested_is_said_once(form: str) -> None:
    deep = "i64"
    for _ in range(20):
        deep = form.format(deep)
    start = time.monotonic()
    assert not databricks(deep).startswith("!")
    assert time.monotonic() - start < 10
