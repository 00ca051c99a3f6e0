"""Doubles that add up to more than a double holds: the build stops, and says in which column.

Values that are infinite or NaN themselves mean what they mean to the engine. So a result that is not
finite is an overflow only where all that was read is: tiles are compared with their events, and
windows with what they are made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import columns, func, jinja, jinja_string
from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.plan.nodes import Measure, Rolling, RollingColumn
from mlforge_sql.sql.rolling_names import over_name, spread_name
from mlforge_sql.types import Kind

SUMS = (MeasureKind.SUM, MeasureKind.WEIGHTED, MeasureKind.WEIGHTS)


def is_sum_of_doubles(measure: Measure) -> bool:
    """Whether a measure may become infinite without an infinite value."""
    return measure.kind in SUMS and measure.type.family is Kind.FLOAT


def may_overflow(node: Rolling) -> bool:
    """Whether a feature adds up doubles, or their squares."""
    return bool(node.observations) or any(map(is_sum_of_doubles, node.measures))


def window_check(node: Rolling, dialect: Dialect, *, merged: bool) -> exp.Expr | None:
    """A condition that stops the feature where windows overflow; None where none can.

    It is about an entity: one with an infinite or NaN value is left to the engine.

    Args:
        node: The feature.
        dialect: How to say it.
        merged: Whether its windows are merged from tiles.
    """
    if not may_overflow(node):
        return None
    results = {name: jinja_string(column) for name, column in _results(node.columns)}
    lines = [jinja_string(node.name), _mapped(results)]
    if dialect.slides:
        sums = [item.name for item in node.measures if is_sum_of_doubles(item)]
        observed = [] if merged else [item.name for item in node.observations]
        if merged:
            sums += _deviations(node)
        inputs = {"tiles": sums, "observed": observed}
        lines.append(f"keys={_listed(name for name, _ in node.keys)}")
        lines.append(
            f"inputs={_mapped({step: _listed(names) for step, names in inputs.items() if names})}"
        )
    else:
        lines.append(f"infinite={jinja_string(infinite_name(node))}")
    return jinja(f"mlforge_check_overflow({', '.join(lines)})")


def infinite_name(node: Rolling) -> str:
    """Column: whether an entity has had an infinite or NaN value; no key has its name."""
    taken = {name.casefold() for name, _ in node.keys}
    name = "had_infinite"
    while name in taken:
        name = f"mlforge_{name}"
    return name


def _deviations(node: Rolling) -> list[str]:
    """Columns of tiles that are NaN where any event is infinite or NaN."""
    found = (item.moments[-1].name for item in node.columns if item.moments)
    return list(dict.fromkeys(found))


def had_infinite(node: Rolling, dialect: Dialect, *, merged: bool) -> exp.Expr:
    """Whether any value is infinite or NaN, as an aggregate."""
    names = [item.name for item in node.measures if is_sum_of_doubles(item)]
    names += _deviations(node) if merged else [item.name for item in node.observations]
    infinite = [exp.Not(this=dialect.is_finite(item)) for item in columns(names)]
    return func("bool_or", exp.or_(*infinite, copy=False))


def _results(items: Iterable[RollingColumn]) -> Iterator[tuple[str, str]]:
    """Columns over windows that may overflow, each with the first feature column that it is in."""
    for item in reversed(tuple(items)):
        if item.observation is not None:
            yield spread_name(item), item.name
        for measure in (item.measure, item.count):
            if measure is not None and is_sum_of_doubles(measure):
                yield over_name(measure.name, item.window), item.name


def _listed(names: Iterable[str]) -> str:
    return f"[{', '.join(map(jinja_string, names))}]"


def _mapped(pairs: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{jinja_string(key)}: {value}" for key, value in pairs.items()) + "}"
