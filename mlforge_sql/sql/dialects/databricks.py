"""Databricks SQL, which is Spark's with Delta tables. The session's time zone is UTC."""

from __future__ import annotations

from sqlglot import exp

from mlforge_sql.expressions import Expr, owner_of
from mlforge_sql.plan.clock import Clock
from mlforge_sql.plan.nodes import EventTime, Spread, TimeKind
from mlforge_sql.sql.build import func, number, plus, times
from mlforge_sql.sql.dialects.base import ESCAPED, Dialect
from mlforge_sql.translation import databricks_type, guarded, translate
from mlforge_sql.translation.patterns import java_pattern
from mlforge_sql.translation.time_formats import spark_pattern
from mlforge_sql.types import BIGINT, TEXT, TIMESTAMP, ColumnType, Kind

_FROM_NUMBER = {1: "timestamp_seconds", 1_000: "timestamp_millis", 1_000_000: "timestamp_micros"}
"""Functions for integers, by units in a second."""


class Databricks(Dialect):
    """Databricks SQL in ANSI mode, as SQL warehouses run it."""

    name = "databricks"
    sqlglot = "databricks"
    slides = False
    quotes = ESCAPED

    def type_name(self, kind: ColumnType) -> str:
        """Databricks' name of a type."""
        return databricks_type(kind)

    def expression(self, expr: Expr) -> exp.Expr:
        """See the base. It can be said: the resolver refuses what cannot."""
        return guarded(translate(expr.tree), owner_of(expr.tree))

    def pattern(self, pattern: str) -> str:
        """See the base. The resolver refuses what Java would find elsewhere."""
        return java_pattern(pattern)

    def tick(self, event_time: exp.Expr, clock: Clock) -> exp.Expr:
        """See the base. ``pmod`` is never negative, so times before 1970 round to the past too."""
        micros = func("unix_micros", event_time)
        if clock.interval is None:
            return plus(micros, 0 if clock.inclusive else 1)
        since = plus(micros, -clock.anchor)
        if clock.anchor:
            since = exp.Paren(this=since)
        rest = func("pmod", plus(micros.copy(), -clock.anchor), number(clock.unit))
        whole = exp.Paren(this=exp.Sub(this=since, expression=rest))
        return plus(exp.IntDiv(this=whole, expression=number(clock.unit)), 1)

    def instant(self, tick: exp.Expr, clock: Clock, delay: int) -> exp.Expr:
        """See the base."""
        return func("timestamp_micros", plus(times(tick, clock.unit), clock.anchor + delay))

    def earlier(self, timestamp: exp.Expr, microseconds: int) -> exp.Expr:
        """See the base. In microseconds: no calendar and no time zone has a say."""
        return self.later(timestamp, -microseconds)

    def later(self, timestamp: exp.Expr, microseconds: int) -> exp.Expr:
        """See the base."""
        if microseconds == 0:
            return timestamp
        return func("timestamp_micros", plus(func("unix_micros", timestamp), microseconds))

    def last_tick(self, timestamp: exp.Expr, clock: Clock) -> exp.Expr:
        """See the base."""
        micros = func("unix_micros", timestamp)
        rest = func("pmod", plus(micros.copy(), -clock.anchor), number(clock.unit))
        return func("timestamp_micros", exp.Sub(this=micros, expression=rest))

    def is_instant(self, timestamp: exp.Expr) -> exp.Expr:
        """See the base. No timestamp is infinite here."""
        return exp.Not(this=exp.Is(this=timestamp, expression=exp.Null()))

    def event_time(self, stored: EventTime, value: exp.Expr) -> exp.Expr:
        """See the base. Timestamps without a time zone are UTC, as the session is."""
        match stored.kind:
            case TimeKind.TEXT:
                pattern = exp.Literal.string(spark_pattern(stored.format or ""))
                return func("to_timestamp", value, pattern)
            case TimeKind.EPOCH:
                whole = self.cast(value, BIGINT)
                if stored.per_second in _FROM_NUMBER:
                    return func(_FROM_NUMBER[stored.per_second], whole)
                rest = func("pmod", whole.copy(), number(1000))
                exact = exp.Paren(this=exp.Sub(this=whole, expression=rest))
                return func("timestamp_micros", exp.IntDiv(this=exact, expression=number(1000)))
            case _:
                return self.cast(value, TIMESTAMP)

    def key_text(self, value: exp.Expr, kind: ColumnType) -> exp.Expr:
        """See the base."""
        return value if kind.kind is Kind.TEXT else self.cast(value, TEXT)

    def sha256_hex(self, text: exp.Expr) -> exp.Expr:
        """See the base."""
        return func("sha2", text, number(256))

    def text_length(self, text: exp.Expr) -> exp.Expr:
        """See the base."""
        return func("char_length", text)

    def median(self, value: exp.Expr) -> exp.Expr:
        """See the base."""
        return func("percentile", value, exp.Literal.number("0.5"))

    def is_finite(self, value: exp.Expr) -> exp.Expr:
        """See the base. NaN is greater than infinity here."""
        infinity = func("double", exp.Literal.string("infinity"))
        return exp.LT(this=func("abs", value), expression=infinity)

    def widened(self, value: exp.Expr, total: ColumnType) -> exp.Expr:
        """See the base. A sum of bigint is bigint here, and one that does not fit is an error."""
        whole = total.kind is Kind.DECIMAL and total.scale == 0
        return self.cast(value, total) if whole else value

    def spread(self, function: str, value: exp.Expr) -> exp.Expr:
        """Spark keeps a mean and a sum of squared deviations (Welford 1962), never raw squares."""
        return func("stddev_samp" if function == Spread.STD else "var_samp", value)
