"""Tiles: events pre-aggregated by entity and tick."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from mlforge_sql.clock import Clock
from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import (
    aliased,
    all_of,
    columns,
    from_step,
    func,
    not_null,
    ref,
    select,
    star_from,
)
from mlforge_sql.expressions import Expr, column
from mlforge_sql.plan.nodes import Latest, Measure, MeasureKind, Rolling, Tiles
from mlforge_sql.sql.overflow import is_sum_of_doubles, tile_stops
from mlforge_sql.sql.powers import is_power, power
from mlforge_sql.sql.query import ModelQuery, Step
from mlforge_sql.types import BIGINT, DOUBLE, ColumnType, Kind

AGAIN = {
    MeasureKind.ROWS: "sum",
    MeasureKind.COUNT: "sum",
    MeasureKind.SUM: "sum",
    MeasureKind.MIN: "min",
    MeasureKind.MAX: "max",
    **{kind: "sum" for kind in MeasureKind if is_power(kind)},
}
"""The function that aggregates each measure over tiles."""


def tiles_query(node: Tiles, dialect: Dialect) -> ModelQuery:
    """The SQL of a tiles model."""
    keys = tuple(name for name, _ in node.keys)
    return ModelQuery(
        (
            Step("events", star_from(ref(node.relation))),
            ticked_step("events", node, dialect, node.where),
            Step("final", tiles_select("ticked", (*keys, node.tick), node, dialect)),
        )
    )


def ticked_step(
    relation: str, node: Tiles | Rolling | Latest, dialect: Dialect, where: Expr | None = None
) -> Step:
    """Events with the tick at which they become visible."""
    tick = dialect.tick(column(node.event_time), node.clock)
    query = from_step(select(exp.Star(), aliased(tick, node.tick)), relation)
    if where is not None:
        query = query.where(dialect.expression(where), copy=False)
    return Step("ticked", query, _tick_comment(node.tick, node.clock))


def _tick_comment(tick: str, clock: Clock) -> str:
    if clock.interval is None:
        sees = "at its own time" if clock.inclusive else "one microsecond later"
        return f"{tick}: when an event becomes visible, in microseconds since 1970: {sees}"
    since = "1970-01-05, a Monday" if clock.anchor else "1970-01-01"
    return f"{tick}: when an event becomes visible, in steps of {clock.interval} since {since}"


def tiles_select(
    relation: str, group: tuple[str, ...], node: Tiles | Rolling, dialect: Dialect
) -> exp.Select:
    """Aggregate the events of each entity and tick, the columns of ``group``."""
    counted = [aliased(_aggregate(measure, dialect), measure.name) for measure in node.measures]
    query = from_step(select(*columns(group), *counted), relation)
    query = query.where(countable(group), copy=False)
    query = query.group_by(*columns(group), copy=False)
    stops = [_stops(item, node, dialect) for item in node.measures if is_sum_of_doubles(item)]
    if stops:
        query = query.having(exp.Case(ifs=stops, default=exp.true()), copy=False)
    return query


def _stops(measure: Measure, node: Tiles | Rolling, dialect: Dialect) -> exp.If:
    """The branch that stops at a tile in which a sum of doubles overflows."""
    if measure.value is None:
        raise TypeError(measure.name)
    finite = func("bool_and", dialect.is_finite(dialect.expression(measure.value)))
    finite = _filtered(finite, measure.where, dialect)
    use = next(item for item in node.uses if item.measure == measure.name)
    return tile_stops(_aggregate(measure, dialect), finite, use, dialect)


def countable(names: Iterable[str], table: str | None = None) -> exp.Expr:
    """Rows that can count: no part of the key is NULL, and neither is the tick."""
    return all_of(not_null(item) for item in columns(names, table))


def _aggregate(measure: Measure, dialect: Dialect) -> exp.Expr:
    if measure.value is None:
        return _filtered(exp.Count(this=exp.Star()), measure.where, dialect)
    value = dialect.expression(measure.value)
    match measure.kind:
        case MeasureKind.COUNT | MeasureKind.ROWS:
            aggregate = func("count", value)
        case MeasureKind.MIN | MeasureKind.MAX:
            aggregate = func(str(measure.kind), value)
        case _:
            value = dialect.widened(addend(measure, value, dialect), measure.type)
            summed = _filtered(func("sum", value), measure.where, dialect)
            is_double = measure.type.family is Kind.FLOAT
            return summed if is_double else dialect.cast(summed, measure.type)
    return _filtered(aggregate, measure.where, dialect)


def addend(measure: Measure, value: exp.Expr, dialect: Dialect) -> exp.Expr:
    """What a measure that is a sum adds up, made of the value it is of."""
    if measure.value_type is not None and is_power(measure.kind):
        return power(value, measure.value_type, measure.kind, dialect)
    return summable(value, measure.value_type, dialect)


def summable(value: exp.Expr, kind: ColumnType | None, dialect: Dialect) -> exp.Expr:
    """The value as a number that can be summed: booleans as 0 and 1, floats as doubles."""
    if kind is None or kind == DOUBLE:
        return value
    if kind.family is Kind.BOOLEAN:
        return dialect.cast(value, BIGINT)
    return dialect.cast(value, DOUBLE) if kind.family is Kind.FLOAT else value


def as_double(value: exp.Expr, kind: ColumnType | None, dialect: Dialect) -> exp.Expr:
    """The value as a double."""
    if kind == DOUBLE:
        return value
    if kind is not None and kind.family is Kind.BOOLEAN:
        value = dialect.cast(value, BIGINT)
    return dialect.cast(value, DOUBLE)


def _filtered(aggregate: exp.Expr, where: Expr | None, dialect: Dialect) -> exp.Expr:
    if where is None:
        return aggregate
    return exp.Filter(this=aggregate, expression=exp.Where(this=dialect.expression(where)))
