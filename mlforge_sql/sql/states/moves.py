"""When the values of a series enter windows and leave them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import aliased, columns, from_step, func, not_null, number, select
from mlforge_sql.expressions import column, identifier
from mlforge_sql.functions.parameters import share_label
from mlforge_sql.plan.nodes import Rolling, RollingColumn, Series, Window
from mlforge_sql.sql.query import NamedWindow, Step
from mlforge_sql.sql.rolling_names import free_name, over
from mlforge_sql.sql.tiles import as_double, countable
from mlforge_sql.types import BIGINT

POINTS = "change_points"
_SO_FAR = "so_far"


def keys_of(node: Rolling) -> tuple[str, ...]:
    """The names of the join keys."""
    return tuple(name for name, _ in node.keys)


def state_name(item: RollingColumn) -> str:
    """Column with the value of a state over a window."""
    if item.series is None:
        raise TypeError(item.name)
    end = "_last" if item.last else ""
    if item.share is not None:
        end = f"_{share_label(item.share)}"
    return f"{item.series.name}{end}{item.window.suffix}"


def columns_of(node: Rolling, series: Series) -> list[RollingColumn]:
    """The columns that look at a series, each value once."""
    found = (item for item in node.columns if item.series == series)
    return list({state_name(item): item for item in found}.values())


def windows_of(node: Rolling, series: Series) -> list[Window]:
    """Their windows."""
    return list(dict.fromkeys(item.window for item in columns_of(node, series)))


def points_step(node: Rolling, comment: str) -> Step:
    """Every change point of the feature."""
    query = shifted(node, "ticked", node.shifts, []).distinct(copy=False)
    query = query.where(countable((*keys_of(node), node.tick), "ticked"), copy=False)
    return Step(POINTS, query, comment)


def shifted(
    node: Rolling, step: str, shifts: Iterable[int], kept: Iterable[exp.Expr]
) -> exp.Select:
    """The rows of a step at each of some ticks later."""
    shift = free_name(node, "shift")
    tick = exp.Add(this=column(node.tick, step), expression=column(shift, "shifts"))
    query = select(*columns(keys_of(node), step), aliased(tick, node.tick), *kept)
    rows = [exp.Tuple(expressions=[number(item)]) for item in shifts]
    alias = exp.TableAlias(this=identifier("shifts"), columns=[identifier(shift)])
    values = exp.Join(this=exp.Values(expressions=rows, alias=alias), kind="CROSS")
    return from_step(query, step).join(values, copy=False)


def joined_by(node: Rolling, step: str) -> exp.Join:
    """``left join <step> using (<keys>, <tick>)``."""
    names = (*keys_of(node), node.tick)
    return exp.Join(
        this=exp.Table(this=identifier(step)),
        side="LEFT",
        using=[identifier(name) for name in names],
    )


def members(
    node: Rolling, series: Series, dialect: Dialect, name: str, *, double: bool = False
) -> exp.Select:
    """The values of a series: keys, tick and value, maybe as a double, from the ticked events."""
    value = dialect.one_zero(dialect.expression(series.value), series.type)
    if double:
        value = as_double(value, series.type, dialect)
    query = select(*columns((*keys_of(node), node.tick)), aliased(value, name))
    conditions = [not_null(item) for item in columns((*keys_of(node), node.tick))]
    conditions.append(not_null(dialect.expression(series.value)))
    if series.by is not None:
        conditions.append(not_null(dialect.expression(series.by)))
    if series.where is not None:
        conditions.append(dialect.expression(series.where))
    return from_step(query, "ticked").where(*conditions, copy=False)


def enters(node: Rolling, window: Window) -> int:
    """After how many ticks an event is in a window."""
    return node.clock.ticks(window.offset)


def leaves(node: Rolling, window: Window) -> int | None:
    """After how many ticks it no longer is; None for never."""
    if window.length is None:
        return None
    return enters(node, window) + node.clock.ticks(window.length)


def edges(node: Rolling, windows: Iterable[Window]) -> tuple[int, ...]:
    """All of those, each once, in order."""
    found = {tick for window in windows for tick in (enters(node, window), leaves(node, window))}
    return tuple(sorted(tick for tick in found if tick is not None))


def at_shift(
    node: Rolling, ticks: int, value: exp.Expr, condition: exp.Expr | None = None
) -> exp.If:
    """``when shift = ticks and condition then value``."""
    is_there: exp.Expr = exp.EQ(
        this=column(free_name(node, "shift"), "shifts"), expression=number(ticks)
    )
    if condition is not None:
        is_there = exp.and_(is_there, condition, copy=False)
    return exp.If(this=is_there, true=value)


def totals(
    node: Rolling,
    series: Series,
    moves: Callable[[], Iterable[tuple[str, exp.Expr]]],
    step: str,
    dialect: Dialect,
) -> list[Step]:
    """What has changed at each tick, and what that adds up to at each change point.

    Args:
        node: The feature.
        series: The series.
        moves: Names of the totals, and what adds to them at a row of ``step`` and a shift.
        step: The step with the rows.
        dialect: How to say it.
    """
    keys = keys_of(node)
    moved, changed, counted = (f"{series.name}_{word}" for word in ("moves", "changes", "totals"))
    named = list(moves())
    ticks = edges(node, windows_of(node, series))
    each = shifted(node, step, ticks, [aliased(tree, name) for name, tree in named])
    group = (*keys, node.tick)
    sums = [aliased(func("sum", column(name)), name) for name, _ in named]
    grouped = from_step(select(*columns(group), *sums), moved).group_by(*columns(group), copy=False)
    so_far = [
        aliased(
            dialect.cast(
                func("coalesce", over(func("sum", column(name)), _SO_FAR), number(0)), BIGINT
            ),
            name,
        )
        for name, _ in named
    ]
    total = from_step(select(*columns(group), *so_far), POINTS)
    total = total.join(joined_by(node, changed), copy=False)
    window = NamedWindow(_SO_FAR, tuple(columns(keys)), (column(node.tick),))
    return [
        Step(moved, each),
        Step(changed, grouped),
        Step(counted, total, windows=(window,)),
    ]
