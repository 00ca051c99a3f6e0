"""What goes online of a step function: the rows that hold at the run's ``as_of``, and the later ones."""

from __future__ import annotations

from sqlglot import exp

from mlforge_sql.dialects.trees import (
    columns,
    from_step,
    jinja,
    ref,
    select,
    star_from,
)
from mlforge_sql.expressions import column, identifier
from mlforge_sql.plan.nodes import Current, Upcoming
from mlforge_sql.sql.held import HISTORY, TIME, last_beginnings
from mlforge_sql.sql.query import ModelQuery, Step


def published_query(node: Current | Upcoming) -> ModelQuery:
    """The SQL of a model that goes online."""
    return current_query(node) if isinstance(node, Current) else upcoming_query(node)


def current_query(node: Current) -> ModelQuery:
    """The SQL of a model of current values."""
    keys = tuple(name for name, _ in node.keys)
    values = [name for name, _ in node.columns]
    step = exp.Table(this=identifier(HISTORY))
    last = last_beginnings(keys, step, jinja("mlforge_as_of()"))
    final = from_step(select(*columns((*keys, TIME, *values), HISTORY)), HISTORY)
    final = final.join(
        exp.Join(
            this=exp.Table(this=identifier("last_rows")),
            kind="INNER",
            using=[identifier(name) for name in (*keys, TIME)],
        ),
        copy=False,
    )
    return ModelQuery(
        (
            Step(HISTORY, star_from(ref(node.feature))),
            Step(
                "last_rows",
                last,
                "the row of each entity that holds at as_of (a dbt var; now by default)",
            ),
            Step("final", final),
        )
    )


def upcoming_query(node: Upcoming) -> ModelQuery:
    """The SQL of a model of the rows that begin after ``as_of``."""
    names = [*(name for name, _ in node.keys), TIME, *(name for name, _ in node.columns)]
    after = exp.GT(this=column(TIME), expression=jinja("mlforge_as_of()"))
    final = from_step(select(*columns(names)), HISTORY).where(after, copy=False)
    return ModelQuery(
        (
            Step(HISTORY, star_from(ref(node.feature))),
            Step("final", final, "the rows that begin after as_of (a dbt var; now by default)"),
        ),
        depends_on=(node.current,),  # an online table must never be ahead of the current one
    )
