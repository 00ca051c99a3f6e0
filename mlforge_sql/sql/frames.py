"""Windows as sliding frames, for engines that keep such frames up to date."""

from __future__ import annotations

from functools import partial

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import (
    aliased,
    columns,
    from_step,
    func,
    number,
    only_when,
    select,
    union,
)
from mlforge_sql.expressions import column, identifier
from mlforge_sql.plan.nodes import Observation, Rolling, Window
from mlforge_sql.sql.query import NamedWindow, Step
from mlforge_sql.sql.rolling_names import FLAG, over, over_name, spread_name
from mlforge_sql.sql.tiles import AGAIN, as_double, countable, tiles_steps
from mlforge_sql.types import DOUBLE


def frame_steps(node: Rolling, dialect: Dialect) -> list[Step]:
    """The steps from tiles to windowed values."""
    return [
        *([] if node.tiles else tiles_steps("tiles", node, dialect)),
        _change_points(node),
        *(_spread_steps(node, dialect) if node.observations else []),
        _timeline(node, dialect),
        _windowed(node),
    ]


def needs_flag(node: Rolling) -> bool:
    """Whether tiles are in windows at ticks that are no change points themselves."""
    return 0 not in node.shifts and bool(node.measures)


def _names(node: Rolling) -> tuple[str, ...]:
    return tuple(name for name, _ in node.keys)


def _change_points(node: Rolling) -> Step:
    """The ticks at which a window gains or loses events."""
    tick = exp.Add(this=column(node.tick, "tiles"), expression=column("shift", "shifts"))
    query = select(*columns(_names(node), "tiles"), aliased(tick, node.tick)).distinct(copy=False)
    rows = [exp.Tuple(expressions=[number(shift)]) for shift in node.shifts]
    alias = exp.TableAlias(this=identifier("shifts"), columns=[identifier("shift")])
    query = from_step(query, "tiles").join(
        exp.Join(this=exp.Values(expressions=rows, alias=alias), kind="CROSS"), copy=False
    )
    comment = "a value can change when events enter a window and when they leave it"
    return Step("change_points", query, comment)


def _spread_steps(node: Rolling, dialect: Dialect) -> list[Step]:
    """Std and variance of doubles: of the events themselves, because squared sums would lose digits."""
    keys = (*_names(node), node.tick)
    nothing = [aliased(dialect.cast(exp.Null(), DOUBLE), item.name) for item in node.observations]
    points = select(*columns(keys), aliased(exp.true(), FLAG), *nothing)
    observed = [aliased(_observed(item, dialect), item.name) for item in node.observations]
    events = select(*columns(keys), aliased(exp.false(), FLAG), *observed)
    events = from_step(events, "ticked").where(countable(keys), copy=False)
    found = {
        spread_name(item): dialect.spread(
            item.spread, column(item.observation.name), partial(over, window=item.window.name)
        )
        for item in node.columns
        if item.observation is not None and item.spread is not None
    }
    spread = select(*columns((*keys, FLAG)), *(aliased(tree, name) for name, tree in found.items()))
    used = [item.window for item in node.columns if item.observation is not None]
    return [
        Step("observed", union([from_step(points, "change_points"), events], distinct=False)),
        Step(
            "spread",
            from_step(spread, "observed"),
            "std and variance of doubles look at the events themselves: squared sums would lose digits",
            _windows(node, used),
        ),
    ]


def _carried(node: Rolling) -> tuple[str, ...]:
    """Columns that are computed before the timeline."""
    names = (spread_name(item) for item in node.columns if item.observation is not None)
    return tuple(dict.fromkeys(names))


def _timeline(node: Rolling, dialect: Dialect) -> Step:
    """Change points with the tiles of their ticks; other tiles too, where windows need them."""
    keys = (*_names(node), node.tick)
    base = "spread" if node.observations else "change_points"
    measures = [item.name for item in node.measures]
    if not needs_flag(node):
        query = select(*columns((*keys, *_carried(node)), base), *columns(measures, "tiles"))
        query = from_step(query, base)
        if measures:
            query = query.join(_tiles_of(keys), copy=False)
        if node.observations:
            query = query.where(column(FLAG, base), copy=False)
        return Step("timeline", query)
    no_measures = [
        aliased(dialect.cast(exp.Null(), item.type), item.name) for item in node.measures
    ]
    points = select(*columns((*keys, *_carried(node))), *no_measures, aliased(exp.true(), FLAG))
    points = from_step(points, base)
    if node.observations:
        points = points.where(column(FLAG), copy=False)
    no_spread = [aliased(dialect.cast(exp.Null(), DOUBLE), name) for name in _carried(node)]
    tiles = select(*columns(keys), *no_spread, *columns(measures), aliased(exp.false(), FLAG))
    comment = "no window ends at its own tick: tiles stand beside the change points"
    return Step("timeline", union([points, from_step(tiles, "tiles")], distinct=False), comment)


def _tiles_of(keys: tuple[str, ...]) -> exp.Join:
    table = exp.Table(this=identifier("tiles"))
    return exp.Join(this=table, side="LEFT", using=[identifier(name) for name in keys])


def _observed(item: Observation, dialect: Dialect) -> exp.Expr:
    """The value of an event that std and variance look at."""
    value = as_double(dialect.expression(item.value), item.type, dialect)
    return only_when(value, dialect.expression(item.where) if item.where else None)


def _windowed(node: Rolling) -> Step:
    """Every measure over every window."""
    found: dict[str, exp.Expr] = {}
    used: list[Window] = []
    for item in node.columns:
        for measure in item.measures:
            used.append(item.window)
            again = func(AGAIN[measure.kind], column(measure.name))
            found[over_name(measure.name, item.window)] = over(again, item.window.name)
    flag = (FLAG,) if needs_flag(node) else ()
    kept = columns((*_names(node), node.tick, *flag, *_carried(node)))
    query = select(*kept, *(aliased(tree, name) for name, tree in found.items()))
    return Step("windowed", from_step(query, "timeline"), None, _windows(node, used))


def _windows(node: Rolling, used: list[Window]) -> tuple[NamedWindow, ...]:
    return tuple(window_frame(node, window) for window in dict.fromkeys(used))


def window_frame(node: Rolling, window: Window) -> NamedWindow:
    """The frame of a window: ``t - o - W < tick <= t - o`` in whole ticks."""
    offset = node.clock.ticks(window.offset)
    end = f"{offset} preceding" if offset else "current row"
    start = "unbounded preceding"
    comment = None
    if window.length is not None:
        ticks = node.clock.ticks(window.length)
        start = f"{ticks + offset - 1} preceding" if ticks + offset > 1 else "current row"
        unit = f"tick of {node.clock.interval}" if node.clock.interval else "microsecond"
        comment = f"{window.length} = {ticks} {unit}{'s' if ticks > 1 and not node.clock.interval else ''}"
        if node.clock.interval and ticks > 1:
            comment = f"{window.length} = {ticks} ticks of {node.clock.interval}"
    keys = tuple(columns(_names(node)))
    return NamedWindow(window.name, keys, (column(node.tick),), f"{start} and {end}", comment)
