"""How full the columns of a built table are, and how their numbers lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlforge_sql.dialects.quoting import DUCKDB, Sql
from mlforge_sql.stores.duckdb import DuckDbStore
from mlforge_sql.stores.store import METADATA
from mlforge_sql.types import ColumnType

BINS = 12
"""Bars of a histogram."""


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """One column.

    Attributes:
        name: Its name.
        null_share: Share of rows without a value, 0 to 1; 0 of no rows.
        distinct: How many values differ, about.
        low: The smallest number; None of other columns, and where there is none.
        high: The largest.
        histogram: Numbers in each of ``BINS`` parts of equal width between them; none of other columns.
    """

    name: str
    null_share: float
    distinct: int
    low: float | None
    high: float | None
    histogram: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """A table as it was built last.

    Attributes:
        rows: How many rows it has.
        built_at: When its feature was built, UTC; None where no build recorded it.
        columns: Its columns, without keys and time.
    """

    rows: int
    built_at: datetime | None
    columns: tuple[ColumnStatistics, ...]


def table_statistics(
    store: DuckDbStore, table: str, columns: Sequence[tuple[str, ColumnType]]
) -> TableStatistics | None:
    """What is in a table; None where it is not built, or has other columns.

    Args:
        store: Where it is.
        table: Its name.
        columns: The columns that are looked at, and their types.
    """
    there = set(store.columns(table))
    if not there or not {name for name, _ in columns} <= there:
        return None
    relation = store.relation(table)
    asked = ["count(*)"]
    for name, kind in columns:
        asked += _counts(DUCKDB.name(name), kind)
    rows, *found = _ask(store, asked, relation)
    counted = [(name, kind, found[4 * at : 4 * at + 4]) for at, (name, kind) in enumerate(columns)]
    bars = _histograms(store, relation, counted)
    return TableStatistics(
        rows,
        _built_at(store, table),
        tuple(
            ColumnStatistics(
                name, 1 - there_is / rows if rows else 0.0, distinct, low, high, bars.get(name, ())
            )
            for name, _, (there_is, distinct, low, high) in counted
        ),
    )


def _counts(column: str, kind: ColumnType) -> list[str]:
    """SQL of a column's values, its different values, its least and largest number."""
    number = f"cast({column} as double)"
    finite = f"filter (where isfinite({number}))"
    bounds = [f"min({number}) {finite}", f"max({number}) {finite}"]
    if not kind.is_numeric:
        bounds = ["cast(null as double)"] * 2
    return [f"count({column})", f"approx_count_distinct({column})", *bounds]


def _histograms(
    store: DuckDbStore, relation: str, counted: Sequence[tuple[str, ColumnType, Sequence[Any]]]
) -> dict[str, tuple[int, ...]]:
    wanted = [(name, low, high) for name, _, (_, _, low, high) in counted if low is not None]
    asked: list[str] = []
    for name, low, high in wanted:
        number = f"cast({DUCKDB.name(name)} as double)"
        width = f"nullif({high!r}::double / 2 - {low!r}::double / 2, 0)"  # half of it: the whole may overflow
        share = f"coalesce(({number} / 2 - {low!r}::double / 2) / {width}, 0)"
        part = f"least({BINS - 1}, cast(floor({share} * {BINS}) as integer))"
        finite = f"case when isfinite({number}) then {part} end"
        asked += [f"count(*) filter (where {finite} = {bar})" for bar in range(BINS)]
    if not asked:
        return {}
    found = _ask(store, asked, relation)
    return {
        name: tuple(found[BINS * at : BINS * (at + 1)]) for at, (name, _, _) in enumerate(wanted)
    }


def _built_at(store: DuckDbStore, feature: str) -> datetime | None:
    if METADATA not in store.tables():
        return None
    query = DUCKDB.sql(
        "select max(built_at) from {table} where feature = ?", table=store.relation(METADATA)
    )
    row = store.connection.execute(query, [feature]).fetchone()
    return row[0] if row else None


def _ask(store: DuckDbStore, expressions: Sequence[str], relation: str) -> list[Any]:
    query = DUCKDB.sql(
        "select {expressions} from {relation}",
        expressions=map(Sql, expressions),
        relation=Sql(relation),
    )
    return list(store.connection.execute(query).fetchone() or ())
