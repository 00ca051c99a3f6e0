"""What is made of single events: states, each in steps of its own that end with a row for every change point.

They are joined to each other, and to the windowed measures where there are such, on keys and tick. One text serves
both engines, in which no frame slides; percentiles have one for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import from_step, select
from mlforge_sql.functions.model import Form
from mlforge_sql.plan.nodes import Rolling, Series
from mlforge_sql.sql.query import Call, Step
from mlforge_sql.sql.states.beside import beside_steps
from mlforge_sql.sql.states.distinct import distinct_steps
from mlforge_sql.sql.states.mode import mode_steps
from mlforge_sql.sql.states.moves import POINTS, joined_by, points_step, state_name
from mlforge_sql.sql.states.order import order_steps
from mlforge_sql.sql.states.places import place_steps

__all__ = ["state_name", "state_steps"]


_CHANGES = "a value can change when events enter a window and when they leave it"
_SAME = "the same moments, for what is made of single events"


def state_steps(
    node: Rolling, dialect: Dialect, before: Sequence[Step | Call]
) -> Iterator[Step | Call]:
    """The steps of all series of a feature, and the one that joins them; none where it has none.

    Args:
        node: The feature.
        dialect: How to say it.
        before: The steps with the windowed measures, where there are such.
    """
    if not node.series:
        return
    if not any(isinstance(step, Step) and step.name == POINTS for step in before):
        yield points_step(node, _SAME if before else _CHANGES)
    ends = [step.name for step in before if isinstance(step, Step)][-1:]
    for series in node.series:
        makers: dict[Form, Callable[[Rolling, Series, Dialect], Iterator[Step | Call]]] = {
            Form.DISTINCT: distinct_steps,
            Form.PLACE: place_steps,
            Form.MODE: mode_steps,
            Form.BESIDE: beside_steps,
            Form.ORDER: order_steps,
        }
        steps: list[Step | Call] = list(makers[series.form](node, series, dialect))
        yield from steps
        ends += [step.name for step in steps if isinstance(step, Step)][-1:]
    if len(ends) == 1:
        return
    query = from_step(select(exp.Star()), ends[0])
    for end in ends[1:]:
        query = query.join(joined_by(node, end), copy=False)
    yield Step("put_together", query, "each of them has a row for every change point")
