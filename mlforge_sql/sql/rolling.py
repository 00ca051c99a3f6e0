"""Rolling features: window aggregates at every instant at which one can change."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect, zero_comment
from mlforge_sql.dialects.trees import (
    aliased,
    columns,
    from_step,
    func,
    literal,
    ref,
    select,
    star_from,
)
from mlforge_sql.expressions import column
from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.plan.nodes import Measure, Rolling, RollingColumn, Window
from mlforge_sql.sql.fitting import fitting, may_not_fit, whole_of_thirds
from mlforge_sql.sql.frames import frame_steps, needs_flag
from mlforge_sql.sql.merging import merge_condition, merge_steps
from mlforge_sql.sql.overflow import window_check
from mlforge_sql.sql.powers import spread_of_powers, thirds_steps
from mlforge_sql.sql.query import Call, Choice, ModelQuery, Step
from mlforge_sql.sql.rolling_names import FLAG, over_name, spread_name
from mlforge_sql.sql.running import running_steps
from mlforge_sql.sql.states import state_name, state_steps
from mlforge_sql.sql.tiles import AGAIN, ticked_step
from mlforge_sql.types import BIGINT, DOUBLE


def rolling_query(node: Rolling, dialect: Dialect) -> ModelQuery:
    """The SQL of a rolling feature."""
    measure = frame_steps if dialect.slides else running_steps
    steps = measure(node, dialect) if node.is_measured else []
    computed = [*_event_steps(node, dialect), *_finished(steps, node, dialect, merged=False)]
    events = _event_steps(node, dialect) if node.series else []
    reads_input = node.tiles is None or bool(node.observations) or bool(node.series)
    depends_on = () if reads_input else (node.input,)
    tiles = () if node.tiles is None else (Step("tiles", star_from(ref(node.tiles))),)
    if not node.can_merge:
        return ModelQuery((*tiles, *computed), depends_on)
    merged = [*events, *_finished(merge_steps(node, dialect), node, dialect, merged=True)]
    choice = Choice(merge_condition(node), tuple(merged), tuple(computed))
    return ModelQuery(tiles, () if node.series else (node.input,), choice)


def _finished(
    steps: Sequence[Step | Call], node: Rolling, dialect: Dialect, *, merged: bool
) -> list[Step | Call]:
    """The steps that measure windows, if any, and those that make the feature's columns of them."""
    measured = [*steps, *thirds_steps(node, "windowed")]
    found = [*measured, *state_steps(node, dialect, measured)]
    last = [step.name for step in found if isinstance(step, Step)][-1]
    return [*found, _final(node, dialect, last, merged=merged)]


def _names(node: Rolling) -> tuple[str, ...]:
    return tuple(name for name, _ in node.keys)


def _event_steps(node: Rolling, dialect: Dialect) -> list[Step]:
    if node.tiles is not None and not node.observations and not node.series:
        return []
    return [Step("events", star_from(ref(node.input))), ticked_step("events", node, dialect)]


def _final(node: Rolling, dialect: Dialect, before: str, *, merged: bool) -> Step:
    keys = _names(node)
    instant = dialect.instant(column(node.tick), node.clock, node.delay.microseconds)
    values = [aliased(_value(node.name, item, dialect), item.name) for item in node.columns]
    query = from_step(
        select(*columns(keys), aliased(instant, "feature_timestamp"), *values), before
    )
    if dialect.slides and needs_flag(node) and not merged:
        query = query.where(column(FLAG), copy=False)
    check = window_check(node, dialect, merged=merged)
    if check is not None:
        query = query.where(check, copy=False)
    extremes = (
        item.type
        for item in node.columns
        if (item.measure is not None and AGAIN[item.measure.kind] != "sum")
        or (item.series is not None and not item.zero)
    )
    return Step("final", query, zero_comment(extremes))


def _value(feature: str, item: RollingColumn, dialect: Dialect) -> exp.Expr:
    """A feature column from its windowed measures."""
    value = _windowed(feature, item, dialect)
    if item.zero:
        return _count(item, value, dialect)
    if item.default is None:
        return value
    return func("coalesce", value, dialect.cast(literal(item.default), item.type))


def _windowed(feature: str, item: RollingColumn, dialect: Dialect) -> exp.Expr:
    """What the events of a window make of a column; NULL, or 0, where there are none."""
    if item.powers:
        return spread_of_powers(item)
    if item.thirds:
        return whole_of_thirds(item, feature, dialect)
    if item.observation is not None:
        return column(spread_name(item))
    if item.series is not None:
        value = column(state_name(item))
        return value if item.zero else dialect.one_zero(value, item.type)
    if item.measure is None:
        raise TypeError(item.name)
    if item.count is not None:
        total = _double(item.measure, item.window, dialect)
        count: exp.Expr = column(over_name(item.count.name, item.window))
        if item.count.kind is MeasureKind.WEIGHTS:
            count = _double(item.count, item.window, dialect)
        return exp.Div(this=total, expression=func("nullif", count, exp.Literal.number(0)))
    if item.measure.kind is MeasureKind.SUM and may_not_fit(item.measure.type, item.type):
        return fitting(item.measure, item, feature, dialect)
    value = column(over_name(item.measure.name, item.window))
    if AGAIN[item.measure.kind] != "sum":
        return dialect.one_zero(value, item.type)
    return value if item.measure.type == DOUBLE else dialect.cast(value, item.type)


def _count(item: RollingColumn, value: exp.Expr, dialect: Dialect) -> exp.Expr:
    """A count: 0, or the default, for an empty window."""
    if item.default is None:
        return func("coalesce", value, exp.Literal.number(0))
    counted = func("nullif", value, exp.Literal.number(0))
    return func("coalesce", counted, dialect.cast(literal(item.default), BIGINT))


def _double(measure: Measure, window: Window, dialect: Dialect) -> exp.Expr:
    value = column(over_name(measure.name, window))
    return value if measure.type == DOUBLE else dialect.cast(value, DOUBLE)
