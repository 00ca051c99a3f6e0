"""The smallest and the largest value."""

from __future__ import annotations

from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.functions.model import Form, Function
from mlforge_sql.functions.results import ORDERED, of_ordered


def _extreme(name: str, measure: MeasureKind) -> Function:
    return Function(
        name=name,
        form=Form.EXTREME,
        result=of_ordered,
        needs=ORDERED,
        measures=lambda _kind: (measure,),
        keeps_type=True,
    )


EXTREMES = (_extreme("min", MeasureKind.MIN), _extreme("max", MeasureKind.MAX))
