"""The first and the last value of a window: events have positions, and a window is a run of them.

| tick | value | position |      | tick | entered | left | first     | last     |
|------|-------|---------:|      |------|--------:|-----:|-----------|----------|
| 1    | a     |        1 |  ->  | 1    |       1 |    0 | a: left+1 | a        |
| 1    | b     |        2 |      | ...  |         |      |           |          |
| 3    | c     |        3 |      | 3    |       3 |    0 | a         | c        |
|      |       |          |      | 4    |       3 |    2 | c         | c        |
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import (
    aliased,
    all_of,
    columns,
    descending,
    from_step,
    number,
    plus,
    select,
)
from mlforge_sql.expressions import column, identifier
from mlforge_sql.plan.nodes import Rolling, Series, Window
from mlforge_sql.sql.query import Step
from mlforge_sql.sql.rolling_names import free_name
from mlforge_sql.sql.states.moves import (
    at_shift,
    columns_of,
    enters,
    keys_of,
    leaves,
    members,
    state_name,
    totals,
    windows_of,
)


def place_steps(node: Rolling, series: Series, dialect: Dialect) -> Iterator[Step]:
    """The steps from ticked events to the values at the ends of windows."""
    keys = keys_of(node)
    value, position = (free_name(node, word) for word in ("value", "position"))
    placed, many = f"{series.name}_positions", f"{series.name}_many"
    query = members(node, series, dialect, value)
    query = query.select(aliased(_position(node), position), copy=False)
    about = "the order of events; ties are broken until no two events differ in what is kept"
    yield Step(placed, query, about)
    count = free_name(node, "events")
    group = (*keys, node.tick)
    grouped = select(*columns(group), aliased(exp.Count(this=exp.Star()), count))
    yield Step(many, from_step(grouped, placed).group_by(*columns(group), copy=False))

    def moves() -> Iterator[tuple[str, exp.Expr]]:
        for window in windows_of(node, series):
            events = column(count, many)
            entered, left = bounds(series, window)
            yield entered, exp.Case(ifs=[at_shift(node, enters(node, window), events)])
            leave = leaves(node, window)
            if leave is not None:
                yield left, exp.Case(ifs=[at_shift(node, leave, events.copy())])

    steps = totals(node, series, moves, many, dialect)
    yield from steps
    bounded = steps[-1].name
    query = from_step(select(*columns(group, bounded)), bounded)
    for item in columns_of(node, series):
        name = state_name(item)
        table = f"at_{name}"
        entered, left = _bounds_of(series, item.window, bounded)
        at = entered if item.last else plus(left, 1)
        query = query.select(aliased(column(value, table), name), copy=False)
        on: list[exp.Expr] = [
            exp.EQ(this=column(key, table), expression=column(key, bounded)) for key in keys
        ]
        on.append(exp.EQ(this=column(position, table), expression=at))
        on.append(exp.GT(this=entered.copy(), expression=left.copy()))
        aliased_table = exp.Table(
            this=identifier(placed), alias=exp.TableAlias(this=identifier(table))
        )
        query = query.join(exp.Join(this=aliased_table, side="LEFT", on=all_of(on)), copy=False)
    about = "the events of a window are those after the ones that have left, up to the last one that has entered"
    yield Step(f"{series.name}_ends", query, about)


def bounds(series: Series, window: Window) -> tuple[str, str]:
    """Columns: how many events of a series have entered a window, and how many have left it."""
    return f"{series.name}_entered{window.suffix}", f"{series.name}_left{window.suffix}"


def _bounds_of(series: Series, window: Window, step: str) -> tuple[exp.Expr, exp.Expr]:
    entered, left = bounds(series, window)
    return column(entered, step), number(0) if window.length is None else column(left, step)


def event_order(node: Rolling) -> list[exp.Expr]:
    """The order of the events of an entity: the last one is what a latest feature would hold."""
    latest = [descending(column(name)) for name in node.order]
    order = [exp.Ordered(this=column(node.event_time), desc=False, nulls_first=True)]
    order += [exp.Ordered(this=item.this, desc=False, nulls_first=True) for item in latest]
    return [*order]


def _position(node: Rolling) -> exp.Expr:
    """The place of an event among those of its entity."""
    return exp.Window(
        this=exp.RowNumber(),
        partition_by=columns(keys_of(node)),
        order=exp.Order(expressions=event_order(node)),
    )
