"""Sums that may be too large for their type: the build stops, and says which, and never how large."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import jinja
from mlforge_sql.plan.nodes import Measure, RollingColumn
from mlforge_sql.sql.rolling_names import over_name
from mlforge_sql.types import ColumnType, Kind

if TYPE_CHECKING:
    from sqlglot import exp


def may_not_fit(total: ColumnType, wanted: ColumnType) -> bool:
    """Whether a type does not hold all sums of another.

    Examples:
        >>> from mlforge_sql.types import BIGINT, DOUBLE, parse_type
        >>> wide = parse_type("decimal(38,0)")
        >>> may_not_fit(wide, BIGINT), may_not_fit(wide, DOUBLE), may_not_fit(wide, wide)
        (True, False, False)
    """
    if Kind.FLOAT in {total.family, wanted.family} or total == wanted:
        return False
    return _limit(total) > _limit(wanted)


def fitting(measure: Measure, item: RollingColumn, feature: str, dialect: Dialect) -> exp.Expr:
    """The sum in its type, by the macro that stops where it does not fit."""
    above = _limit(item.type)
    arguments = [
        over_name(measure.name, item.window),
        dialect.type_name(measure.type),
        dialect.type_name(item.type),
        str(-above - (item.type.family is Kind.INTEGER)),
        str(above),
        feature,
        item.name,
    ]
    return jinja(f"mlforge_fitting({', '.join(map(_text, arguments))})")


def whole_of_thirds(item: RollingColumn, feature: str, dialect: Dialect) -> exp.Expr:
    """A sum or a mean of very wide numbers, by the macros that put it together from the sums of their parts."""
    names = [over_name(part.name, item.window) for part in item.thirds]
    if item.count is not None:
        arguments = [
            *map(_text, [*names, over_name(item.count.name, item.window)]),
            str(item.scale),
        ]
        return jinja(f"mlforge_mean_of_wide({', '.join(arguments)})")
    above = _limit(item.type) if item.type.family is not Kind.FLOAT else 0
    below = -above - (item.type.family is Kind.INTEGER)
    said = [*names, dialect.type_name(item.type), str(below), str(above), feature, item.name]
    return jinja(f"mlforge_sum_of_wide({', '.join([*map(_text, said), str(item.scale)])})")


def _limit(kind: ColumnType) -> int:
    """The least positive whole number that is too large for a type."""
    if kind.family is Kind.DECIMAL:
        return int(10 ** (kind.precision - kind.scale))
    return int(2 ** (kind.bits - 1))


def _text(value: str) -> str:
    """A text of Jinja without braces, which would end the expression."""
    escaped = value.encode("unicode_escape").decode().replace("'", "\\'")
    return "'" + escaped.replace("{", "\\u007b").replace("}", "\\u007d") + "'"
