"""The best of the values of a window."""

from __future__ import annotations

from mlforge_sql.functions.model import Form, Function
from mlforge_sql.functions.parameters import Parameter
from mlforge_sql.functions.results import ORDERED, is_ordered, of_ordered

MODE = Function(
    name="mode",
    about="the most frequent value; of equally frequent ones the smallest",
    form=Form.MODE,
    result=of_ordered,
    needs=ORDERED,
    measures=lambda _kind: (),
    keeps_type=True,
)


def _beside(name: str, about: str, *, last: bool) -> Function:
    return Function(
        name=name,
        about=about,
        form=Form.BESIDE,
        result=of_ordered,
        needs=ORDERED,
        measures=lambda _kind: (),
        keeps_type=True,
        last=last,
        parameter=Parameter("by", f"{ORDERED} column", "quantity", is_ordered),
        others=(name.replace("_", ""), f"{name.removeprefix('arg_')}_by"),
    )


BESIDES = (
    _beside("arg_max", "the value beside the largest `by`; of equal ones the later", last=True),
    _beside("arg_min", "the value beside the smallest `by`; of equal ones the later", last=False),
)
