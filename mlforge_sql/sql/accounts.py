"""Accounts: every row of a source is staged, or removed for a reason that is counted here again.

The staging model ranks the rows of an event and keeps the first. Here groups are counted instead,
over the source's own columns as what staging reads them as: that is no arithmetic to be checked.
"""

from __future__ import annotations

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import (
    aliased,
    all_of,
    columns,
    from_step,
    func,
    not_null,
    number,
    ref,
    select,
    source,
    star_from,
)
from mlforge_sql.expressions import column
from mlforge_sql.plan.nodes import Account
from mlforge_sql.sql.query import ModelQuery, Step
from mlforge_sql.sql.staging import typed_value

SOURCE_ROWS = "source_rows"
STAGED_ROWS = "staged_rows"
BY_WHERE = "removed_by_where"
BY_DEDUPE = "removed_by_dedupe"
TWICE = "staged_twice"
COPIES = "mlforge_copies"


def account_query(node: Account, dialect: Dialect, source_group: str) -> ModelQuery:
    """The SQL of an account: one row of numbers when they do not add up, else none."""
    relation = ref(node.model) if node.model else source(source_group, node.source)
    counts = {SOURCE_ROWS: _count("raw")}
    counts[BY_WHERE] = _count("unwanted") if node.where else number(0)
    counts[BY_DEDUPE] = _more_than_one("events") if node.dedupe else number(0)
    counts[STAGED_ROWS] = _count("staged")
    counts[TWICE] = _more_than_one("staged_events") if node.staged_key else number(0)
    numbers = select(*(aliased(tree, name) for name, tree in counts.items()))
    steps = [
        Step("raw", star_from(relation)),
        Step("staged", star_from(ref(node.staging))),
        *_removed(node, dialect),
        *([_copies("staged", node.staged_key, "staged_events")] if node.staged_key else []),
        Step("counted", numbers),
        _final(),
    ]
    return ModelQuery(tuple(steps))


def _removed(node: Account, dialect: Dialect) -> list[Step]:
    """The rows that ``where`` and ``dedupe`` should remove."""
    if not node.where and not node.dedupe:
        return []
    reading = node.reading
    typed = select(
        *(aliased(typed_value(item, reading, dialect), item.name) for item in reading.columns)
    )
    steps = [Step("typed", from_step(typed, "raw"))]
    wanted = "typed"
    if node.where is not None:
        is_wanted = dialect.expression(node.where)
        unwanted = func("coalesce", exp.Not(this=exp.Paren(this=is_wanted.copy())), exp.true())
        removed = from_step(select(exp.Star()), "typed").where(unwanted, copy=False)
        steps.append(Step("unwanted", removed, "false or unknown: `where` keeps neither"))
        wanted = "wanted"
        kept = from_step(select(exp.Star()), "typed").where(is_wanted, copy=False)
        if node.dedupe:
            steps.append(Step(wanted, kept))
    if node.dedupe:
        steps.append(_copies(wanted, node.dedupe, "events"))
    return steps


def _copies(step: str, key: tuple[str, ...], name: str) -> Step:
    """How many rows each event has; those without a whole key are events of their own."""
    copies = aliased(exp.Count(this=exp.Star()), COPIES)
    query = from_step(select(*columns(key), copies), step)
    query = query.where(all_of(not_null(item) for item in columns(key)), copy=False)
    return Step(name, query.group_by(*columns(key), copy=False))


def _count(step: str) -> exp.Expr:
    return exp.Subquery(this=from_step(select(exp.Count(this=exp.Star())), step))


def _more_than_one(step: str) -> exp.Expr:
    """How many rows there are beyond the first of each event."""
    more = func("sum", exp.Sub(this=column(COPIES), expression=number(1)))
    return exp.Subquery(this=from_step(select(func("coalesce", more, number(0))), step))


def _final() -> Step:
    total = exp.Add(
        this=exp.Add(this=column(STAGED_ROWS), expression=column(BY_WHERE)),
        expression=column(BY_DEDUPE),
    )
    differs = exp.NEQ(this=column(SOURCE_ROWS), expression=total)
    twice = exp.GT(this=column(TWICE), expression=number(0))
    query = from_step(select(exp.Star()), "counted")
    wrong = exp.or_(differs, twice, copy=False)
    return Step("final", query.where(wrong, copy=False), "they add up, and no event is there twice")
