"""What goes online of a step function: the rows that hold at the run's ``as_of``, and the later ones."""

from __future__ import annotations

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import (
    aliased,
    columns,
    from_step,
    jinja,
    ref,
    select,
    star_from,
)
from mlforge_sql.expressions import column, identifier
from mlforge_sql.plan.nodes import NOBODY, UNTIL, Current, Upcoming
from mlforge_sql.sql.held import HISTORY, TIME, last_beginnings
from mlforge_sql.sql.query import ModelQuery, Step
from mlforge_sql.types import TIMESTAMP

LATER = "later"


def published_query(node: Current | Upcoming, dialect: Dialect) -> ModelQuery:
    """The SQL of a model that goes online."""
    return current_query(node) if isinstance(node, Current) else upcoming_query(node, dialect)


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


def upcoming_query(node: Upcoming, dialect: Dialect) -> ModelQuery:
    """The SQL of a model of the rows that begin after ``as_of``, up to the horizon, and of how far that is."""
    names = [*(name for name, _ in node.keys), TIME, *(name for name, _ in node.columns)]
    until = jinja("mlforge_horizon_end()")
    unknown = aliased(dialect.cast(exp.Null(), TIMESTAMP), UNTIL)
    later = from_step(select(*columns(names), unknown), HISTORY).where(
        exp.GT(this=column(TIME), expression=jinja("mlforge_as_of()")),
        exp.LTE(this=column(TIME), expression=until),
        copy=False,
    )
    nobody = [
        aliased(dialect.cast(exp.Literal.string(NOBODY[kind.family]), kind), name)
        for name, kind in node.keys
    ]
    never = aliased(jinja("mlforge_never()"), TIME)
    nothing = [aliased(dialect.cast(exp.Null(), kind), name) for name, kind in node.columns]
    reach = select(*nobody, never, *nothing, aliased(until.copy(), UNTIL))
    final = exp.Union(this=from_step(select(exp.Star()), LATER), expression=reach, distinct=False)
    return ModelQuery(
        (
            Step(HISTORY, star_from(ref(node.feature))),
            Step(
                LATER,
                later,
                "the rows that begin after as_of (a dbt var; now by default), up to the online store's horizon",
            ),
            Step(
                "final", final, "and a row of no entity, which says until when these are all rows"
            ),
        ),
        depends_on=(node.current,),  # an online table must never be ahead of the current one
    )
