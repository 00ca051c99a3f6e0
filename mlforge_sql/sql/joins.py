"""Joins: what the macros of training sets need to know in one engine's words."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import literal
from mlforge_sql.event_time import EventTime, TimeKind
from mlforge_sql.plan.nodes import JoinedColumn
from mlforge_sql.sql.instants import instant
from mlforge_sql.sql.text import sql_text
from mlforge_sql.types import BIGINT

LABELS = "labels"
"""Alias of the labels in the SQL of the macros."""

PLAIN_TIMES = (
    TimeKind.TIMESTAMP,
    TimeKind.TIMESTAMP_TZ,
    TimeKind.TIMESTAMP_NS,
    TimeKind.DATE,
    TimeKind.ISO_TEXT,
)
"""How a label's time may be stored, when nothing but its type is known."""


def empty_value(column: JoinedColumn, dialect: Dialect) -> str | None:
    """SQL of a column's value for an entity that has no row; None where it is NULL."""
    if column.default is not None:
        kind = BIGINT if column.zero else column.type
        return sql_text(dialect.cast(literal(column.default), kind), dialect, in_jinja=True)
    return "0" if column.zero else None


def instant_text(time: EventTime, dialect: Dialect) -> str:
    """SQL of a label's time in UTC over the labels; it is for a Jinja string."""
    return sql_text(instant(time, dialect, LABELS), dialect, in_jinja=True)


def read_text(time: EventTime, dialect: Dialect) -> str:
    """The same without the time zone: of a local time, what the clocks show."""
    return instant_text(replace(time, timezone=None), dialect)


def plain_text(kind: TimeKind, value: str, dialect: Dialect) -> str:
    """SQL of the timestamp that ``value``, which is Jinja, stands for; it is for a Jinja string."""
    tree = dialect.event_time(EventTime("", kind), exp.Var(this=value))
    return sql_text(tree, dialect, in_jinja=True)


def time_text(date: str, time: str, dialect: Dialect) -> str:
    """SQL of the text of a date and a time of the day; both are Jinja."""
    return sql_text(dialect.time_text(exp.Var(this=date), exp.Var(this=time)), dialect)


def offset_text(value: str, dialect: Dialect) -> str:
    """SQL of whether text, which is Jinja, names an offset from UTC."""
    return sql_text(dialect.names_offset(exp.Var(this=value)), dialect)


def utc_text(local: str, zone: str, days: int, dialect: Dialect) -> str:
    """SQL of the UTC timestamp of a local time by the zone's offset some days later; both are Jinja."""
    return sql_text(dialect.utc_by(exp.Var(this=local), exp.Var(this=zone), days), dialect)


def local_text(instant: str, zone: str, dialect: Dialect) -> str:
    """SQL of what a zone's clocks show at a UTC timestamp; both are Jinja."""
    return sql_text(dialect.local_time(exp.Var(this=instant), exp.Var(this=zone)), dialect)
