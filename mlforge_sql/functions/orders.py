"""Values by their place in the order of their size."""

from __future__ import annotations

from decimal import Decimal

from mlforge_sql.functions.model import Form, Function
from mlforge_sql.functions.parameters import SHARE
from mlforge_sql.functions.results import NUMERIC, number_as_double

MEDIAN = Function(
    name="median",
    about="the value in the middle; between two, their mean",
    form=Form.ORDER,
    result=number_as_double,
    needs=NUMERIC,
    measures=lambda _kind: (),
    share=Decimal("0.5"),
    others=("approx_median",),
)

PERCENTILE = Function(
    name="percentile",
    about="the value that a share `p` of the others is below; between two, as far between them",
    form=Form.ORDER,
    result=number_as_double,
    needs=NUMERIC,
    measures=lambda _kind: (),
    parameter=SHARE,
    synonyms=("approx_percentile",),
    others=("quantile", "percentile_cont", "percentile_approx"),
)
