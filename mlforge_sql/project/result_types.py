"""Types of aggregates: what they are by themselves, and what a user may make of a sum."""

from __future__ import annotations

from mlforge_sql.types import BIGINT, DOUBLE, ColumnType, Kind, parse_type

MAX_DIGITS = 38
"""Digits of the widest decimal that both engines have."""


def result_type(function: str, kind: ColumnType | None) -> ColumnType | None:
    """Type of an aggregate; None when the function does not fit the column.

    Sums of integers are 64-bit, sums of decimals keep their scale, both are exact.

    Examples:
        >>> from mlforge_sql.types import parse_type
        >>> str(result_type("sum", parse_type("decimal(10,2)")))
        'decimal(38, 2)'
    """
    if function == "count":
        return BIGINT
    if kind is None:
        return None
    if function in {"min", "max"}:
        return kind if kind.is_ordered else None
    if not kind.is_numeric and kind.family is not Kind.BOOLEAN:
        return None
    return _sum_type(kind) if function == "sum" else DOUBLE


def _sum_type(kind: ColumnType) -> ColumnType:
    if kind.family is Kind.DECIMAL:
        return ColumnType(Kind.DECIMAL, precision=MAX_DIGITS, scale=kind.scale)
    return DOUBLE if kind.family is Kind.FLOAT else BIGINT


def summed_type(text: str) -> ColumnType | None:
    """A type that a sum may be given; None for all others.

    Examples:
        >>> str(summed_type("decimal(38,0)")), summed_type("text"), summed_type("decimal(40,0)")
        ('decimal(38, 0)', None, None)
    """
    kind = parse_type(text)
    if kind.family is Kind.DECIMAL:
        return kind if 0 < kind.precision <= MAX_DIGITS and kind.scale <= kind.precision else None
    if kind.family is Kind.INTEGER:
        return kind if kind.bits <= BIGINT.bits else None
    return kind if kind == DOUBLE else None


def narrowing(field: str, kind: ColumnType, wanted: ColumnType) -> str | None:
    """What to do instead, where a sum would lose digits in the wanted type; None where it does not.

    A sum that is too large for its type is not a matter of types: the build says so.
    """
    if wanted.family is Kind.FLOAT:
        return None
    if kind.family is Kind.FLOAT:
        return (
            f"declare `columns: {{{field}: decimal(18,2)}}` in the source, and its sums are exact"
        )
    if kind.scale > wanted.scale:
        return f"keep the {kind.scale} digits after the point: `type: decimal(38,{kind.scale})`"
    return None
