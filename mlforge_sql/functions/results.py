"""Types of results that several functions share, each by the type of the column."""

from __future__ import annotations

from mlforge_sql.types import BIGINT, DOUBLE, ColumnType, Kind

MAX_DIGITS = 38
"""Digits of the widest decimal that both engines have."""

ORDERED = "an ordered"
"""Which columns have a smallest and a largest value, in words."""

SUMMABLE = "a numeric or boolean"
"""Which columns can be added up, in words."""

NUMERIC = "a numeric"
"""Which columns are numbers, in words."""

BOOLEAN_ONLY = "a boolean"
"""Which columns are true or false, in words."""


def of_boolean(kind: ColumnType) -> ColumnType | None:
    """A boolean, of booleans only."""
    return kind if kind.family is Kind.BOOLEAN else None


def of_any(_kind: ColumnType) -> ColumnType:
    """A bigint, whatever is counted."""
    return BIGINT


def of_ordered(kind: ColumnType) -> ColumnType | None:
    """The type of the column, where both engines sort it in the same way."""
    return kind if kind.is_ordered else None


def count_of_ordered(kind: ColumnType) -> ColumnType | None:
    """A bigint, where both engines tell the same values apart."""
    return BIGINT if kind.is_ordered else None


def as_double(kind: ColumnType) -> ColumnType | None:
    """A double, of what can be added up."""
    return DOUBLE if is_summable(kind) else None


def number_as_double(kind: ColumnType) -> ColumnType | None:
    """A double, of numbers."""
    return DOUBLE if kind.is_numeric else None


def of_sum(kind: ColumnType) -> ColumnType | None:
    """Sums of integers are 64-bit, sums of decimals keep their scale, both are exact.

    Examples:
        >>> from mlforge_sql.types import parse_type
        >>> str(of_sum(parse_type("decimal(10,2)")))
        'decimal(38, 2)'
    """
    if not is_summable(kind):
        return None
    if kind.family is Kind.DECIMAL:
        return ColumnType(Kind.DECIMAL, precision=MAX_DIGITS, scale=kind.scale)
    return DOUBLE if kind.family is Kind.FLOAT else BIGINT


def is_ordered(kind: ColumnType) -> bool:
    """Whether both engines sort a column in the same way."""
    return kind.is_ordered


def is_summable(kind: ColumnType) -> bool:
    """Whether a column can be added up: numbers, and booleans as 0 and 1."""
    return kind.is_numeric or kind.family is Kind.BOOLEAN
