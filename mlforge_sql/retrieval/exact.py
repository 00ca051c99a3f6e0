"""Rows as parquet and Arrow hold them exactly, and what DuckDB says of labels that it cannot read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mlforge_sql.dbt.duckdb_errors import no_room
from mlforge_sql.dialects.quoting import DUCKDB, Sql
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.stores.local import first_line

if TYPE_CHECKING:
    import duckdb

_INEXACT = {
    "HUGEINT": "DECIMAL(38,0)",
    "UHUGEINT": "DECIMAL(38,0)",
    "BIGNUM": "VARCHAR",
    "BIT": "VARCHAR",
    "INTERVAL": "VARCHAR",
    "TIME WITH TIME ZONE": "VARCHAR",
    "TIME_NS": "VARCHAR",
}
"""Types that parquet or Arrow change, such as integers of 128 bits to doubles, and what holds them exactly."""

_INEXACT_TYPE = re.compile(
    rf"""("(?:[^"]|"")*"|'(?:[^']|'')*')|\b({"|".join(_INEXACT)})(?=[,)\[]|$)"""
)
_WHOLLY_TEXT = ("UNION(", "VARIANT", "GEOMETRY")


def exact_casts(connection: duckdb.DuckDBPyConnection, query: str) -> Sql:
    """What follows ``*`` so that parquet and Arrow hold the columns of a query exactly; often nothing.

    Raises:
        duckdb.Error: DuckDB cannot read it.
    """
    rows = connection.execute(f"describe {query}").fetchall()
    return exact_columns((str(column), str(kind)) for column, kind, *_ in rows)


def exact_columns(columns: Iterable[tuple[str, str]]) -> Sql:
    """What follows ``*`` for columns of DuckDB's types, so that parquet and Arrow hold them exactly.

    Examples:
        >>> exact_columns([("id", "BIGINT"), ("big", "HUGEINT[]")])
        'replace (cast("big" as DECIMAL(38,0)[]) as "big")'
    """
    casts: list[str] = []
    for column, kind in columns:
        name = DUCKDB.name(column)
        exact = _INEXACT_TYPE.sub(lambda part: part[1] or _INEXACT[part[2]], kind)
        if any(word in kind for word in _WHOLLY_TEXT):
            exact = "VARCHAR"
        if exact != kind:
            casts.append(f"cast({name} as {exact}) as {name}")
    return Sql(f"replace ({', '.join(casts)})" if casts else "")


def problem(error: Exception, timestamp: str | None, names: Iterable[str] = ()) -> BaseException:
    """What DuckDB says of the labels, without their values, or of its memory; an interrupt is the user's.

    Raise it ``from None``: a traceback would show what DuckDB said.

    Args:
        error: Of DuckDB.
        timestamp: The label time's column.
        names: Columns that may be named.
    """
    if isinstance(error, RuntimeError) and "interrupt" in str(error).casefold():
        return KeyboardInterrupt()
    full = no_room(error)
    if full is not None:
        return RetrievalError([full])
    hint = None
    if timestamp and f"source column {timestamp}" in str(error):
        hint = f"`{timestamp}` must be ISO text, such as 2024-01-31T12:00:00+02:00"
    return RetrievalError([Diagnostic("MF063", first_line(error, names), hint=hint)])
