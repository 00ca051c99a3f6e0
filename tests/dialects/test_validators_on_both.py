"""Validators find the same violations on DuckDB and on Databricks, for values of every type."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import pytest
from dialect_values import column_types, table_sql
from test_dialect_table import CATALOG, plain
from warehouse import Warehouse

from mlforge_sql.dbt.macros import Macros
from mlforge_sql.dbt.properties import _pattern
from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.project.bounds import with_plain_bounds
from mlforge_sql.spec.validators import Validator
from mlforge_sql.sql.branches import Branches
from mlforge_sql.types import ColumnType, parse_type

TEMPLATES = Path(__file__).parents[2] / "templates" / "dbt"
BRANCHES = Branches((Databricks(), DuckDb()))
TYPES = {**column_types(), "tz": parse_type("timestamptz")}

NUMBERS = (0, -2.5, 0.1, 2.675, 1e300, 2**53 + 1)
TIMES = (
    "2024-02-29",
    "2024-02-29 12:34:56.789012",
    "2024-02-29T12:34:56+02:00",
    "1969-12-31T23:59:59.999999Z",
    "20240229",
)
TEXTS = ("", "a", "abc", "it's", "a\\b", '"q"', "é", "{{x}}", "line\nbreak", "`tick`", "${x}")
PATTERNS = ("^[A-Z]+$", r"\s", r"\\", "a.b", "(?i)ABC", "'", "^.$", "b|é", "{{", r"^\w+$", '"')


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    """A column and a validator for it."""
    for name, kind in TYPES.items():
        if name.endswith("2"):
            continue
        yield name, {"test": "not_null"}
        yield name, {"test": "unique"}
        for bound in bounds(kind):
            for test in (
                "greater_than",
                "less_than",
                "greater_than_or_equal",
                "less_than_or_equal",
            ):
                yield name, {"test": test, "value": bound}
            yield name, {"test": "in_range", "min": bound}
        if kind.is_numeric:
            yield name, {"test": "in_range", "min": -2.5, "max": 0.1}
        values = ("é", *TEXTS) if name == "s" else (True,) if name == "b" else bounds(kind)
        yield name, {"test": "is_in", "values": values}
        yield name, {"test": "is_in", "values": values[:1]}
    for pattern in PATTERNS:
        yield "s", {"test": "matches_regex", "pattern": pattern}


def bounds(kind: ColumnType) -> tuple[Any, ...]:
    if kind.is_numeric:
        return NUMBERS
    if str(kind) in {"date", "timestamp", "timestamp_tz"}:
        return TIMES
    return TEXTS if str(kind) == "text" else ()


CASES = list(cases())


def generic_tests(adapter: str) -> Macros:
    """The generic tests of a compiled project, as macros."""
    files = {path: path.read_text("utf-8") for path in TEMPLATES.rglob("*.sql")}
    texts = {
        PurePosixPath("macros") / path.name: re.sub(
            r"{%(-?) (end)?test(?: (\w+))?",
            lambda found: (
                f"{{%{found[1]} {found[2] or ''}macro" + (f" test_{found[3]}" if found[3] else "")
            ),
            text,
        )
        for path, text in files.items()
        if "mlforge_metadata" not in path.name
    }
    return Macros(texts, adapter, str)


def statement(macros: Macros, relation: str, case: tuple[str, dict[str, Any]]) -> str:
    """The SQL of a test that dbt would run."""
    column, given = case
    validator = with_plain_bounds(Validator.model_validate(given), TYPES[column], databricks=True)
    arguments = {"column": column, **validator.arguments, **_pattern(validator, BRANCHES)}
    return str(macros.call(f"test_mlforge_{validator.test}", relation, **arguments))


CONDITION = re.compile(r"\s*select `\w+`\s+from [\w.]+\s+where\s+(.*?)\s*", re.DOTALL)


def violations(rows: list[Any]) -> Counter[str]:
    """The values that failed."""
    return Counter(repr(naive(value)) for value in rows)


def naive(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 9) + 0.0
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return value


@pytest.fixture(scope="module")
def on_duckdb() -> Callable[[tuple[str, dict[str, Any]]], Counter[str]]:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    select = f"select *, t::timestamptz as tz from ({table_sql(spark=False)})"
    connection.execute(f"create table numbers as {select}")
    macros = generic_tests("duckdb")

    def run(case: tuple[str, dict[str, Any]]) -> Counter[str]:
        table = connection.sql(statement(macros, "numbers", case)).to_arrow_table()
        return violations(plain(table.columns[0]))

    return run


def test_the_cases_violate_something(on_duckdb: Callable[[Any], Counter[str]]) -> None:
    """Each validator fails for some values of each type, so that both engines have something to find."""
    failed = {(case[0], case[1]["test"]) for case in CASES if on_duckdb(case)}
    asked = {(name, given["test"]) for name, given in CASES}
    assert asked - failed == set()


def test_both_engines_find_the_same(
    shared_warehouse: Warehouse, on_duckdb: Callable[[Any], Counter[str]]
) -> None:
    connection = shared_warehouse.connect(schema="default")
    macros = generic_tests("databricks")
    wrong = []
    try:
        connection.sql(f"create schema if not exists {CATALOG}.validators")
        for kind in ("timestamp", "timestamp_ntz"):
            relation = f"{CATALOG}.validators.{kind}s"
            select = f"select *, cast(t as timestamp) as tz from ({table_sql(spark=True, timestamp=kind)})"
            connection.sql(f"create or replace table {relation} as {select}")
            some = [case for case in CASES if kind == "timestamp" or case[0] == "t"]
            wrong += [
                f"{case} ({kind}): {expected - found} {found - expected}"
                for case, found in asked(connection, macros, relation, some)
                if found != (expected := on_duckdb(case))
            ]
    finally:
        connection.close()
    assert not wrong, "\n".join(wrong)


def asked(
    connection: Any, macros: Macros, relation: str, some: list[tuple[str, dict[str, Any]]]
) -> Iterator[tuple[tuple[str, dict[str, Any]], Counter[str]]]:
    """What Databricks finds: the conditions of all tests of a column in one statement."""
    for name in dict.fromkeys(column for column, _ in some):
        group = [case for case in some if case[0] == name]
        texts = [statement(macros, relation, case) for case in group]
        whole = [found for text in texts if (found := CONDITION.fullmatch(text))]
        assert len(whole) == len(group) - 1
        conditions = ", ".join(f"{found[1]} as c{at}" for at, found in enumerate(whole))
        table = connection.arrow(f"select `{name}` as x, {conditions} from {relation}")
        values, *answers = (plain(column) for column in table.columns)
        for case, text in zip(group, texts, strict=True):
            if CONDITION.fullmatch(text) is None:  # `unique` groups its rows
                yield case, violations(plain(connection.arrow(text).columns[0]))
                continue
            answer = answers.pop(0)
            yield case, violations([x for x, fails in zip(values, answer, strict=True) if fails])


NAMES = ("plain", "select", "two words", "it's", 'a"b', "a`b", "back\\slash", "{{x}}", "é")


@pytest.mark.parametrize("adapter", ["duckdb", pytest.param("databricks", marks=pytest.mark.slow)])
def test_names_and_texts_arrive_as_they_are(adapter: str, request: pytest.FixtureRequest) -> None:
    macros = generic_tests(adapter)
    quoted = [str(macros.call("mlforge_quote", name)) for name in NAMES]
    literals = [str(macros.call("mlforge_literal", value)) for value in (*NAMES, *TEXTS, None)]
    nulls = ", ".join(f"cast(null as timestamp) as {name}" for name in quoted)
    columns = ", ".join(f"{text} as c{number}" for number, text in enumerate(literals))
    counted = [
        str(macros.call("test_mlforge_rows_counted", "nulls", keys=[name], timestamp=name))
        for name in NAMES
    ]
    run: Callable[[str], Any]
    if adapter == "duckdb":
        connection = duckdb.connect()
        run = lambda text: connection.sql(text).to_arrow_table()  # noqa: E731 - one of two engines
    else:
        run = request.getfixturevalue("shared_warehouse").connect(schema="default").arrow
    table = run(f"select {nulls}, {columns}")
    assert table.column_names[: len(NAMES)] == list(NAMES)
    found = [plain(column)[0] for column in table.columns[len(NAMES) :]]
    assert found == [*NAMES, *TEXTS, None]
    for name, text in zip(NAMES, counted, strict=True):
        reasons = plain(run(f"with nulls as (select {nulls}) {text}").columns[0])
        assert reasons == [f"{name} is null"]
