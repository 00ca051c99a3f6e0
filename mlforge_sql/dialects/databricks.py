"""Databricks SQL, which is Spark's with Delta tables. The session's time zone is UTC."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sqlglot import exp
from typing_extensions import override

from mlforge_sql.dialects.base import ESCAPED, OFFSET, Dialect
from mlforge_sql.dialects.printing import DatabricksText
from mlforge_sql.dialects.translation import databricks_type, guarded, translate
from mlforge_sql.dialects.translation.numbers import is_long, opposite_text
from mlforge_sql.dialects.translation.patterns import java_pattern
from mlforge_sql.dialects.translation.time_formats import spark_pattern
from mlforge_sql.dialects.trees import enclosed, func, number, plus, times, without_point
from mlforge_sql.durations import MICROSECONDS
from mlforge_sql.event_time import EventTime, TimeKind
from mlforge_sql.expressions import Expr, owner_of
from mlforge_sql.functions.model import Spread
from mlforge_sql.types import BIGINT, DIGITS_OF_BIGINT, HUGEINT, TEXT, TIMESTAMP, ColumnType, Kind

_FROM_NUMBER = {1: "timestamp_seconds", 1_000: "timestamp_millis", 1_000_000: "timestamp_micros"}
"""Functions for integers, by units in a second."""

_WHOLE = ColumnType(Kind.DECIMAL, precision=38, scale=0)
_FACTOR = ColumnType(Kind.DECIMAL, precision=19, scale=0)
"""A bigint as a factor: the product of two has 38 digits with a sign."""


class Databricks(Dialect):
    """Databricks SQL in ANSI mode, as SQL warehouses run it."""

    name = "databricks"
    sqlglot = DatabricksText
    slides = False
    reads_files = False
    incremental = False
    quotes = ESCAPED

    def type_name(self, kind: ColumnType) -> str:
        """Databricks' name of a type."""
        return databricks_type(kind)

    @override
    def expression(self, expr: Expr) -> exp.Expr:
        """It can be said: the resolver refuses what cannot."""
        return guarded(translate(expr.tree), owner_of(expr.tree))

    @override
    def pattern(self, pattern: str) -> str:
        """The resolver refuses what Java would find elsewhere."""
        return java_pattern(pattern)

    @override
    def time_format(self, text: str) -> str:
        """The resolver refuses what Spark reads differently."""
        return spark_pattern(text)

    @override
    def event_time(
        self, stored: EventTime, value: exp.Expr, time: exp.Expr | None = None
    ) -> exp.Expr:
        """Timestamps without a time zone are UTC, as the session is."""
        match stored.kind:
            case TimeKind.TEXT:
                pattern = exp.Literal.string(self.time_format(stored.format or ""))
                return func("to_timestamp", self.time_text(value, time), pattern)
            case TimeKind.EPOCH:
                whole = self.cast(value, BIGINT)
                if stored.per_day:
                    return func("timestamp_micros", times(whole, MICROSECONDS["d"]))
                if stored.per_second in _FROM_NUMBER:
                    return func(_FROM_NUMBER[stored.per_second], whole)
                rest = func("pmod", whole.copy(), number(1000))
                exact = exp.Paren(this=exp.Sub(this=whole, expression=rest))
                return func("timestamp_micros", exp.IntDiv(this=exact, expression=number(1000)))
            case _:
                return self.cast(self.time_text(value, time), TIMESTAMP)

    @override
    def names_offset(self, text: exp.Expr) -> exp.Expr:
        return func("regexp_like", text, exp.Literal.string(OFFSET))

    @override
    def local_time(self, instant: exp.Expr, zone: exp.Expr) -> exp.Expr:
        """An instant has one local time; the session's zone has no say."""
        return func("from_utc_timestamp", instant, zone)

    @override
    def utc_by(self, local: exp.Expr, zone: exp.Expr, days: int) -> exp.Expr:
        day = self.later(local.copy(), days * MICROSECONDS["d"])
        offset = exp.Sub(
            this=func("unix_micros", self.local_time(day, zone.copy())),
            expression=func("unix_micros", day.copy()),
        )
        micros = exp.Sub(this=func("unix_micros", local.copy()), expression=exp.Paren(this=offset))
        return func("timestamp_micros", micros)

    @override
    def in_order(self, value: exp.Expr, where: exp.Expr | None) -> exp.Expr:
        """Lists have no NULL here."""
        listed = func("collect_list", value)
        if where is not None:
            listed = exp.Filter(this=listed, expression=exp.Where(this=where))
        return func("sort_array", listed)

    @override
    def widened(self, value: exp.Expr, total: ColumnType) -> exp.Expr:
        """A sum of bigint is bigint here, and one that does not fit is an error."""
        whole = total == HUGEINT or (total.family is Kind.DECIMAL and total.scale == 0)
        return self.cast(value, total) if whole else value

    @override
    def opposite(self, value: exp.Expr, kind: ColumnType) -> exp.Expr:
        """Spark negates decimals with 34 digits; a HUGEINT is one of 38 here."""
        if kind == HUGEINT:
            return opposite_text(value, _WHOLE)
        return opposite_text(value, kind) if is_long(kind) else super().opposite(value, kind)

    @override
    def spread(
        self, spread: Spread, value: exp.Expr, over: Callable[[exp.Expr], exp.Expr]
    ) -> exp.Expr:
        """Spark keeps a mean and a sum of squared deviations (Welford 1962), never raw squares."""
        form = "pop" if spread.population else "samp"
        return over(func(f"{'stddev' if spread.root else 'var'}_{form}", value))

    @override
    def percentile(self, value: exp.Expr, share: Decimal) -> exp.Expr:
        return exp.Anonymous(
            this="percentile", expressions=[value, exp.Literal.number(f"{share:f}")]
        )

    @override
    def each_below(self, many: exp.Expr) -> exp.Expr:
        return func("explode", func("sequence", number(0), plus(many, -1)))

    @override
    def units(self, value: exp.Expr, kind: ColumnType) -> exp.Expr:
        """A decimal of 38 digits times its unit loses digits here, but its text has no point."""
        if kind.family is Kind.DECIMAL and kind.precision > DIGITS_OF_BIGINT:
            return self.cast(without_point(self.cast(value, TEXT)), _WHOLE)
        if kind.family is Kind.DECIMAL and kind.scale:
            value = exp.Mul(this=enclosed(value), expression=number(10**kind.scale))
        return value if kind == BIGINT else self.cast(value, BIGINT)

    @override
    def half(self, units: exp.Expr, *, high: bool) -> exp.Expr:
        """Shifts round towards the past."""
        if high:
            return func("shiftright", units, number(32))
        return exp.BitwiseAnd(this=units, expression=number(2**32 - 1))

    @override
    def third(self, units: exp.Expr, place: int) -> exp.Expr:
        """What is divided is a multiple, so that no digit after the point is rounded."""
        if place < 2:
            rest = exp.Mod(this=units.copy(), expression=number(10**13 if place else 10**26))
            above = exp.Mod(this=units, expression=number(10**26)) if place else units
            units = exp.Paren(this=exp.Sub(this=above, expression=rest))
            units = exp.Div(this=units, expression=number(10**13 if place else 10**26))
        else:
            units = exp.Mod(this=units, expression=number(10**13))
        return self.cast(units, BIGINT)

    @override
    def product(self, one: exp.Expr, other: exp.Expr) -> exp.Expr:
        return exp.Mul(this=self.cast(one, _FACTOR), expression=self.cast(other, _FACTOR))
