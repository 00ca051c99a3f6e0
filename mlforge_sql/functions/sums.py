"""Functions that add values up."""

from __future__ import annotations

from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.functions.model import Form, Function
from mlforge_sql.functions.powers import sum_parts
from mlforge_sql.functions.results import SUMMABLE, as_double, of_sum

SUM = Function(
    name="sum",
    about="the sum",
    form=Form.TOTAL,
    result=of_sum,
    needs=SUMMABLE,
    measures=sum_parts,
    has_type=True,
)

MEAN = Function(
    name="mean",
    about="the mean",
    form=Form.MEAN,
    result=as_double,
    needs=SUMMABLE,
    measures=lambda kind: (*sum_parts(kind), MeasureKind.COUNT),
    others=("avg", "average"),
)
