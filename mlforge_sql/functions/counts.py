"""Functions that count."""

from __future__ import annotations

from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.functions.model import Form, Function
from mlforge_sql.functions.results import of_any

COUNTS = (
    Function(
        name="count",
        form=Form.COUNT,
        result=of_any,
        needs="any",
        measures=lambda _kind: (MeasureKind.COUNT,),
        counts_rows=True,
        shows_values=False,
    ),
)
