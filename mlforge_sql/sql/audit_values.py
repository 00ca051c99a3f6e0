"""Values of an audit: plain aggregates of the events in a window, and what rounding may change in them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from mlforge_sql.expressions import column
from mlforge_sql.plan.nodes import AuditColumn
from mlforge_sql.sql.audit_names import AuditNames
from mlforge_sql.sql.build import all_of, func, literal, number, times
from mlforge_sql.sql.dialects.base import Dialect
from mlforge_sql.sql.tiles import as_double, summable
from mlforge_sql.types import BIGINT, DOUBLE

RELATIVE = "1e-9"
"""How far two doubles of the same value may be apart, as a part of them."""

DIGITS = "2e-15"
"""Nine times what a double cannot tell from one: what each value adds to the error of an aggregate."""


def is_rounded(item: AuditColumn) -> bool:
    """Whether a value is a double that depends on the order of additions."""
    if item.function == "sum":
        return item.type == DOUBLE
    return is_spread(item) or item.function == "mean"


def is_spread(item: AuditColumn) -> bool:
    """Whether a value is a std or a variance."""
    return item.function in {"std", "variance"}


def value_name(item: AuditColumn) -> str:
    """Name of the column that is aggregated."""
    if item.value is None:
        raise TypeError(item.name)
    return item.value.column_name or item.value.sql


@dataclass(frozen=True, slots=True)
class AuditValues:
    """The values of one audit, over the events of each label."""

    names: AuditNames
    dialect: Dialect

    def value(self, item: AuditColumn) -> exp.Expr:
        """The value of a column, or the empty value where it is too old."""
        recent: exp.Expr = column(self.names.recent)
        if item.function is None:
            value: exp.Expr = column(item.name)
        else:
            value = self._filled(item, self._aggregate(item))
            recent = func("bool_or", recent)
        if self.names.node.ttl is None:
            return value
        return exp.Case(ifs=[exp.If(this=recent, true=value)], default=self._empty(item))

    def double(self, item: AuditColumn) -> exp.Expr:
        """What is aggregated, as a double."""
        if item.value is None:
            raise TypeError(item.name)
        return as_double(self.dialect.expression(item.value), item.value_type, self.dialect)

    def rounding(self, item: AuditColumn) -> exp.Expr:
        """What rounding may add to or take from a double, besides a part of the double itself.

        For a sum of n values it is below ``n * epsilon * sum(abs(value))`` in any order of
        additions; for std it is the same in the distance between the entity's extremes.
        """
        digits = exp.Literal.number(DIGITS)
        sizes = self._filter(func("sum", func("abs", self.double(item))), item)
        if item.function == "mean":
            return exp.Mul(this=digits, expression=sizes)
        count = self._filter(func("count", self.double(item)), item)
        each = exp.Mul(this=digits, expression=count)
        if item.function == "sum":
            return exp.Mul(this=each, expression=sizes)
        high, low = (column(self.names.extreme(value_name(item), word)) for word in ("high", "low"))
        return exp.Mul(this=each, expression=func("max", exp.Sub(this=high, expression=low)))

    def tolerance(self, item: AuditColumn, table: str) -> exp.Expr:
        """How far apart two doubles of the same value may be; the value and its rounding are in ``table``."""
        if not is_rounded(item):
            return number(0)
        value = column(item.name, table)
        rounding: exp.Expr = column(self.names.rounding_of(item), table)
        if item.function == "variance":  # the square of a std that is off by as much
            std = func("sqrt", func("abs", value.copy()))  # a default may be negative
            both = exp.Add(this=times(std, 2), expression=rounding.copy())
            rounding = exp.Mul(this=rounding, expression=exp.Paren(this=both))
        relative = exp.Mul(this=exp.Literal.number(RELATIVE), expression=func("abs", value))
        return exp.Add(this=relative, expression=rounding)

    def _empty(self, item: AuditColumn) -> exp.Expr | None:
        if item.default is not None:
            return self._default(item)
        return number(0) if item.function == "count" else None

    def _default(self, item: AuditColumn) -> exp.Expr:
        if item.default is None:
            raise TypeError(item.name)
        kind = BIGINT if item.function == "count" else item.type
        return self.dialect.cast(literal(item.default), kind)

    def _filled(self, item: AuditColumn, value: exp.Expr) -> exp.Expr:
        if item.default is None:
            return value
        if item.function == "count":
            value = func("nullif", value, number(0))
        return func("coalesce", value, self._default(item))

    def _aggregate(self, item: AuditColumn) -> exp.Expr:
        value = self.dialect.expression(item.value) if item.value else exp.Star()
        match item.function:
            case "count" | "min" | "max":
                return self._filter(func(item.function, value), item)
            case "sum":
                summed = func("sum", summable(value, item.value_type, self.dialect))
                total = self._filter(summed, item)
                return total if item.type == DOUBLE else self.dialect.cast(total, item.type)
            case "mean":
                return self._filter(func("avg", self.double(item)), item)
            case "std" | "variance":
                low = column(self.names.extreme(value_name(item), "low"))
                near = exp.Sub(this=self.double(item), expression=low)
                return self._filter(self.dialect.spread(item.function, near), item)
            case _:
                raise TypeError(item.function)

    def _filter(self, aggregate: exp.Expr, item: AuditColumn) -> exp.Expr:
        """The aggregate of the events that are in the column's window."""
        if item.window is None:
            raise TypeError(item.name)
        conditions: list[exp.Expr] = [column(self.names.flag(item.window))]
        if item.where is not None:
            conditions.append(self.dialect.expression(item.where))
        return exp.Filter(this=aggregate, expression=exp.Where(this=all_of(conditions)))
