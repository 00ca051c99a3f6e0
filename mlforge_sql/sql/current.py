"""Current values: one row for each entity, the one that holds at the run's ``as_of``."""

from __future__ import annotations

from sqlglot import exp

from mlforge_sql.expressions import column, identifier
from mlforge_sql.plan.nodes import Current
from mlforge_sql.sql.build import aliased, columns, from_step, func, jinja, ref, select, star_from
from mlforge_sql.sql.query import ModelQuery, Step

TIME = "feature_timestamp"


def current_query(node: Current) -> ModelQuery:
    """The SQL of a model of current values."""
    keys = tuple(name for name, _ in node.keys)
    values = [name for name, _ in node.columns]
    last = select(*columns(keys), aliased(func("max", column(TIME)), TIME))
    until = exp.LTE(this=column(TIME), expression=jinja("mlforge_as_of()"))
    last = from_step(last, "history").where(until, copy=False)
    last = last.group_by(*columns(keys), copy=False)
    final = from_step(select(*columns((*keys, TIME, *values), "history")), "history")
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
            Step("history", star_from(ref(node.feature))),
            Step(
                "last_rows",
                last,
                "the row of each entity that holds at as_of (a dbt var; now by default)",
            ),
            Step("final", final),
        )
    )
