"""Latest features: the values of the last event."""

from __future__ import annotations

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect, zero_comment
from mlforge_sql.dialects.trees import (
    aliased,
    columns,
    descending,
    from_step,
    rank_over,
    ref,
    select,
    star_from,
)
from mlforge_sql.expressions import column
from mlforge_sql.plan.nodes import Latest
from mlforge_sql.sql.query import ModelQuery, Step
from mlforge_sql.sql.tiles import countable, ticked_step

RANK = "mlforge_rank"


def latest_query(node: Latest, dialect: Dialect) -> ModelQuery:
    """The SQL of a feature of latest values."""
    keys = tuple(name for name, _ in node.keys)
    values = [name for name, _ in node.columns]
    order = [descending(column(name)) for name in (node.event_time, *node.order)]
    ranked = select(
        *columns((*keys, node.tick, *values)), aliased(rank_over((*keys, node.tick), order), RANK)
    )
    ranked = from_step(ranked, "ticked").where(countable((*keys, node.tick)), copy=False)
    instant = dialect.instant(column(node.tick), node.clock, node.delay.microseconds)
    kept = [aliased(dialect.one_zero(column(name), kind), name) for name, kind in node.columns]
    final = select(*columns(keys), aliased(instant, "feature_timestamp"), *kept)
    first = exp.EQ(this=column(RANK), expression=exp.Literal.number(1))
    final = from_step(final, "ranked").where(first, copy=False)
    return ModelQuery(
        (
            Step("events", star_from(ref(node.input))),
            ticked_step("events", node, dialect),
            Step(
                "ranked",
                ranked,
                "the last event of each tick; ties are broken until no two rows differ in what is kept",
            ),
            Step("final", final, zero_comment(kind for _, kind in node.columns)),
        )
    )
