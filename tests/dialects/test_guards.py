"""Users' expressions on DuckDB: what fails on a row fails without its value, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import events
import pytest
from dialect_table import TABLES, read_table
from dialect_values import column_types, table_sql
from events import at, feature
from harness import CONFIG, write_parquet, write_project

from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.dialects.failing import may_fail
from mlforge_sql.expressions import Expr, annotate, own, parse_expression
from mlforge_sql.loading.schemas import SchemaReader
from mlforge_sql.project.portability import typed
from mlforge_sql.sql.text import sql_text
from mlforge_sql.workflows.compile import schema_reader

WRITTEN = [row.duckdb for file in sorted(TABLES.glob("*.sql")) for row in read_table(file)]
MORE = [
    "i64 + 1 > 0 and i32 > 0",
    "i32 > 0 or i64 * i64 > 0",
    "not (i32 > 0 and i64 + i642 > 0)",
    "case when i64 < 1000000 then i64 * i64 end",
    "coalesce(try_cast(s as integer), cast(s2 as integer))",
    "cast(s as integer) > 0",
    "s = 'a' and cast(s as integer) > 0",
    "strptime(s, '%Y-%m-%d')",
    "cast(s as date)",
    "cast(s as timestamp)",
    "cast(s as decimal(10, 2))",
    "cast(f64 as decimal(10, 2))",
    "cast(f64 as integer)",
    "make_date(i32, 1, 1)",
    "i64 // i642",
    "f64 / f642 > 1",
    "cast(s as integer) = any([1, 2])",
    "list_max(list_transform([i64], lambda x: x + 1))",
    "i64 in (i642 + 1, 2)",
    "nullif(i64 + 1, 2)",
]  # fmt: skip
CONSTANT = {"'yesterday'::date", "day > '2024-13-01'", "t > '29.02.2024'"}
"""What fails for every row, and has no value but the spec's own."""

OURS = "feature `visits`: an expression over `"


def annotated(text: str) -> Expr:
    """An expression as the resolver leaves it in a project without Databricks."""
    expr = parse_expression(text)
    for item in expr.tree.find_all(type(parse_expression("x").tree)):
        annotate(item, column_types()[item.name])
    own(expr.tree, "feature `visits`")
    return expr


