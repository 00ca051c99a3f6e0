"""Exact sums of integers and decimals, and the std and variance that they make.

See ``functions/powers.py`` for which sums there are; the arithmetic on them is in the macros
``mlforge_variance_of_squares``, ``.._of_halves`` and ``.._of_thirds``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import aliased, enclosed, from_step, func, jinja, select
from mlforge_sql.functions import powers
from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.plan.nodes import Measure, Rolling, RollingColumn
from mlforge_sql.sql.query import Step
from mlforge_sql.sql.rolling_names import over_name
from mlforge_sql.types import ColumnType

_MACROS = {
    powers.SMALL: "mlforge_variance_of_squares",
    powers.LARGE: "mlforge_variance_of_halves",
}

_THIRDS = {
    MeasureKind.TOPS: (0,),
    MeasureKind.MIDDLES: (1,),
    MeasureKind.BOTTOMS: (2,),
    MeasureKind.TOP_TOPS: (0, 0),
    MeasureKind.TOP_MIDDLES: (0, 1),
    MeasureKind.TOP_BOTTOMS: (0, 2),
    MeasureKind.MIDDLE_MIDDLES: (1, 1),
    MeasureKind.MIDDLE_BOTTOMS: (1, 2),
    MeasureKind.BOTTOM_BOTTOMS: (2, 2),
}
"""The thirds of a value that are summed, or multiplied first."""

_PAIR = 2


def is_power(kind: MeasureKind) -> bool:
    """Whether a measure is a sum of units, of their squares or of products of their parts."""
    return kind in {*powers.SMALL, *powers.LARGE, *powers.WIDE} - {MeasureKind.COUNT}


def power(value: exp.Expr, kind: ColumnType, measure: MeasureKind, dialect: Dialect) -> exp.Expr:
    """What such a measure sums up."""
    units = enclosed(dialect.units(value, kind))
    match measure:
        case MeasureKind.UNITS:
            return units
        case MeasureKind.SQUARES:
            return exp.Mul(this=units, expression=units.copy())
        case MeasureKind.HIGHS | MeasureKind.LOWS:
            half = dialect.half(units, high=measure is MeasureKind.HIGHS)
            return dialect.product(half, units.copy())
        case _:
            thirds = [dialect.third(units.copy(), place) for place in _THIRDS[measure]]
            return thirds[0] if len(thirds) == 1 else dialect.product(*thirds)


def spread_of_powers(item: RollingColumn) -> exp.Expr:
    """A std or a variance from the exact sums over its window."""
    less = 0 if item.spread and item.spread.population else 1
    kinds = tuple(_kind(measure) for measure in item.powers)
    names = [over_name(measure.name, item.window) for measure in item.powers]
    if kinds == powers.WIDE:
        thirds = _Thirds(names)
        variance = _call(
            "mlforge_variance_of_thirds",
            names[0],
            thirds.rest,
            thirds.near,
            scale=item.scale,
            less=less,
        )
    else:
        variance = _call(_MACROS[kinds], *names, scale=item.scale, less=less)
    return func("sqrt", variance) if item.spread and item.spread.root else variance


def thirds_steps(node: Rolling, before: str) -> list[Step]:
    """The steps between the sums of wide numbers and their spread; none where no column needs them.

    Args:
        node: The feature.
        before: The step with the sums.
    """
    wide = {
        item.powers[0].name + item.window.suffix: _Thirds(
            [over_name(measure.name, item.window) for measure in item.powers]
        )
        for item in node.columns
        if tuple(_kind(measure) for measure in item.powers) == powers.WIDE
    }
    if not wide:
        return []
    means = [tree for thirds in wide.values() for tree in thirds.means()]
    products = [tree for thirds in wide.values() for tree in thirds.products()]
    return [
        Step(
            "centered",
            from_step(select(exp.Star(), *means), before),
            "numbers of more than 18 digits are summed in three parts; so are their means",
        ),
        Step("spread_out", from_step(select(exp.Star(), *products), "centered")),
    ]


@dataclass(frozen=True, slots=True)
class _Thirds:
    """Columns of one wide value over one window.

    Attributes:
        sums: Those with the count, the sums of its three parts and those of their products.
    """

    sums: list[str]

    @property
    def totals(self) -> list[str]:
        return self.sums[1:4]

    @property
    def mean(self) -> list[str]:
        return [f"{name}_mean" for name in self.totals]

    @property
    def rest(self) -> str:
        return f"{self.totals[-1]}_rest"

    @property
    def near(self) -> list[str]:
        return [f"{name}_near" for name in self.sums[4:]]

    def means(self) -> Iterator[exp.Expr]:
        """The parts of the mean, and what the division leaves."""
        for place, name in enumerate(self.mean):
            yield aliased(
                _call("mlforge_mean_of_thirds", self.sums[0], self.totals[: place + 1]), name
            )
        yield aliased(_call("mlforge_rest_of_thirds", self.sums[0], self.totals), self.rest)

    def products(self) -> Iterator[exp.Expr]:
        """The sums of products of distances from the mean."""
        pairs = [places for places in _THIRDS.values() if len(places) == _PAIR]
        for name, product, (one, other) in zip(self.near, self.sums[4:], pairs, strict=True):
            parts = (self.totals[one], self.mean[one], self.totals[other], self.mean[other])
            yield aliased(_call("mlforge_product_of_thirds", self.sums[0], product, *parts), name)


def _call(macro: str, *arguments: str | list[str], scale: int = 0, less: int = 1) -> exp.Expr:
    """A call of a macro with names of columns; they are ours, and need no quotes of SQL."""
    texts = [repr(item) for item in arguments] + ([str(scale)] if scale else [])
    texts += [] if less else ["less=0"]
    return jinja(f"{macro}({', '.join(texts)})")


def _kind(measure: Measure) -> MeasureKind:
    """The kind; whole numbers are their own units."""
    return MeasureKind.UNITS if measure.kind is MeasureKind.SUM else measure.kind
