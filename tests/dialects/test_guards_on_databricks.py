"""Users' expressions on Databricks: the same values, and errors without one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dialect_table import TABLES, Row, read_table
from dialect_values import column_types
from test_dialect_table import CATALOG, Failed, Local, values_table
from warehouse import Connection, StatementError, Warehouse

from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.dialects.translation.terms import narrows
from mlforge_sql.expressions import own, parse_expression
from mlforge_sql.project.portability import typed
from mlforge_sql.sql.text import sql_text
from mlforge_sql.types import parse_type
from mlforge_sql.workflows.compile import schema_reader

READER = schema_reader(TABLES)


def said(text: str) -> str:
    """What a model says on Databricks."""
    expr = typed(parse_expression(text), column_types(), READER)
    own(expr.tree, "feature `visits`")
    return " ".join(sql_text(Databricks().expression(expr), Databricks(), in_jinja=True).split())


TABLE = [row for file in sorted(TABLES.glob("*.sql")) for row in read_table(file)]
NESTED = ["(i64::integer)::tinyint", "(d * d2)::decimal(5, 1)", "case when b then i8 + i82 end",
          "i8 * i82 > 1 and i64::integer > 2", "round(f64, 1)::integer"]  # fmt: skip
GUARDED = [
    Row(text, said(text))
    for text in [*(row.duckdb for row in TABLE if not row.refused), *NESTED]
    if "raise_error(" in said(text)
]


def test_what_is_guarded() -> None:
    found = {row.duckdb for row in GUARDED}
    assert {"i64::integer", "f64::bigint", "d38::decimal(18, 2)", "i8 + i82", "d * d2"} <= found
    assert not {"i32 + i322", "i64 * 2", "f64 / f642", "i8::bigint"} & found
    assert said("i64::integer") == (
        "coalesce( try_cast(i64 as int), case when isnotnull(i64) then raise_error( 'feature `visits`: an "
        "expression over `i64` fails for some rows; give it a value for them' ) end )"
    )


@pytest.mark.parametrize(
    "text",
    ["i64 > cast(300 as tinyint)", "i64 > cast(5000000000 as integer)", "i64 > 100::tinyint"],
)
def test_constants_are_not_guarded(text: str) -> None:
    """They fail for every row or for none, and have no value but the spec's own."""
    assert said(text).startswith("i64 > cast(")
    assert "raise_error(" not in said(f"{text} and i64::integer > 1").split("coalesce(")[0]


def test_what_nests_deep_is_not_said_too_often() -> None:
    deep = "i64"
    for _ in range(12):
        deep = f"(({deep})::tinyint)::bigint"
    assert len(said(deep)) < 100_000


@pytest.mark.parametrize(
    ("held", "to", "answer"),
    [
        ("bigint", "integer", True),
        ("integer", "bigint", False),
        ("double", "bigint", True),
        ("boolean", "tinyint", False),
        ("decimal(9, 0)", "integer", False),
        ("decimal(10, 0)", "integer", True),
        ("decimal(10, 1)", "integer", True),
        ("integer", "decimal(12, 2)", False),
        ("integer", "decimal(11, 2)", True),
        ("decimal(5, 2)", "decimal(5, 1)", False),
        ("decimal(5, 2)", "decimal(4, 1)", True),
        ("decimal(5, 2)", "decimal(6, 2)", False),
        ("bigint", "double", False),
    ],
)
def test_what_narrows(held: str, to: str, answer: bool) -> None:
    assert narrows(parse_type(held), parse_type(to)) is answer


@pytest.fixture(scope="module")
def spark(shared_warehouse: Warehouse) -> Iterator[Connection]:
    connection = shared_warehouse.connect(schema="default")
    values_table(connection, "timestamp")
    yield connection
    connection.close()


def test_same_values_and_no_value_in_an_error(spark: Connection) -> None:
    from dialect_table import databricks

    local, wrong = Local(), []
    table = f"{CATALOG}.dialect_table.timestamps"
    for row in GUARDED:
        plain, values = databricks(row.duckdb), local.values(row.duckdb)
        good = ", ".join(str(key) for key, value in values.items() if value is not Failed)
        query = (
            f"select count(*) from {table} where id in ({good}) and not ({row.said}) <=> ({plain})"
        )
        if spark.sql(query) != [(0,)]:
            wrong.append(f"{row.duckdb}: other values")
        if Failed not in values.values():
            continue
        try:
            spark.sql(f"select max({row.said}) from {table}")
            wrong.append(f"{row.duckdb}: does not fail")
        except StatementError as error:
            text = str(error).split("== SQL")[0]
            if text.startswith("[DIVIDE_BY_ZERO] Division by zero. "):
                continue  # told without a value, before the cast
            if "[USER_RAISED_EXCEPTION] feature `visits`: an expression over `" not in text:
                wrong.append(f"{row.duckdb}: {text}")
    assert not wrong, "\n".join(wrong)
