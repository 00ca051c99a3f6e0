"""Input models: the rows and columns that go into one feature."""

from __future__ import annotations

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import aliased, columns, from_step, ref, select, star_from
from mlforge_sql.expressions import column
from mlforge_sql.plan.nodes import Input
from mlforge_sql.sql.query import ModelQuery, Step


def input_query(node: Input, dialect: Dialect) -> ModelQuery:
    """The SQL of an input model."""
    computed = [aliased(dialect.expression(expr), name) for name, expr in node.columns]
    final = from_step(select(*columns(node.keys), column(node.event_time), *computed), "events")
    if node.where is not None:
        final = final.where(dialect.expression(node.where), copy=False)
    return ModelQuery((Step("events", star_from(ref(node.staging))), Step("final", final)))
