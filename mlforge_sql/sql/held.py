"""The row that holds: of the rows of an entity, the last one that has begun at an instant.

Two trees say it, for whoever reads a step function without a training set: one finds the beginning of
that row for all entities of a table, the other takes the row of a single entity from an index. Both are
the rule ``feature_timestamp <= instant``, latest first, and are told the instant and the names.

The join of a training set is not here: dbt has to say it without us, over labels whose columns are known
when it runs. It is a macro, and Python renders the same text (``docs/decisions/05-one-text-for-the-join.md``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from mlforge_sql.dialects.base import DOUBLED
from mlforge_sql.dialects.trees import aliased, columns, from_table, func, select
from mlforge_sql.expressions import column

TIME = "feature_timestamp"
HISTORY = "history"
"""Alias of a step function's rows."""


@dataclass(frozen=True, slots=True)
class Printing:
    """How an engine's text is printed, of an engine that nothing is compiled for.

    Attributes:
        sqlglot: Its name in sqlglot.
        quotes: Regular expression of quoted text and names.
    """

    sqlglot: str
    quotes: str = DOUBLED


POSTGRES = Printing("postgres")


def last_beginnings(keys: Sequence[str], history: exp.Expr, instant: exp.Expr) -> exp.Select:
    """For each entity that has a row by then, when the row began that holds at an instant.

    instant = 01-03 12:00:

    | user | feature_timestamp | amount |      | user | feature_timestamp |
    |------|-------------------|-------:|      |------|-------------------|
    | u1   | 01-02 00:00       |     10 |  ->  | u1   | 01-03 00:00       |
    | u1   | 01-03 00:00       |   1100 |
    | u1   | 01-04 00:00       |   5000 |

    Args:
        keys: The entity's join keys.
        history: The step function, as a table.
        instant: The instant.
    """
    last = from_table(select(*columns(keys), aliased(func("max", column(TIME)), TIME)), history)
    last = last.where(exp.LTE(this=column(TIME), expression=instant), copy=False)
    return last.group_by(*columns(keys), copy=False)


def last_row(rows: exp.Select, instant: exp.Expr, *, oldest: exp.Expr | None = None) -> exp.Select:
    """Of the rows of one entity, the one that holds at an instant.

    Args:
        rows: The entity's rows, from a table with the alias ``history``.
        instant: The instant.
        oldest: A row that began before does not hold any more; None where each holds until the next.
    """
    time = column(TIME, HISTORY)
    rows = rows.where(exp.LTE(this=time.copy(), expression=instant), copy=False)
    if oldest is not None:
        rows = rows.where(exp.GTE(this=time.copy(), expression=oldest), copy=False)
    return first_of(rows, [time])


def first_of(rows: exp.Select, latest: Iterable[exp.Expr]) -> exp.Select:
    """The first row from the latest on; the columns are never NULL, so an index has this order."""
    order = (exp.Ordered(this=item, desc=True, nulls_first=True) for item in latest)
    return rows.order_by(*order, copy=False).limit(1, copy=False)
