"""How far values spread about their mean."""

from __future__ import annotations

from mlforge_sql.functions.model import Form, Function, Spread
from mlforge_sql.functions.powers import power_parts
from mlforge_sql.functions.results import SUMMABLE, as_double


def _spread(
    name: str,
    about: str,
    *,
    root: bool,
    population: bool = False,
    synonyms: tuple[str, ...] = (),
    others: tuple[str, ...] = (),
) -> Function:
    return Function(
        name=name,
        about=about,
        form=Form.SPREAD,
        result=as_double,
        needs=SUMMABLE,
        measures=power_parts,
        spread=Spread(name, root, population),
        synonyms=synonyms,
        others=others,
    )


SPREADS = (
    _spread(
        "std",
        "the standard deviation of a sample; NULL below two values",
        root=True,
        others=("stddev", "stdev"),
    ),
    _spread(
        "variance", "the variance of a sample; NULL below two values", root=False, others=("var",)
    ),
    _spread(
        "std_pop",
        "the standard deviation of a population; 0 for one value",
        root=True,
        population=True,
        synonyms=("stddev_pop",),
    ),
    _spread(
        "variance_pop",
        "the variance of a population; 0 for one value",
        root=False,
        population=True,
        synonyms=("var_pop",),
    ),
)
