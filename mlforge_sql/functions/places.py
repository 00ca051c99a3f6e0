"""Values by their place in the order of events."""

from __future__ import annotations

from mlforge_sql.functions.model import Form, Function
from mlforge_sql.functions.results import ORDERED, of_ordered


def _place(name: str, about: str, *, last: bool) -> Function:
    return Function(
        name=name,
        about=about,
        form=Form.PLACE,
        result=of_ordered,
        needs=ORDERED,
        measures=lambda _kind: (),
        keeps_type=True,
        last=last,
    )


PLACES = (
    _place("first", "the first value in the order of events", last=False),
    _place("last", "the last value in the order of events", last=True),
)
