"""Joins: what the macros of training sets need to know in one engine's words."""

from __future__ import annotations

from sqlglot import exp

from mlforge_sql.plan.nodes import EventTime, JoinedColumn, SurrogateKey, TimeKind
from mlforge_sql.sql.build import literal
from mlforge_sql.sql.dialects.base import Dialect
from mlforge_sql.sql.staging import surrogate_key
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


def key_text(key: SurrogateKey, dialect: Dialect) -> str:
    """SQL of a surrogate key over the columns of the labels."""
    return sql_text(surrogate_key(key, dialect, LABELS, widened=True), dialect)


def instant_text(time: EventTime, value: str, dialect: Dialect) -> str:
    """SQL of the instant that ``value``, SQL or Jinja, stands for; it is for a Jinja string."""
    return sql_text(dialect.event_time(time, exp.Var(this=value)), dialect, in_jinja=True)
