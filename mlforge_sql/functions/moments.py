"""How far values spread about their mean."""

from __future__ import annotations

from mlforge_sql.functions.model import Form, Function, Spread
from mlforge_sql.functions.powers import power_parts
from mlforge_sql.functions.results import SUMMABLE, as_double


def _spread(name: str, *, root: bool, others: tuple[str, ...]) -> Function:
    return Function(
        name=name,
        form=Form.SPREAD,
        result=as_double,
        needs=SUMMABLE,
        measures=power_parts,
        spread=Spread(name, root),
        others=others,
    )


SPREADS = (
    _spread("std", root=True, others=("stddev", "stdev")),
    _spread("variance", root=False, others=("var",)),
)
