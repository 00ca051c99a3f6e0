"""Names and types as Postgres has them."""

from __future__ import annotations

import hashlib

from sqlglot import exp

from mlforge_sql.dialects.quoting import POSTGRES, Sql
from mlforge_sql.types import ColumnType, Kind

METADATA = "_mlforge_online"
"""The table that says what the others hold."""

MAX_BYTES = 63
"""What is longer, Postgres cuts off without an error."""

MAX_COLUMNS = 1600
"""Columns that a table can have, and nearly those that a result can have."""

_SHORTENED = 54

_INTEGERS = {8: "smallint", 16: "smallint", 32: "integer", 64: "bigint", 128: "numeric(38, 0)"}


def stored_name(name: str) -> str:
    """A name as it is stored: itself, or its beginning and a hash where it is too long.

    Examples:
        >>> stored_name("customer_spend")
        'customer_spend'
        >>> stored_name("a" * 80)
        'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_0f45e858'
    """
    encoded = name.encode()
    if len(encoded) <= MAX_BYTES:
        return name
    beginning = encoded[:_SHORTENED].decode(errors="ignore")
    return f"{beginning}_{hashlib.sha256(encoded).hexdigest()[:8]}"


def quoted(name: str) -> Sql:
    """An identifier for Postgres, as it is stored."""
    return POSTGRES.name(stored_name(name))


def stored_column(name: str, table: str) -> exp.Column:
    """A column of a stored table, as it is stored."""
    return exp.column(exp.to_identifier(stored_name(name), quoted=True), table=table)


def stored_table(schema: str, name: str, alias: str) -> exp.Expr:
    """A stored table, under an alias."""
    table, place = (exp.to_identifier(stored_name(part), quoted=True) for part in (name, schema))
    return exp.alias_(exp.table_(table, db=place), alias, table=True)


def type_name(kind: ColumnType) -> str | None:
    """The Postgres type that holds every value of a type exactly; None when there is none.

    Examples:
        >>> from mlforge_sql.types import parse_type
        >>> type_name(parse_type("hugeint")), type_name(parse_type("timestamp_ns"))
        ('numeric(38, 0)', None)
    """
    match kind.family:
        case Kind.BOOLEAN:
            return "boolean"
        case Kind.INTEGER:
            return _INTEGERS.get(kind.bits)
        case Kind.FLOAT:
            return "double precision" if kind.bits == 64 else "real"
        case Kind.DECIMAL:
            return f"numeric({kind.precision}, {kind.scale})"
        case Kind.TEXT:
            return "text"
        case Kind.DATE:
            return "date"
        case Kind.TIMESTAMP | Kind.TIMESTAMP_TZ if not kind.text.endswith("_ns"):
            return "timestamptz" if kind.family is Kind.TIMESTAMP_TZ else "timestamp"
        case _:
            return None
