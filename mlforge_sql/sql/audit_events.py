"""Values of an audit that are made of single events: which of them is the first, the most frequent, the largest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import all_of, func, not_null, only_when
from mlforge_sql.expressions import Expr, column
from mlforge_sql.functions.model import Form, Function
from mlforge_sql.plan.nodes import AuditColumn, Window
from mlforge_sql.sql.audit_names import AuditNames


class Within(Protocol):
    """An aggregate of the events that are in the window of a column, and for which more is true."""

    def __call__(self, aggregate: exp.Expr, item: AuditColumn, /, *more: exp.Expr) -> exp.Expr:
        """The aggregate."""
        ...


@dataclass(frozen=True, slots=True)
class EventValues:
    """The values of one audit.

    Attributes:
        names: Names of its columns.
        dialect: How to say them.
        within: An aggregate of a window.
        inside: Whether an event is in a window, and counts.
    """

    names: AuditNames
    dialect: Dialect
    within: Within
    inside: Callable[[Window, Expr | None], exp.Expr]

    def value(self, item: AuditColumn) -> exp.Expr:
        """The value of a column."""
        value = self._value(item)
        there = not_null(self.dialect.expression(_expression(item)))
        match _function(item).form:
            case Form.DISTINCT:
                return self.within(exp.Count(this=exp.Distinct(expressions=[value])), item)
            case Form.PLACE:
                by = "min_by" if _function(item).last else "max_by"
                return self.within(func(by, value, column(self.names.age)), item, there)
            case Form.BESIDE:
                later = func("min_by", value, column(self.names.age))
                is_end = exp.EQ(this=self._by(item), expression=column(self.names.end(item)))
                return self.within(later, item, there, is_end)
            case _:
                times, most = self.names.times(item), self.names.most(item)
                frequent = exp.EQ(this=column(times), expression=column(most))
                return self.within(func("min", value), item, there, frequent)

    def of(self, form: Form) -> list[AuditColumn]:
        """The columns of a form."""
        columns = self.names.node.columns
        return [item for item in columns if item.function and item.function.function.form is form]

    def times(self, item: AuditColumn) -> exp.Expr:
        """How many times a value is in the window."""
        value = self._value(item)
        there = only_when(value.copy(), self._inside(item))
        return exp.Window(
            this=func("count", there), partition_by=[column(self.names.number), value]
        )

    def most(self, item: AuditColumn) -> exp.Expr:
        """How many times the most frequent value is in it."""
        return self._of_point(func("max", column(self.names.times(item))))

    def end(self, item: AuditColumn) -> exp.Expr:
        """The largest or the smallest of the other column in the window."""
        there = all_of([self._inside(item), not_null(self.dialect.expression(_expression(item)))])
        extreme = "max" if _function(item).last else "min"
        return self._of_point(func(extreme, only_when(self._by(item), there)))

    def _value(self, item: AuditColumn) -> exp.Expr:
        value = self.dialect.expression(_expression(item))
        return self.dialect.one_zero(value, item.value_type) if item.value_type else value

    def _by(self, item: AuditColumn) -> exp.Expr:
        if item.by is None:
            raise TypeError(item.name)
        return self.dialect.expression(item.by)

    def _inside(self, item: AuditColumn) -> exp.Expr:
        if item.window is None:
            raise TypeError(item.name)
        return self.inside(item.window, item.where)

    def _of_point(self, aggregate: exp.Expr) -> exp.Expr:
        return exp.Window(this=aggregate, partition_by=[column(self.names.number)])


def _function(item: AuditColumn) -> Function:
    if item.function is None:
        raise TypeError(item.name)
    return item.function.function


def _expression(item: AuditColumn) -> Expr:
    if item.value is None:
        raise TypeError(item.name)
    return item.value
