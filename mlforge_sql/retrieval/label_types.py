"""What the columns of csv and json labels are: types in which every value stays what the file says.

DuckDB's own guess makes doubles of long integers and of ``1.10``, and looks at some rows only. Here
all rows are looked at, and a column in which a type would lose something stays text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlforge_sql.dialects.quoting import DUCKDB, Sql
from mlforge_sql.types import DOUBLE, TEXT, ColumnType, parse_type

if TYPE_CHECKING:
    import duckdb

_INTEGER = "0|-?[1-9][0-9]*"
_DECIMAL = r"-?(0|[1-9][0-9]*)[.][0-9]+"
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DIGITS = 38
"""Most digits of a decimal on every engine."""

_WHOLE_DIGITS = 15
"""Digits of an integer that a double holds for certain."""

_FACTS = (
    "count(value)",
    f"bool_and(regexp_full_match(value, {DUCKDB.text(_INTEGER)}))",
    "bool_and(try_cast(value as bigint) is not null)",
    "max(length(ltrim(value, '-')))",
    (
        "bool_and(coalesce(cast(try_cast(value as double) as varchar) = value, false) "
        f"or (regexp_full_match(value, {DUCKDB.text(_INTEGER)}) and length(value) <= {_WHOLE_DIGITS}))"
    ),
    f"bool_and(regexp_full_match(value, {DUCKDB.text(_DECIMAL)}) and not regexp_full_match(value, '-[0.]*'))",
    "min(length(value) - strpos(value, '.'))",
    "max(length(value) - strpos(value, '.'))",
    "bool_and(value in ('true', 'false'))",
    f"bool_and(regexp_full_match(value, {DUCKDB.text(_DATE)}) and try_cast(value as date) is not null)",
    "bool_and(coalesce(cast(try_cast(value as timestamp) as varchar) = value, false) and length(value) >= 19)",
)
"""What decides: of the column ``value``, which is text."""


def csv_types(
    connection: duckdb.DuckDBPyConnection, relation: str, names: Sequence[str]
) -> dict[str, ColumnType]:
    """The types of columns of text.

    Args:
        connection: Where the relation is.
        relation: SQL for a from clause.
        names: The columns.
    """
    facts = _facts(connection, relation, {name: DUCKDB.name(name) for name in names}, _FACTS)
    return {name: _type(found) for name, found in facts.items()}


def json_types(
    connection: duckdb.DuckDBPyConnection, relation: str, names: Sequence[str]
) -> dict[str, ColumnType]:
    """The types of columns of JSON: numbers and text in one column are text.

    Args:
        connection: Where the relation is.
        relation: SQL for a from clause.
        names: The columns.
    """
    values = {name: json_text(name) for name in names}
    facts = _facts(connection, relation, values, _FACTS)
    kinds = _facts(
        connection,
        relation,
        {name: f"json_type({DUCKDB.name(name)})" for name in names},
        (
            "bool_or(value = 'VARCHAR')",
            "bool_or(value = 'BOOLEAN')",
            "bool_or(value not in ('VARCHAR', 'BOOLEAN', 'NULL'))",
        ),
    )
    return {name: _json_type(facts[name], kinds[name]) for name in names}


def json_text(name: str) -> str:
    """SQL of a JSON column's value as text, with all digits of its numbers."""
    return f"({DUCKDB.name(name)} ->> '$')"


def _facts(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    values: Mapping[str, str],
    wanted: Sequence[str],
) -> dict[str, tuple[Any, ...]]:
    """Facts of each column, in one scan."""
    if not values:
        return {}
    query = DUCKDB.sql(
        "select {asked} from (select {listed} from {relation})",
        asked=[
            Sql(fact.replace("value", f"c{number}"))
            for number in range(len(values))
            for fact in wanted
        ],
        listed=[Sql(f"{value} as c{number}") for number, value in enumerate(values.values())],
        relation=Sql(relation),
    )
    (found,) = connection.execute(
        query
    ).fetchall()  # to the end: a result that is open is in the way
    size = len(wanted)
    return {
        name: tuple(found[number * size : (number + 1) * size])
        for number, name in enumerate(values)
    }


def _type(facts: Sequence[Any], *, text: bool = True, numbers: bool = True) -> ColumnType:
    count, whole, fits, digits, double, decimal, least, most, boolean, date, instant = facts
    if not count:
        return TEXT
    if numbers and whole:
        if fits:
            return parse_type("bigint")
        return parse_type(f"decimal({_DIGITS}, 0)") if digits <= _DIGITS else TEXT
    if numbers and double:
        return parse_type("double")
    if numbers and decimal and least == most and digits - 1 <= _DIGITS:
        return parse_type(f"decimal({digits - 1}, {most})")
    if numbers and boolean:
        return parse_type("boolean")
    if text and date:
        return parse_type("date")
    return parse_type("timestamp") if text and instant else TEXT


def _json_type(facts: Sequence[Any], kinds: Sequence[Any]) -> ColumnType:
    texts, booleans, numbers = map(bool, kinds)
    if texts + booleans + numbers != 1:
        return TEXT
    found = _type(facts, text=texts, numbers=not texts)
    # numbers with a point are doubles by now: digits beyond a double's are lost, and no decimal has them
    return DOUBLE if found.scale else found
