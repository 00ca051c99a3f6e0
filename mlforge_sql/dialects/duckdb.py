"""DuckDB's SQL."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sqlglot import exp
from typing_extensions import override

from mlforge_sql.dialects.base import OFFSET, Dialect
from mlforge_sql.dialects.failing import may_fail
from mlforge_sql.dialects.printing import DuckDbText
from mlforge_sql.dialects.trees import enclosed, func, not_null, number, times, without_point
from mlforge_sql.durations import MICROSECONDS
from mlforge_sql.event_time import EventTime, TimeKind
from mlforge_sql.expressions import Expr, failure_text, owner_of
from mlforge_sql.functions.model import Spread
from mlforge_sql.types import (
    BIGINT,
    DIGITS_OF_BIGINT,
    HUGEINT,
    TEXT,
    TIMESTAMP,
    UNKNOWN,
    ColumnType,
    Kind,
)

_SUBQUERIES = (exp.Any, exp.All)
"""What DuckDB computes with a subquery, of which ``try`` takes none."""


class DuckDb(Dialect):
    """DuckDB 1.5 and 2.0."""

    name = "duckdb"
    sqlglot = DuckDbText
    slides = True
    reads_files = True
    incremental = True

    def type_name(self, kind: ColumnType) -> str:
        """DuckDB's name of a type."""
        match kind.family:
            case Kind.TEXT:
                return "varchar"
            case Kind.TIMESTAMP_TZ:
                return kind.text or "timestamp with time zone"
            case Kind.OTHER if kind == UNKNOWN:
                return '"NULL"'
            case Kind.OTHER:
                return kind.text  # names inside may differ by case
            case Kind.DECIMAL:
                return f"decimal({kind.precision},{kind.scale})"
            case _:
                return str(kind)

    @override
    def expression(self, expr: Expr) -> exp.Expr:
        """Users write DuckDB's own SQL; what can fail on a row fails without its value."""
        tree = expr.tree.copy()
        return guarded(tree, owner_of(tree))

    @override
    def event_time(
        self, stored: EventTime, value: exp.Expr, time: exp.Expr | None = None
    ) -> exp.Expr:
        """Parts of a microsecond are cut off towards the past."""
        match stored.kind:
            case TimeKind.TIMESTAMP | TimeKind.DATE:
                return self.cast(value, TIMESTAMP)
            case TimeKind.DATE_AND_TIME:
                return exp.Add(this=value, expression=time)
            case TimeKind.TIMESTAMP_TZ:
                return func("make_timestamp", func("epoch_us", value))
            case TimeKind.TIMESTAMP_NS:
                return func("make_timestamp", _floor_thousand(func("epoch_ns", value)))
            case TimeKind.ISO_TEXT:  # a plain timestamp would drop the offset
                text = self.time_text(value, time)
                zoned_text = exp.Cast(this=text, to=exp.DataType.build("timestamptz"))
                return func("make_timestamp", func("epoch_us", zoned_text))
            case TimeKind.TEXT:
                text = self.time_text(value, time)
                parsed = func("strptime", text, exp.Literal.string(stored.format or ""))
                zoned = "%z" in (stored.format or "")
                return func("make_timestamp", func("epoch_us", parsed)) if zoned else parsed
            case TimeKind.EPOCH:
                return func("make_timestamp", self._microseconds(stored, value))

    def _microseconds(self, stored: EventTime, value: exp.Expr) -> exp.Expr:
        """Microseconds since 1970 of an integer that counts another unit."""
        whole = self.cast(value, BIGINT)
        if stored.per_day:
            return times(whole, MICROSECONDS["d"])
        if stored.per_second > 1_000_000:
            return _floor_thousand(whole)
        return times(whole, 1_000_000 // stored.per_second)

    @override
    def names_offset(self, text: exp.Expr) -> exp.Expr:
        return func("regexp_matches", text, exp.Literal.string(OFFSET))

    @override
    def local_time(self, instant: exp.Expr, zone: exp.Expr) -> exp.Expr:
        """An instant has one local time; the session's zone has no say."""
        return func("timezone", zone, func("timezone", exp.Literal.string("UTC"), instant))

    @override
    def utc_by(self, local: exp.Expr, zone: exp.Expr, days: int) -> exp.Expr:
        near = self.later if days > 0 else self.earlier
        day = near(local.copy(), MICROSECONDS["d"])
        offset = exp.Sub(
            this=func("epoch_us", self.local_time(day, zone.copy())),
            expression=func("epoch_us", day.copy()),
        )
        micros = exp.Sub(this=func("epoch_us", local.copy()), expression=exp.Paren(this=offset))
        return func("make_timestamp", micros)

    @override
    def in_order(self, value: exp.Expr, where: exp.Expr | None) -> exp.Expr:
        there = not_null(value)
        wanted = exp.and_(where, there, copy=False) if where else there
        listed = exp.Filter(this=func("list", value.copy()), expression=exp.Where(this=wanted))
        return func("list_sort", listed)

    @override
    def percentile(self, value: exp.Expr, share: Decimal) -> exp.Expr:
        return exp.Anonymous(
            this="quantile_cont", expressions=[value, exp.Literal.number(f"{share:f}")]
        )

    @override
    def each_below(self, many: exp.Expr) -> exp.Expr:
        """Not a cross join, which may be done after other joins."""
        return func("unnest", func("range", many))

    @override
    def units(self, value: exp.Expr, kind: ColumnType) -> exp.Expr:
        """A decimal of 38 digits times its unit has no type here, but its text has no point."""
        if kind.family is Kind.DECIMAL and kind.precision > DIGITS_OF_BIGINT:
            return self.cast(without_point(self.cast(value, TEXT)), HUGEINT)
        if kind.family is Kind.DECIMAL and kind.scale:
            digits = DIGITS_OF_BIGINT if kind.precision + kind.scale <= DIGITS_OF_BIGINT else 38
            roomy = ColumnType(Kind.DECIMAL, precision=digits, scale=kind.scale)
            value = exp.Mul(this=self.cast(value, roomy), expression=number(10**kind.scale))
        return value if kind in {BIGINT, HUGEINT} else self.cast(value, BIGINT)

    @override
    def half(self, units: exp.Expr, *, high: bool) -> exp.Expr:
        """Shifts round towards the past."""
        if high:
            return exp.BitwiseRightShift(this=units, expression=number(32))
        return exp.BitwiseAnd(this=units, expression=number(2**32 - 1))

    @override
    def third(self, units: exp.Expr, place: int) -> exp.Expr:
        """Shifts round towards the past."""
        if place < 2:
            units = exp.BitwiseRightShift(this=units, expression=number(43 if place else 86))
        if place > 0:
            units = exp.BitwiseAnd(this=enclosed(units), expression=number(2**43 - 1))
        return self.cast(units, BIGINT)

    @override
    def product(self, one: exp.Expr, other: exp.Expr) -> exp.Expr:
        return exp.Mul(this=self.cast(one, HUGEINT), expression=other)

    @override
    def spread(
        self, spread: Spread, value: exp.Expr, over: Callable[[exp.Expr], exp.Expr]
    ) -> exp.Expr:
        """DuckDB merges means and sums of squared deviations (Chan et al. 1979), never raw squares.

        Of a single value it does not look at the value: the largest times zero is NaN where it is not finite.
        """
        if not spread.population:
            return over(func("stddev_samp" if spread.root else "var_samp", value))
        found = over(func("stddev_pop" if spread.root else "var_pop", value))
        largest = over(func("max", value.copy()))
        return exp.Add(this=found, expression=exp.Mul(this=number(0), expression=largest))


def guarded(tree: exp.Expr, owner: str | None) -> exp.Expr:
    """An expression whose errors show no value; the same tree when it cannot fail.

    Conditions that are joined are guarded one by one: a filter asks the second only for rows that
    pass the first, ``try`` asks for all. ``row`` tells a NULL from a failure.
    """
    if not may_fail(tree):
        return tree
    if isinstance(tree, (exp.And, exp.Or)):
        for part in ("this", "expression"):
            tree.set(part, guarded(tree.args[part], owner))
        return tree
    if isinstance(tree, (exp.Not, exp.Paren)):
        tree.set("this", guarded(tree.this, owner))
        return tree
    if tree.find(*_SUBQUERIES):
        for name, part in tree.args.items():
            if isinstance(part, exp.Condition) and not isinstance(part, _SUBQUERIES):
                tree.set(name, guarded(part, owner))
        return tree
    text = exp.Literal.string(failure_text(tree, owner))
    tried = func("try", func("row", tree))
    either = func("coalesce", tried, func("error", text))
    return exp.Bracket(this=either, expressions=[number(1)], offset=1)


def _floor_thousand(value: exp.Expr) -> exp.Expr:
    """``value // 1000`` rounded towards the past; DuckDB's ``//`` rounds towards zero."""
    rest = exp.Mod(this=value.copy(), expression=number(1000))
    below = exp.LT(this=rest, expression=number(0))
    one = exp.Cast(this=exp.Paren(this=below), to=exp.DataType.build("bigint"))
    return exp.Sub(this=exp.IntDiv(this=value, expression=number(1000)), expression=one)
