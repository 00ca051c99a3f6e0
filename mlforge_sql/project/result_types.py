"""What a user may make of the type of a sum."""

from __future__ import annotations

from mlforge_sql.functions.results import MAX_DIGITS
from mlforge_sql.types import BIGINT, DOUBLE, ColumnType, Kind, parse_type


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
