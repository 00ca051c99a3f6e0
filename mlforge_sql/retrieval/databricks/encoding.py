"""How a value travels to a SQL warehouse.

DuckDB makes it text, a whole number or a boolean; JSON carries it; Databricks makes it what it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.types import ColumnType, Kind

_LAST, _FIRST = 253_402_300_799_999_999, -62_135_596_800_000_000
"""The microseconds of the last instant of the year 9999 and of the first of the year 1."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A column on its way.

    Attributes:
        sent: DuckDB's SQL of what is sent.
        json: Databricks' type of what arrives.
        value: Databricks' SQL of the value, of the item ``{}``.
    """

    sent: str
    json: str
    value: str


def encoded(value: str, kind: ColumnType) -> Encoded:
    """How a column of a type travels. A value that the type has no room for becomes NULL.

    Args:
        value: DuckDB's SQL of it.
        kind: The type that it has on the warehouse.
    """
    name = Databricks().type_name(kind)
    typed = f"try_cast({value} as {DuckDb().type_name(kind)})"
    match kind.family:
        case Kind.TEXT:
            return Encoded(f"cast({value} as varchar)", "string", "{}")
        case Kind.BOOLEAN:
            return Encoded(typed, "boolean", "{}")
        case Kind.INTEGER if kind.bits <= 64:
            return Encoded(f"cast({typed} as bigint)", "bigint", f"cast({{}} as {name})")
        case Kind.DATE:
            days = f"datediff('day', date '1970-01-01', {typed})"
            return Encoded(days, "bigint", "date_from_unix_date(cast({} as int))")
        case Kind.TIMESTAMP | Kind.TIMESTAMP_TZ:
            return Encoded(_micros(typed), "bigint", "timestamp_micros({})")
        case _:
            return Encoded(f"cast({typed} as varchar)", "string", f"cast({{}} as {name})")


def _micros(instant: str) -> str:
    """Microseconds of an instant; infinity is as far as a warehouse goes."""
    far = f"case when {instant} > timestamp '2000-01-01' then {_LAST} else {_FIRST} end"
    near = f"greatest({_FIRST}, least({_LAST}, epoch_us({instant})))"
    return f"case when {instant} is null then null when isinf({instant}) then {far} else {near} end"
