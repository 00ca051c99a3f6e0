"""The smallest and the largest value."""

from __future__ import annotations

from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.functions.model import Form, Function
from mlforge_sql.functions.results import BOOLEAN_ONLY, ORDERED, of_boolean, of_ordered


def _extreme(name: str, about: str, measure: MeasureKind) -> Function:
    return Function(
        name=name,
        about=about,
        form=Form.EXTREME,
        result=of_ordered,
        needs=ORDERED,
        measures=lambda _kind: (measure,),
        keeps_type=True,
        plain=name,
    )


def _truth(name: str, about: str, measure: MeasureKind, plain: str) -> Function:
    """True is greater than false: that some value is true is the largest, that every one is the smallest."""
    return Function(
        name=name,
        about=about,
        form=Form.EXTREME,
        result=of_boolean,
        needs=BOOLEAN_ONLY,
        measures=lambda _kind: (measure,),
        keeps_type=True,
        plain=plain,
    )


EXTREMES = (
    _extreme("min", "the smallest value", MeasureKind.MIN),
    _extreme("max", "the largest value", MeasureKind.MAX),
)

TRUTHS = (
    _truth("any", "whether some value is true", MeasureKind.MAX, "bool_or"),
    _truth("all", "whether every value is true", MeasureKind.MIN, "bool_and"),
)