@pytest.fixture(scope="module")
def numbers() -> Any:
    """DuckDB with the nasty values."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create table numbers as {table_sql(spark=False)}")
        yield connection


@pytest.fixture(scope="module")
def reader() -> Any:
    with schema_reader(TABLES) as opened:
        yield opened


def failure(connection: Any, query: str) -> str | None:
    """What DuckDB says of a query; None when it runs."""
    try:
        connection.execute(query).fetchall()
    except duckdb.Error as error:
        return str(error)
    return None


@pytest.mark.parametrize("known", ["columns", "all parts"])
@pytest.mark.parametrize("text", [*WRITTEN, *MORE])
def test_same_values_and_no_value_in_an_error(
    text: str, known: str, numbers: Any, reader: SchemaReader
) -> None:
    expr = annotated(text)
    if known == "all parts":
        expr = typed(expr, column_types(), reader)
    if text in CONSTANT or failure(numbers, f"explain select {expr.sql} from numbers"):
        pytest.skip("the compiler refuses it")
    plain, guarded = expr.sql, sql_text(DuckDb().expression(expr), DuckDb(), in_jinja=True)
    for query in ("select {} from numbers", "select count(*) from numbers where ({}) is not null"):
        said = failure(numbers, query.format(guarded))
        raw = failure(numbers, query.format(plain))
        assert (said is None) == (raw is None)
        if raw is not None and not may_fail(expr.tree):
            assert "TRY(" in raw
        elif said is not None:
            assert said.startswith(f"Invalid Input Error: {OURS}"), said
    if " any(" in text:
        return  # the test's own `try` takes it no more than ours
    fine = f"(select * from numbers where try(row({plain})) is not null)"
    differing = f"select count(*) from {fine} where row({plain}) is distinct from row({guarded})"
    assert numbers.execute(differing).fetchone() == (0,)
    types = numbers.execute(f"describe select ({plain}) as a, ({guarded}) as b from numbers")
    (_, left, *_), (_, right, *_) = types.fetchall()
    assert left == right


SAFE = [
    "amount > 0",
    "user_id = 'a' and amount between 1 and 2.5",
    "coalesce(amount, 0) * 2 + 1 > 0",
    "lower(user_id) || '-' || day = 'a'",
    "case when amount > 1 then 'a' else 'b' end = 'a'",
    "amount / visits > 2",
    "try_cast(user_id as integer) > 3",
    "visits in (1, 2, 3)",
    "day >= '2024-01-01'",
    "extract(hour from event_time) < 6",
    "user_id like 'a%'",
    "length(user_id) > 3",
    "cast(visits as double) > 1",
]
FAILING = [
    "cast(user_id as integer) > 0",
    "visits + 1 > 0",
    "day > event_time",
    "user_id = 'a' or cast(user_id as date) > day",
    "cast(amount as integer) = 1",
    "strptime(user_id, '%Y') > event_time",
    "make_date(2024, visits, 1) > day",
    "substring(user_id, visits) = 'a'",
    "date_add(day, to_days(visits)) > event_time",
]
TYPES = {"user_id": "VARCHAR", "event_time": "TIMESTAMP", "amount": "DOUBLE", "visits": "INTEGER",
         "day": "DATE"}  # fmt: skip


def compiled(root: Path, **keys: Any) -> dict[str, str]:
    """The compiled files of a project with one feature over the columns of ``TYPES``."""
    from mlforge_sql.workflows.compile import compile_project

    count = [{"windows": ["1d"], "aggregations": {"*": ["count"]}}]
    document = events.spec([feature(interval="1d", metrics=count, **keys)])
    write_parquet(root / events.PARQUET, TYPES, [])
    write_project(root, document, CONFIG)
    return {path.name: text for path, text in compile_project(root).files.items()}


@pytest.mark.parametrize("text", SAFE)
def test_what_cannot_fail_is_written_as_it_is(text: str, tmp_path: Path) -> None:
    files = compiled(tmp_path, where=text)
    assert not [name for name, body in files.items() if "try(" in body]


@pytest.mark.parametrize("text", FAILING)
def test_what_can_fail_is_guarded(text: str, tmp_path: Path) -> None:
    files = compiled(tmp_path, where=text)
    assert "try(" in files["int_f__input.sql"]
    assert "feature `f`: an expression over `" in files["int_f__input.sql"]


def test_the_message_names_feature_and_column(tmp_path: Path) -> None:
    spend = feature(interval="1d", metrics=[{"windows": ["1d"], "aggregations": {"*": ["count"]}}],
                    where="user_id = 'Ann' and cast(user_id as integer) > 0")  # fmt: skip
    row = {"user_id": "Ann", "event_time": at("01-01 12:00"), "amount": 1.0}
    with pytest.raises(duckdb.Error) as caught:
        events.run(tmp_path, events.spec([spend]), [row])
    assert str(caught.value) == (
        "Invalid Input Error: feature `f`: an expression over `user_id` fails for some rows; "
        "give it a value for them"
    )


def test_a_filter_asks_the_second_condition_only_where_the_first_is_true(tmp_path: Path) -> None:
    spend = feature(interval="1d", metrics=[{"windows": ["1d"], "aggregations": {"*": ["count"]}}],
                    where="amount > 1 and cast(user_id as integer) > 0")  # fmt: skip
    rows = events.table(
        "user_id event_time amount",
        ("Ann", at("01-01 12:00"), 1.0),
        ("1", at("01-01 12:00"), 2.0),
    )
    found = events.run(tmp_path, events.spec([spend]), rows).rows("f", "user_id")
    assert {row["user_id"] for row in found} == {"1"}
