"""Functions that add values up."""

from __future__ import annotations

from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.functions.model import Form, Function
from mlforge_sql.functions.parameters import Parameter
from mlforge_sql.functions.powers import sum_parts
from mlforge_sql.functions.results import SUMMABLE, as_double, is_summable, of_sum

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

WEIGHTED_MEAN = Function(
    name="weighted_mean",
    about="the mean, each value counted as often as the column `w` says; NULL where that adds up to 0",
    form=Form.WEIGHTED,
    result=as_double,
    needs=SUMMABLE,
    measures=lambda _kind: (MeasureKind.WEIGHTED, MeasureKind.WEIGHTS),
    parameter=Parameter("w", f"{SUMMABLE} column", "quantity", is_summable),
)
