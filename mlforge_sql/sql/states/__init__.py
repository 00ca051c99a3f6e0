"""What is made of single events: states, each in steps of its own that end with a row for every change point.

They are joined to the windowed measures on keys and tick. One text serves both engines: no frame slides.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import from_step, select
from mlforge_sql.functions.model import Form
from mlforge_sql.plan.nodes import Rolling
from mlforge_sql.sql.query import Step
from mlforge_sql.sql.states.best import mode_steps
from mlforge_sql.sql.states.distinct import distinct_steps
from mlforge_sql.sql.states.moves import joined_by, points_step, state_name
from mlforge_sql.sql.states.places import place_steps

__all__ = ["state_name", "state_steps"]


def state_steps(node: Rolling, dialect: Dialect, before: str) -> Iterator[Step]:
    """The steps of all series of a feature, and the one that joins them; none where it has none.

    Args:
        node: The feature.
        dialect: How to say it.
        before: The step with the windowed measures.
    """
    if not node.series:
        return
    yield points_step(node)
    query = from_step(select(exp.Star()), before)
    for series in node.series:
        makers = {
            Form.DISTINCT: distinct_steps,
            Form.PLACE: place_steps,
            Form.MODE: mode_steps,
        }
        steps = list(makers[series.form](node, series, dialect))
        yield from steps
        query = query.join(joined_by(node, steps[-1].name), copy=False)
    yield Step("put_together", query, "each state has a row for every change point")
