"""Functions that count."""

from __future__ import annotations

from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.functions.model import Form, Function
from mlforge_sql.functions.results import ORDERED, count_of_ordered, of_any

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


def _distinct(name: str, about: str) -> Function:
    return Function(
        name=name,
        about=about,
        form=Form.DISTINCT,
        result=count_of_ordered,
        needs=ORDERED,
        measures=lambda _kind: (),
        shows_values=False,
    )


DISTINCTS = (
    _distinct("count_distinct", "how many different values there are"),
    _distinct("approx_count_distinct", "the same, which is within any error bound"),
)
