"""Instants: what a stored time stands for in UTC, local times included."""

from __future__ import annotations

import re

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import jinja
from mlforge_sql.event_time import EventTime, TimeKind
from mlforge_sql.expressions import column
from mlforge_sql.sql.text import sql_text
from mlforge_sql.zones import UTC_NAME

_COMMENT = re.compile(r"[^ -~]|[{}#]")
"""What might end a comment, or run as Jinja."""


def staged_instant(stored: EventTime, dialect: Dialect, table: str | None = None) -> exp.Expr:
    """The UTC timestamp of a stored time, in a model: a local time is converted by a macro."""
    value, time = _columns(stored, table)
    read = dialect.event_time(stored, value, time)
    if stored.timezone in {None, UTC_NAME}:
        return read
    return _unless_offset(stored, dialect, (value, time), read, _macro(stored, dialect, read))


def instant(stored: EventTime, dialect: Dialect, table: str | None = None) -> exp.Expr:
    """The UTC timestamp of a stored time, in SQL alone."""
    return instant_of(stored, dialect, *_columns(stored, table))


def instant_of(
    stored: EventTime, dialect: Dialect, value: exp.Expr, time: exp.Expr | None = None
) -> exp.Expr:
    """The UTC timestamp of a stored time.

    Args:
        stored: How it is stored.
        dialect: How to say it.
        value: Its column.
        time: The column with the time of the day, where it is one of its own.
    """
    read = dialect.event_time(stored, value, time)
    if stored.timezone is None or stored.timezone == UTC_NAME:
        return read
    zone = exp.Literal.string(stored.timezone)
    converted = utc(read, zone, dialect, earlier=stored.earlier)
    return _unless_offset(stored, dialect, (value, time), read, converted)


def told(stored: EventTime) -> str | None:
    """How a time is stored, in words; None where it is a timestamp in UTC."""
    how = {
        TimeKind.TEXT: f"text, written as {stored.format}",
        TimeKind.ISO_TEXT: "text of an ISO timestamp",
        TimeKind.EPOCH: "a number, counted since 1970",
        TimeKind.DATE: "a date: its midnight",
    }.get(stored.kind)
    if stored.timezone not in {None, UTC_NAME}:
        how = f"{how or 'a timestamp'}, by the clocks of {stored.timezone}"
    if how is None:
        return None
    name = f"{stored.column} and {stored.time}" if stored.time is not None else stored.column
    return _COMMENT.sub("_", f"{name}: {how}")


def utc(local: exp.Expr, zone: exp.Expr, dialect: Dialect, *, earlier: bool) -> exp.Expr:
    """The UTC timestamp of a local time, whatever an engine would make of hours that are none or two.

    The offset of the day before gives one candidate, that of the day after another. A candidate is
    right when the zone's clocks show the local time at it. Of two, events take the later and
    labels the earlier, so that no label sees an event too soon. Of none, the clocks were set
    forward over the local time, and so is it: by the offset before.

    Args:
        local: A timestamp without a zone.
        zone: The name of the zone.
        dialect: How to say it.
        earlier: Whether an hour that comes twice is the first.
    """
    before, after = (dialect.utc_by(local, zone, days) for days in (-1, 1))

    def shown(candidate: exp.Expr) -> exp.Expr:
        return exp.EQ(
            this=dialect.local_time(candidate.copy(), zone.copy()), expression=local.copy()
        )

    last = [exp.If(this=shown(after), true=after)]
    first = [exp.If(this=shown(before), true=before.copy())] if earlier else []
    return exp.Case(ifs=[*first, *last], default=before)


def _columns(stored: EventTime, table: str | None) -> tuple[exp.Expr, exp.Expr | None]:
    time = column(stored.time, table) if stored.time is not None else None
    return column(stored.column, table), time


def _macro(stored: EventTime, dialect: Dialect, local: exp.Expr) -> exp.Expr:
    text = sql_text(local.copy(), dialect, in_jinja=True, one_line=True)
    arguments = f"{_quoted(text)}, {_quoted(stored.timezone or UTC_NAME)}"
    return jinja(f"mlforge_utc({arguments}{', earlier=true' if stored.earlier else ''})")


def _quoted(text: str) -> str:
    """A Jinja string inside ``{{ }}``, which a brace in it cannot end."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return "'" + escaped.replace("\r", "\\r").replace("}", "\\u007d") + "'"


def _unless_offset(
    stored: EventTime,
    dialect: Dialect,
    columns: tuple[exp.Expr, exp.Expr | None],
    read: exp.Expr,
    converted: exp.Expr,
) -> exp.Expr:
    """ISO text may name an offset itself: then it is an instant already."""
    if stored.kind is not TimeKind.ISO_TEXT:
        return converted
    named = dialect.names_offset(dialect.time_text(*columns).copy())
    return exp.Case(ifs=[exp.If(this=named, true=read.copy())], default=converted)
