"""Which exact sums make the std and variance of integers and decimals.

A variance is the sum of squares less the square of the sum over ``n``. In doubles that loses all
digits of values that are large and close together; in whole numbers it loses none. So every value
is counted in the smallest unit of its type (cents, for two digits after the point), tiles hold
whole sums, and only the result is a double. Nothing of it depends on any other event.

How many sums there are depends on how wide the values are, because a sum has 38 digits:

| values                            | sums, besides the count                                        |
|-----------------------------------|----------------------------------------------------------------|
| 32 bits, 9 digits, booleans       | values, squares                                                |
| 64 bits, 18 digits; x = h*2^32 + l| values, h*x, l*x                                               |
| wider; x = t*b^2 + m*b + l        | t, m, l and their six products                                 |
"""

from __future__ import annotations

from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.types import DIGITS_OF_BIGINT, ColumnType, Kind

SMALL = (MeasureKind.COUNT, MeasureKind.UNITS, MeasureKind.SQUARES)
LARGE = (MeasureKind.COUNT, MeasureKind.UNITS, MeasureKind.HIGHS, MeasureKind.LOWS)
WIDE = (
    MeasureKind.COUNT,
    MeasureKind.TOPS,
    MeasureKind.MIDDLES,
    MeasureKind.BOTTOMS,
    MeasureKind.TOP_TOPS,
    MeasureKind.TOP_MIDDLES,
    MeasureKind.TOP_BOTTOMS,
    MeasureKind.MIDDLE_MIDDLES,
    MeasureKind.MIDDLE_BOTTOMS,
    MeasureKind.BOTTOM_BOTTOMS,
)

THIRDS = (MeasureKind.TOPS, MeasureKind.MIDDLES, MeasureKind.BOTTOMS)
"""The parts of a value, besides their products."""

_SAFE_DIGITS = 28
"""Ten billion numbers of so many digits have a sum of 38."""

_SMALL_BITS, _SMALL_DIGITS = 32, 9
_LARGE_BITS = 64


def power_parts(kind: ColumnType) -> tuple[MeasureKind, ...]:
    """The measures that the spread of values of a type is computed from; none for doubles.

    Examples:
        >>> from mlforge_sql.types import parse_type
        >>> [len(power_parts(parse_type(name))) for name in ("integer", "decimal(18,2)", "double")]
        [3, 4, 0]
    """
    match kind.family:
        case Kind.BOOLEAN:
            return SMALL
        case Kind.INTEGER:
            width, small, large = kind.bits, _SMALL_BITS, _LARGE_BITS
        case Kind.DECIMAL:
            width, small, large = kind.precision, _SMALL_DIGITS, DIGITS_OF_BIGINT
        case _:
            return ()
    if width <= small:
        return SMALL
    return LARGE if width <= large else WIDE


def sum_parts(kind: ColumnType) -> tuple[MeasureKind, ...]:
    """The measures that a sum of values of a type is put together from.

    Sums of very wide numbers may have more digits than any type holds. In parts they never have, so that
    the whole can be looked at before it is one number.

    Examples:
        >>> from mlforge_sql.types import parse_type
        >>> [
        ...     len(sum_parts(parse_type(name)))
        ...     for name in ("decimal(28,2)", "decimal(29,2)", "double")
        ... ]
        [1, 3, 1]
    """
    wide = kind.bits > _LARGE_BITS or kind.precision > _SAFE_DIGITS
    return THIRDS if wide else (MeasureKind.SUM,)
