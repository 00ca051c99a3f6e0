"""What a dialect has to say: only what differs between engines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from sqlglot import exp

from mlforge_sql.expressions import Expr
from mlforge_sql.plan.clock import Clock
from mlforge_sql.plan.nodes import EventTime
from mlforge_sql.types import ColumnType

DOUBLED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*\""""
"""Quoted text and names of standard SQL."""

ESCAPED = r"""'(?:[^'\\]|\\.)*'|`(?:[^`]|``)*`"""
"""Quoted text and names of Spark: a backslash escapes the character after it."""


class Dialect(ABC):
    """One engine's SQL.

    Attributes:
        name: dbt's adapter type.
        sqlglot: sqlglot's name of the dialect.
        slides: Whether a sliding window frame is kept up to date, rather than read anew for each row.
        reads_files: Whether sources are files where they have a path.
        quotes: Regular expression of quoted text and names.
    """

    name: ClassVar[str]
    sqlglot: ClassVar[str]
    slides: ClassVar[bool]
    reads_files: ClassVar[bool]
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

    @abstractmethod
    def tick(self, event_time: exp.Expr, clock: Clock) -> exp.Expr:
        """The tick at which an event becomes visible; NULL when the time is not an instant."""

    @abstractmethod
    def instant(self, tick: exp.Expr, clock: Clock, delay: int) -> exp.Expr:
        """The UTC timestamp of a tick, ``delay`` microseconds later."""

    @abstractmethod
    def earlier(self, timestamp: exp.Expr, microseconds: int) -> exp.Expr:
        """The timestamp a length of time before; the same one for none."""

    @abstractmethod
    def later(self, timestamp: exp.Expr, microseconds: int) -> exp.Expr:
        """The timestamp a length of time after; the same one for none."""

    @abstractmethod
    def last_tick(self, timestamp: exp.Expr, clock: Clock) -> exp.Expr:
        """The instant of the last tick of a gridded clock, at or before a timestamp."""

    @abstractmethod
    def is_instant(self, timestamp: exp.Expr) -> exp.Expr:
        """Whether a timestamp is neither NULL nor infinite."""

    @abstractmethod
    def event_time(self, stored: EventTime, value: exp.Expr) -> exp.Expr:
        """The UTC timestamp that a source's column stands for."""

    @abstractmethod
    def key_text(self, value: exp.Expr, kind: ColumnType) -> exp.Expr:
        """The canonical text of one part of a surrogate key."""

    @abstractmethod
    def sha256_hex(self, text: exp.Expr) -> exp.Expr:
        """SHA-256 of UTF-8 text, in lower-case hex."""

    @abstractmethod
    def text_length(self, text: exp.Expr) -> exp.Expr:
        """Length in characters (code points)."""

    @abstractmethod
    def spread(self, function: str, value: exp.Expr) -> exp.Expr:
        """Sample standard deviation (``std``) or variance of a double, numerically sound."""

    @abstractmethod
    def median(self, value: exp.Expr) -> exp.Expr:
        """The median of a double, NULLs ignored; exact, so that it does not depend on row order."""

    @abstractmethod
    def is_finite(self, value: exp.Expr) -> exp.Expr:
        """Whether a double is neither infinite nor NaN."""

    def widened(self, value: exp.Expr, total: ColumnType) -> exp.Expr:  # noqa: ARG002 - for engines that need it
        """A number that is about to be summed, so that a sum that fits into ``total`` does not overflow."""
        return value

    def cast(self, value: exp.Expr, kind: ColumnType) -> exp.Expr:
        """``cast(value as kind)``."""
        return exp.Cast(
            this=value, to=exp.DataType.build(self.type_name(kind), dialect=self.sqlglot)
        )
