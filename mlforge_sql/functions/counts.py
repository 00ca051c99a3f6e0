"""Functions that count."""

from __future__ import annotations

from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.functions.model import Form, Function
from mlforge_sql.functions.results import of_any

COUNT = Function(
    name="count",
    about="how many rows have a value; of `*`, how many rows",
    form=Form.COUNT,
    result=of_any,
    needs="any",
    measures=lambda _kind: (MeasureKind.COUNT,),
    counts_rows=True,
    shows_values=False,
    plain="count",
)

COUNT_NULL = Function(
    name="count_null",
    about="how many rows have none",
    form=Form.COUNT,
    result=of_any,
    needs="any",
    measures=lambda _kind: (MeasureKind.ROWS,),
    shows_values=False,
    of_missing=True,
    plain="count",
)
