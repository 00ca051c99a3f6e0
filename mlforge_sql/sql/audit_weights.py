"""Weighted means of an audit, as plain aggregates, and what rounding may change in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import func, not_null, number, only_when
from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.plan.nodes import AuditColumn
from mlforge_sql.plan.tiles import weighted_type
from mlforge_sql.sql.tiles import as_double, summable
from mlforge_sql.types import DOUBLE, ColumnType, Kind

DIGITS = "2e-15"
"""Nine times what a double cannot tell from one: what each value adds to the error of an aggregate."""

WIDE_INTEGER = ColumnType(Kind.DECIMAL, precision=38, scale=0)
"""Type of sums of integers."""


@dataclass(frozen=True, slots=True)
class Weighting:
    """Weighted means of one audit.

    Attributes:
        dialect: How to say them.
        within: An aggregate of the events that are in the window of a column.
    """

    dialect: Dialect
    within: Callable[[exp.Expr, AuditColumn], exp.Expr]

    def mean(self, item: AuditColumn) -> exp.Expr:
        """The weighted mean; the weights are added up as exactly as their type is."""
        total = self.within(func("sum", self._weighted(item)), item)
        return exp.Div(this=total, expression=func("nullif", self._weights(item), number(0)))

    def rounding(self, item: AuditColumn) -> exp.Expr:
        """What two rounded sums may change in their ratio, where weights of both signs nearly cancel too."""
        count = self.within(func("count", self._weighted(item)), item)
        each = exp.Mul(this=exp.Literal.number(DIGITS), expression=count)
        sizes = self.within(func("sum", func("abs", self._weighted(item))), item)
        largest = self.within(func("max", func("abs", self._double(item))), item)
        heavy = self.within(func("sum", func("abs", self._weight(item, exact=False))), item)
        weighed = exp.Mul(this=largest, expression=heavy)
        parts = exp.Paren(this=exp.Add(this=sizes, expression=weighed))
        total = func("nullif", func("abs", self._weights(item)), number(0))
        return exp.Div(this=exp.Mul(this=each, expression=parts), expression=total)

    def _weighted(self, item: AuditColumn) -> exp.Expr:
        return exp.Mul(this=self._double(item), expression=self._weight(item, exact=False))

    def _double(self, item: AuditColumn) -> exp.Expr:
        return as_double(self._value(item), item.value_type, self.dialect)

    def _value(self, item: AuditColumn) -> exp.Expr:
        if item.value is None:
            raise TypeError(item.name)
        return self.dialect.expression(item.value)

    def _weights(self, item: AuditColumn) -> exp.Expr:
        """The sum of the weights, as a double."""
        weights = only_when(self._weight(item, exact=True), not_null(self._value(item)))
        return self.dialect.cast(self.within(func("sum", weights), item), DOUBLE)

    def _weight(self, item: AuditColumn, *, exact: bool) -> exp.Expr:
        """The weight of an event; exact where sums of its type are."""
        if item.by is None or item.by_type is None:
            raise TypeError(item.name)
        weight = self.dialect.expression(item.by)
        if not exact or weighted_type(MeasureKind.WEIGHTS, item.by_type) == DOUBLE:
            return as_double(weight, item.by_type, self.dialect)
        weight = summable(weight, item.by_type, self.dialect)
        whole = item.by_type.family in {Kind.INTEGER, Kind.BOOLEAN}
        return self.dialect.widened(weight, WIDE_INTEGER) if whole else weight
