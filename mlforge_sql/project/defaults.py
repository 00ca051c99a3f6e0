"""Which values that users write can stand in a column."""

from __future__ import annotations

from mlforge_sql.types import ColumnType, Kind


def default_fits(value: bool | int | float | str, kind: ColumnType) -> bool:
    """True when a default can stand in a column of the type."""
    if isinstance(value, bool):
        return kind.family is Kind.BOOLEAN
    if isinstance(value, str):
        return kind.family is Kind.TEXT
    if kind.family is Kind.INTEGER:
        return isinstance(value, int) and -(2 ** (kind.bits - 1)) <= value < 2 ** (kind.bits - 1)
    if kind.family is Kind.DECIMAL:
        limit: int = 10 ** (kind.precision - kind.scale)
        return abs(value) < limit
    return kind.family is Kind.FLOAT
