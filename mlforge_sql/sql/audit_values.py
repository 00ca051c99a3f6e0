"""Values of an audit: plain aggregates of the events in a window, and what rounding may change in them.

No expression is one of the features'. Std and variance are computed in two passes, first the mean of
the window, then the squared distances from it; nothing outside the window has a say, not even in what
is let pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import all_of, func, literal, number, only_when, times
from mlforge_sql.expressions import Expr, column
from mlforge_sql.functions.model import Form
from mlforge_sql.plan.nodes import AuditColumn, Window
from mlforge_sql.sql.audit_events import EventValues
from mlforge_sql.sql.audit_names import AuditNames
from mlforge_sql.sql.audit_weights import DIGITS, WIDE_INTEGER, Weighting
from mlforge_sql.sql.tiles import as_double, summable
from mlforge_sql.types import BIGINT, DOUBLE, ColumnType, Kind

RELATIVE = "1e-9"
"""How far two doubles of the same value may be apart, as a part of them."""

MANY = "4294967296e0"
"""2^32: so many doubles, each divided by it first, have a sum that is a double. No digit is lost."""

_WHOLE_DIGITS = {8: 3, 16: 5, 32: 10, 64: 19}
"""Decimal digits of integers, by their bits."""

_WIDEST = 37
"""Digits of decimals whose difference is a decimal still."""


def is_spread(item: AuditColumn) -> bool:
    """Whether a value is a std or a variance."""
    return item.function is not None and item.function.function.spread is not None


def is_of_doubles(item: AuditColumn) -> bool:
    """Whether what is aggregated are floats: their sums depend on the order of additions."""
    return item.value_type is not None and item.value_type.family is Kind.FLOAT


def is_rounded(item: AuditColumn) -> bool:
    """Whether rounding inside the aggregate, and not only of its result, may change a value."""
    match _form(item):
        case Form.TOTAL:
            return is_of_doubles(item) or item.type.family is Kind.FLOAT
        case Form.SPREAD:
            return is_of_doubles(item)
        case form:
            return form in {Form.MEAN, Form.WEIGHTED, Form.ORDER}


def _form(item: AuditColumn) -> Form | None:
    return item.function.function.form if item.function else None


def _root(item: AuditColumn) -> bool:
    """Whether a value is a std: of a root."""
    spread = item.function.function.spread if item.function else None
    return spread is not None and spread.root


def _fewest(item: AuditColumn) -> int:
    """How many values a std or a variance is of at least."""
    spread = item.function.function.spread if item.function else None
    return spread.fewest if spread else 1


def _is_count(item: AuditColumn) -> bool:
    return item.function is not None and item.function.function.zero


def is_number(item: AuditColumn) -> bool:
    """Whether a value is compared as a number, and not by its text."""
    return item.type.family is Kind.FLOAT or is_rounded(item)


@dataclass(frozen=True, slots=True)
class Spread:
    """What a std or a variance is of: columns of one window that share it are computed together.

    Attributes:
        name: Begins the names of its columns.
        value: What is aggregated.
        type: Its type.
        where: Only events for which it is true are aggregated.
        window: The window.
    """

    name: str
    value: Expr
    type: ColumnType | None
    where: Expr | None
    window: Window

    @property
    def is_exact(self) -> bool:
        """Whether the values are integers or decimals, which can be subtracted exactly."""
        return self.type is not None and self.type.family is not Kind.FLOAT


def spreads(items: Iterable[AuditColumn]) -> dict[str, Spread]:
    """What the std and variance columns are of, by the name of the column."""
    found: dict[tuple[Expr, Expr | None, Window], Spread] = {}
    by_name: dict[str, Spread] = {}
    for item in items:
        if not is_spread(item) or item.value is None or item.window is None:
            continue
        key = (item.value, item.where, item.window)
        made = Spread(item.name, item.value, item.value_type, item.where, item.window)
        by_name[item.name] = found.setdefault(key, made)
    return by_name


@dataclass(frozen=True, slots=True)
class AuditValues:
    """The values of one audit, over the events of each label."""

    names: AuditNames
    dialect: Dialect

    @property
    def spreads(self) -> tuple[Spread, ...]:
        """What the std and variance columns are of, each once."""
        return tuple(dict.fromkeys(spreads(self.names.node.columns).values()))

    @property
    def of_events(self) -> EventValues:
        """What is made of single events."""
        return EventValues(self.names, self.dialect, self._filter, self._within)

    @property
    def _weighting(self) -> Weighting:
        return Weighting(self.dialect, self._filter)

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
        return exp.Case(ifs=[exp.If(this=recent, true=value)], default=self.empty(item))

    def double(self, item: AuditColumn) -> exp.Expr:
        """What is aggregated, as a double."""
        if item.value is None:
            raise TypeError(item.name)
        return as_double(self.dialect.expression(item.value), item.value_type, self.dialect)

    def rounding(self, item: AuditColumn) -> exp.Expr:
        """What rounding may add to or take from a double, besides a part of the double itself.

        For a sum of n values it is below ``n * epsilon * sum(abs(value))`` in any order of
        additions. One pass over n values, as engines compute std, changes std by up to
        ``n * epsilon * sqrt(mean of value * value)``, in any order of updates and merges, because
        each of them rounds a mean (Chan, Golub and LeVeque 1983); the root is at most the value
        that is furthest from zero. Two passes lose less than that.
        """
        digits = exp.Literal.number(DIGITS)
        if _form(item) is Form.WEIGHTED:
            return self._weighting.rounding(item)
        size = func("abs", self.double(item))
        each = exp.Mul(this=digits, expression=self._filter(func("count", self.double(item)), item))
        if is_spread(item) or _form(item) is Form.ORDER:
            return exp.Mul(this=each, expression=self._filter(func("max", size), item))
        if _form(item) is Form.TOTAL:
            each = exp.Mul(
                this=each, expression=self._filter(func("count", self.double(item)), item)
            )
        part = self._filter(func("avg", exp.Div(this=size, expression=_many())), item)
        return exp.Mul(this=exp.Mul(this=each, expression=part), expression=_many())

    def tolerance(self, item: AuditColumn, table: str) -> exp.Expr:
        """How far apart two numbers of the same value may be; the value and its rounding are in ``table``."""
        value = column(item.name, table)
        if not is_rounded(item):
            if not is_spread(item):
                return number(0)
            return exp.Mul(this=exp.Literal.number(RELATIVE), expression=func("abs", value))
        rounding: exp.Expr = column(self.names.rounding_of(item), table)
        if is_spread(item) and not _root(item):  # the square of a std that is off by as much
            std = func("sqrt", func("abs", value.copy()))  # a default may be negative
            both = exp.Add(this=times(std, 2), expression=rounding.copy())
            rounding = exp.Mul(this=rounding, expression=exp.Paren(this=both))
        relative = exp.Mul(
            this=exp.Literal.number(RELATIVE),
            expression=func("abs", self.dialect.cast(value, DOUBLE)),
        )
        return exp.Add(this=relative, expression=rounding)

    # Std and variance, in steps: the columns that each adds

    def low(self, spread: Spread) -> exp.Expr:
        """The lowest value of the window, in its own type."""
        value = only_when(self.dialect.expression(spread.value), self._condition(spread))
        return self._of_point(func("min", value))

    def distance(self, spread: Spread) -> exp.Expr:
        """A value of the window as a double, integers and decimals from the lowest one; else NULL."""
        value = self.dialect.expression(spread.value)
        if spread.is_exact:
            double = self._difference(value, column(self.names.low(spread.name)), spread.type)
        else:
            double = as_double(value, spread.type, self.dialect)
        return only_when(double, self._condition(spread))

    def middle(self, spread: Spread) -> exp.Expr:
        """About the mean of the distances."""
        part = exp.Div(this=column(self.names.distance(spread.name)), expression=_many())
        return exp.Mul(this=self._of_point(func("avg", part)), expression=_many())

    def _of_point(self, aggregate: exp.Expr) -> exp.Expr:
        return exp.Window(this=aggregate, partition_by=[column(self.names.number)])

    def _condition(self, spread: Spread) -> exp.Expr:
        return self._within(spread.window, spread.where)

    def _difference(self, value: exp.Expr, low: exp.Expr, kind: ColumnType | None) -> exp.Expr:
        """``value - low``, exactly where 38 digits are enough, as a double."""
        if kind is None or kind.family is Kind.BOOLEAN:
            pair = [self.dialect.cast(item, BIGINT) for item in (value, low)]
            return self.dialect.cast(exp.Sub(this=pair[0], expression=pair[1]), DOUBLE)
        digits = _WHOLE_DIGITS.get(kind.bits, 38) if kind.family is Kind.INTEGER else kind.precision
        decimal = ColumnType(Kind.DECIMAL, precision=min(digits, _WIDEST), scale=kind.scale)
        if digits <= _WIDEST:
            pair = [self.dialect.cast(item, decimal) for item in (value, low)]
            return self.dialect.cast(exp.Sub(this=pair[0], expression=pair[1]), DOUBLE)
        name = exp.DataType.build(self.dialect.type_name(decimal), dialect=self.dialect.sqlglot)
        pair = [exp.TryCast(this=item.copy(), to=name.copy()) for item in (value, low)]
        exact = self.dialect.cast(exp.Sub(this=pair[0], expression=pair[1]), DOUBLE)
        doubles = [self.dialect.cast(item, DOUBLE) for item in (value, low)]
        return func("coalesce", exact, exp.Sub(this=doubles[0], expression=doubles[1]))

    def _spread(self, item: AuditColumn) -> exp.Expr:
        """From the squared distances to the mean; what the mean itself is off is taken off again."""
        name = spreads(self.names.node.columns)[item.name].name
        distance = column(self.names.distance(name))
        rest = exp.Sub(this=distance, expression=column(self.names.middle(name)))
        squares = func("sum", func("power", rest, number(2)))
        count = func("count", distance.copy())
        off = func("power", func("sum", rest.copy()), number(2))
        left = exp.Sub(this=squares, expression=exp.Div(this=off, expression=count))
        above = func("greatest", left, number(0))
        fewest = _fewest(item)
        less = exp.Paren(this=exp.Sub(this=count.copy(), expression=number(1)))
        freedom = less if fewest > 1 else count.copy()
        variance: exp.Expr = exp.Div(this=above, expression=freedom)
        if _root(item):
            variance = func("sqrt", variance)
        return only_when(variance, exp.GT(this=count.copy(), expression=number(fewest - 1)))

    def empty(self, item: AuditColumn) -> exp.Expr | None:
        """The value where no event is seen; None for NULL."""
        if item.default is not None:
            return self._default(item)
        return number(0) if _is_count(item) else None

    def _default(self, item: AuditColumn) -> exp.Expr:
        if item.default is None:
            raise TypeError(item.name)
        kind = BIGINT if _is_count(item) else item.type
        return self.dialect.cast(literal(item.default), kind)

    def _filled(self, item: AuditColumn, value: exp.Expr) -> exp.Expr:
        if item.default is None:
            return value
        if _is_count(item):
            value = func("nullif", value, number(0))
        return func("coalesce", value, self._default(item))

    def _aggregate(self, item: AuditColumn) -> exp.Expr:
        value = self.dialect.expression(item.value) if item.value else exp.Star()
        if item.function is None:
            raise TypeError(item.name)
        match item.function.function.form:
            case Form.COUNT | Form.EXTREME:
                return self._filter(func(item.function.function.plain, value), item)
            case Form.TOTAL:
                return self.dialect.cast(self._sum(item, value), item.type)
            case Form.MEAN:
                return self._mean(item)
            case Form.WEIGHTED:
                return self._weighting.mean(item)
            case Form.ORDER:
                return self._percentile(item)
            case Form.SPREAD:
                return self._spread(item)
            case Form.DISTINCT | Form.PLACE | Form.MODE | Form.BESIDE:
                return self.of_events.value(item)
            case form:
                assert_never(form)

    def _sum(self, item: AuditColumn, value: exp.Expr) -> exp.Expr:
        if item.type.family is Kind.FLOAT and not is_of_doubles(item):
            return self._filter(func("sum", self.double(item)), item)  # no decimal may hold it
        value = summable(value, item.value_type, self.dialect)
        if item.value_type is not None and item.value_type.family in {Kind.INTEGER, Kind.BOOLEAN}:
            value = self.dialect.widened(value, WIDE_INTEGER)
        total = self._filter(func("sum", value), item)
        return self._scaled(item, "sum", total) if is_of_doubles(item) else total

    def _mean(self, item: AuditColumn) -> exp.Expr:
        mean = self._filter(func("avg", self.double(item)), item)
        return self._scaled(item, "avg", mean) if is_of_doubles(item) else mean

    def _percentile(self, item: AuditColumn) -> exp.Expr:
        share = item.function.share if item.function else None
        if share is None:
            raise TypeError(item.name)
        return self._filter(self.dialect.percentile(self.double(item), share), item)

    def _scaled(self, item: AuditColumn, function: str, value: exp.Expr) -> exp.Expr:
        """A sum or a mean of doubles; of such that overflow in some order, they are made smaller first."""
        smaller = exp.Div(this=self.double(item), expression=_many())
        again = exp.Mul(this=self._filter(func(function, smaller), item), expression=_many())
        sizes = self._filter(func("sum", func("abs", self.double(item))), item)
        fits = exp.If(this=self.dialect.is_finite(sizes), true=value)
        return exp.Case(ifs=[fits], default=again)

    def _filter(self, aggregate: exp.Expr, item: AuditColumn, *more: exp.Expr) -> exp.Expr:
        """The aggregate of the events that are in the column's window."""
        if item.window is None:
            raise TypeError(item.name)
        where = exp.Where(this=all_of([self._within(item.window, item.where), *more]))
        return exp.Filter(this=aggregate, expression=where)

    def _within(self, window: Window, where: Expr | None) -> exp.Expr:
        """Whether an event is in the window, and counts."""
        conditions: list[exp.Expr] = [column(self.names.flag(window))]
        if where is not None:
            conditions.append(self.dialect.expression(where))
        return all_of(conditions)


def _many() -> exp.Expr:
    return exp.Literal.number(MANY)
