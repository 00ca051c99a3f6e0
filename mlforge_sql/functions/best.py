"""The best of the values of a window."""

from __future__ import annotations

from mlforge_sql.functions.model import Form, Function
from mlforge_sql.functions.results import ORDERED, of_ordered

MODE = Function(
    name="mode",
    about="the most frequent value; of equally frequent ones the smallest",
    form=Form.MODE,
    result=of_ordered,
    needs=ORDERED,
    measures=lambda _kind: (),
    keeps_type=True,
)
