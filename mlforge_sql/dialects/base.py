"""What a dialect has to say: only what differs between engines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import ClassVar

import sqlglot
from sqlglot import exp

from mlforge_sql.clock import Clock
from mlforge_sql.dialects.trees import func, jinja, jinja_string
from mlforge_sql.durations import MICROSECONDS
from mlforge_sql.event_time import EventTime
from mlforge_sql.expressions import Expr
from mlforge_sql.functions.model import Spread
from mlforge_sql.types import DOUBLE, TEXT, ColumnType, Kind

DOUBLED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*\""""
"""Quoted text and names of standard SQL."""

OFFSET = "[0-9][Tt ].*[-+A-Za-z]"
"""Regular expression of ISO timestamps with an offset or a zone: after the date there is a sign or a letter."""

_UNITS = (("d", "days"), ("h", "hours"), ("m", "minutes"), ("s", "seconds"))
_TRUNCATED = (("s", "second"), ("m", "minute"), ("h", "hour"), ("d", "day"), ("w", "week"))
"""Lengths that both engines truncate times to, by the same name."""

ESCAPED = r"""'(?:[^'\\]|\\.)*'|`(?:[^`]|``)*`"""
"""Quoted text and names of Spark: a backslash escapes the character after it."""


class Dialect(ABC):
    """One engine's SQL.

    Attributes:
        name: dbt's adapter type.
        sqlglot: How sqlglot prints it.
        slides: Whether a sliding window frame is kept up to date, rather than read anew for each row.
        reads_files: Whether sources are files where they have a path.
        incremental: Whether tables can be brought up to date, rather than built anew.
        quotes: Regular expression of quoted text and names.
    """

    name: ClassVar[str]
    sqlglot: ClassVar[type[sqlglot.Dialect]]
    slides: ClassVar[bool]
    reads_files: ClassVar[bool]
    incremental: ClassVar[bool]
    quotes: ClassVar[str] = DOUBLED

    @abstractmethod
    def type_name(self, kind: ColumnType) -> str:
        """The engine's name of a type."""

    @abstractmethod
    def expression(self, expr: Expr) -> exp.Expr:
        """A user's expression in the engine's words, as a tree of its own."""

    def pattern(self, pattern: str) -> str:
        """A regular expression of the user's in the engine's words."""
        return pattern

    def time_format(self, text: str) -> str:
        """A strftime format of the user's in the engine's words."""
        return text

    # Times: macros of the project say in a model what differs by a word

    def tick(self, event_time: exp.Expr, clock: Clock) -> exp.Expr:
        """The tick at which an event becomes visible; NULL when the time is not an instant."""
        rest = _interval_argument(clock)
        if clock.interval is None and clock.inclusive:
            rest = ", inclusive=true"
        return jinja(f"mlforge_tick({self._in_jinja(event_time)}{rest})")

    def instant(self, tick: exp.Expr, clock: Clock, delay: int) -> exp.Expr:
        """The UTC timestamp of a tick, ``delay`` microseconds later."""
        rest = _interval_argument(clock)
        if delay:
            rest += f", delay='{_length_text(delay)}'"
        return jinja(f"mlforge_tick_time({self._in_jinja(tick)}{rest})")

    def last_tick(self, timestamp: exp.Expr, clock: Clock) -> exp.Expr:
        """The instant of the last tick of a gridded clock, at or before a timestamp."""
        for unit, word in _TRUNCATED:
            if clock.unit == MICROSECONDS[unit]:  # weeks are truncated to Mondays
                return func("date_trunc", exp.Literal.string(word), timestamp)
        return jinja(f"mlforge_last_tick({self._in_jinja(timestamp)}{_interval_argument(clock)})")

    def is_instant(self, timestamp: exp.Expr) -> exp.Expr:
        """Whether a timestamp is neither NULL nor infinite."""
        return jinja(f"mlforge_is_instant({self._in_jinja(timestamp)})")

    def earlier(self, timestamp: exp.Expr, microseconds: int) -> exp.Expr:
        """The timestamp a length of time before; the same one for none."""
        if microseconds == 0:
            return timestamp
        return exp.Sub(this=timestamp, expression=_interval(microseconds))

    def later(self, timestamp: exp.Expr, microseconds: int) -> exp.Expr:
        """The timestamp a length of time after; the same one for none."""
        if microseconds == 0:
            return timestamp
        return exp.Add(this=timestamp, expression=_interval(microseconds))

    def _in_jinja(self, tree: exp.Expr) -> str:
        """A tree as an argument of a macro: a string, or a call that quotes a name for the engine."""
        if isinstance(tree, exp.Column) and tree.this.args.get("quoted"):
            table = f"{jinja_string(tree.table + '.')} ~ " if tree.table else ""
            return f"{table}mlforge_quote({jinja_string(tree.name)})"
        return jinja_string(tree.sql(self.sqlglot, comments=False).lower())

    @abstractmethod
    def event_time(
        self, stored: EventTime, value: exp.Expr, time: exp.Expr | None = None
    ) -> exp.Expr:
        """The timestamp that a stored time stands for: in UTC, or in its time zone where it has one.

        Args:
            stored: How it is stored.
            value: Its column.
            time: The column with the time of the day, where it is one of its own.
        """

    def time_text(self, value: exp.Expr, time: exp.Expr | None = None) -> exp.Expr:
        """A stored time as text: ``<date> <time>``, where it is two columns; NULL where one is."""
        if time is None:
            return value
        space = exp.Literal.string(" ")
        date = exp.DPipe(this=self.cast(value, TEXT), expression=space)
        return exp.DPipe(this=date, expression=self.cast(time, TEXT))

    @abstractmethod
    def names_offset(self, text: exp.Expr) -> exp.Expr:
        """Whether text of an ISO timestamp says its offset from UTC, or its zone."""

    @abstractmethod
    def local_time(self, instant: exp.Expr, zone: exp.Expr) -> exp.Expr:
        """What the clocks of a time zone show at a UTC timestamp."""

    @abstractmethod
    def utc_by(self, local: exp.Expr, zone: exp.Expr, days: int) -> exp.Expr:
        """The UTC timestamp of a local time, by the zone's offset some days later; NULL for infinity."""

    @abstractmethod
    def spread(
        self, spread: Spread, value: exp.Expr, over: Callable[[exp.Expr], exp.Expr]
    ) -> exp.Expr:
        """The spread of a double, numerically sound; NaN where a value is infinite or NaN.

        Args:
            spread: Which.
            value: The double.
            over: Has an aggregate look at a window.
        """

    @abstractmethod
    def percentile(self, value: exp.Expr, share: Decimal) -> exp.Expr:
        """Aggregate: the double that a share of the doubles of a group is below, or between two of them."""

    @abstractmethod
    def in_order(self, value: exp.Expr, where: exp.Expr | None) -> exp.Expr:
        """Aggregate: the doubles of a group that are not NULL, in the order of their size."""

    @abstractmethod
    def each_below(self, many: exp.Expr) -> exp.Expr:
        """A row for each whole number from 0 up to the one before a positive number."""

    def is_finite(self, value: exp.Expr) -> exp.Expr:
        """Whether a double is neither infinite nor NaN, which is greater than infinity."""
        infinity = self.cast(exp.Literal.string("infinity"), DOUBLE)
        return exp.LT(this=func("abs", value), expression=infinity)

    @abstractmethod
    def units(self, value: exp.Expr, kind: ColumnType) -> exp.Expr:
        """An integer, a decimal or a boolean as a whole number of its type's smallest unit.

        It is a bigint, or wider where 18 digits are not enough.
        """

    @abstractmethod
    def half(self, units: exp.Expr, *, high: bool) -> exp.Expr:
        """Half of a bigint: ``x = high * 2^32 + low``, where ``low`` is not negative."""

    @abstractmethod
    def third(self, units: exp.Expr, place: int) -> exp.Expr:
        """A third of a wide whole number, a bigint: ``x = third_0 * b^2 + third_1 * b + third_2``.

        The base ``b`` is the engine's own, see the macro ``mlforge_base``.
        """

    @abstractmethod
    def product(self, one: exp.Expr, other: exp.Expr) -> exp.Expr:
        """The product of two bigints as a number that holds it, whatever they are."""

    def one_zero(self, value: exp.Expr, kind: ColumnType) -> exp.Expr:
        """The value; of floats, -0.0 becomes 0.0, which it equals: both would be right, depending on rows' order."""
        if kind.family is not Kind.FLOAT:
            return value
        zero = exp.Literal.number(0)
        return exp.Add(this=value, expression=zero if kind == DOUBLE else self.cast(zero, kind))

    def widened(self, value: exp.Expr, total: ColumnType) -> exp.Expr:  # noqa: ARG002 - for engines that need it
        """A number that is about to be summed, so that a sum that fits into ``total`` does not overflow."""
        return value

    def opposite(self, value: exp.Expr, kind: ColumnType) -> exp.Expr:  # noqa: ARG002 - for engines that need it
        """``-value``, every digit of it."""
        return exp.Neg(this=value)

    def cast(self, value: exp.Expr, kind: ColumnType) -> exp.Expr:
        """``cast(value as kind)``."""
        return exp.Cast(
            this=value, to=exp.DataType.build(self.type_name(kind), dialect=self.sqlglot)
        )


def zero_comment(kinds: Iterable[ColumnType]) -> str | None:
    """Why zero is added to columns of these types; None where it is to none of them."""
    if any(kind.family is Kind.FLOAT for kind in kinds):
        return "+ 0: of -0.0 and 0.0, which are equal, either would be right; so it is 0.0"
    return None


def _interval_argument(clock: Clock) -> str:
    return f", '{clock.interval}'" if clock.interval is not None else ""


def _length_text(microseconds: int) -> str:
    """A length of whole seconds as users write it."""
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(microseconds, MICROSECONDS[unit])
        if rest == 0:
            return f"{count}{unit}"
    raise ValueError(f"{microseconds} microseconds are no whole seconds")


def _interval(microseconds: int) -> exp.Expr:
    count, word = microseconds, "microseconds"
    for unit, named in _UNITS:
        if microseconds % MICROSECONDS[unit] == 0:
            count, word = microseconds // MICROSECONDS[unit], named
            break
    return exp.Var(this=f"interval '{count} {word if count != 1 else word.removesuffix('s')}'")
