"""Tiles: events pre-aggregated by entity and tick."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from mlforge_sql.clock import Clock
from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import (
    aliased,
    all_of,
    columns,
    from_step,
    func,
    jinja,
    jinja_string,
    not_null,
    only_when,
    ref,
    select,
    star_from,
)
from mlforge_sql.expressions import Expr, column
from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.plan.nodes import Latest, Measure, Rolling, Tiles, Use
from mlforge_sql.sql.overflow import SUMS, is_sum_of_doubles
from mlforge_sql.sql.powers import is_power, power
from mlforge_sql.sql.query import ModelQuery, Step
from mlforge_sql.types import BIGINT, DOUBLE, ColumnType, Kind

AGAIN = {
    MeasureKind.ROWS: "sum",
    MeasureKind.COUNT: "sum",
    MeasureKind.SUM: "sum",
    MeasureKind.WEIGHTED: "sum",
    MeasureKind.WEIGHTS: "sum",
    MeasureKind.MIN: "min",
    MeasureKind.MAX: "max",
    **{kind: "sum" for kind in MeasureKind if is_power(kind)},
}
"""The function that aggregates each measure over tiles."""


def tiles_query(node: Tiles, dialect: Dialect) -> ModelQuery:
    """The SQL of a tiles model."""
    return ModelQuery(
        (
            Step("events", star_from(ref(node.relation))),
            ticked_step("events", node, dialect, node.where),
            *tiles_steps("final", node, dialect),
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


def tiles_steps(name: str, node: Tiles | Rolling, dialect: Dialect) -> Iterator[Step]:
    """The steps that aggregate the ticked events of each entity and tick.

    Args:
        name: Of the last step.
        node: What has the measures.
        dialect: How to say it.
    """
    group = (*(key for key, _ in node.keys), node.tick)
    doubles = [item for item in node.measures if is_sum_of_doubles(item)]
    listed = {
        _values(item, node): item
        for item in node.measures
        if item in doubles or item.kind in _OF_VALUES
    }
    counted = [
        aliased(_aggregate(measure, dialect), measure.name)
        for measure in node.measures
        if measure not in doubles and measure.kind not in _OF_VALUES
    ]
    values = [aliased(_in_order(item, node, dialect), key) for key, item in listed.items()]
    query = from_step(select(*columns(group), *counted, *values), "ticked")
    query = query.where(countable(group), copy=False)
    query = query.group_by(*columns(group), copy=False)
    if not listed:
        yield Step(name, query, "events of one entity and tick belong together")
        return
    yield Step(
        "collected",
        query,
        "doubles are added in the order of their size: the same events, the same bits",
    )
    added = [
        aliased(_call("mlforge_total", _values(item, node)), item.name) for item in doubles
    ] + [
        aliased(_call("mlforge_from_center", _values(item, node), _center(item, node)), item.name)
        for item in node.measures
        if item.kind is MeasureKind.FROM_CENTER
    ]
    yield Step("added", from_step(select(exp.Star(), *added), "collected"))
    query = select(*columns(group), *(_of_values(item, node) for item in node.measures))
    checks = [_check(item, node) for item in doubles]
    query = from_step(query, "added")
    yield Step(name, query.where(*checks, copy=False) if checks else query)


_OF_VALUES = (MeasureKind.FROM_CENTER, MeasureKind.DEVIATIONS)
_LISTED = (*SUMS, *_OF_VALUES)


def _values(measure: Measure, node: Tiles | Rolling) -> str:
    """Column: the values of a tick in the order of their size. Measures of the same values share it."""
    kinds = (measure.kind,) if measure.weight is not None else _LISTED
    same = next(_like(measure, node, *kinds))
    return f"{same.name}_values"


def _in_order(measure: Measure, node: Tiles | Rolling, dialect: Dialect) -> exp.Expr:
    if measure.value is None:
        raise TypeError(measure.name)
    value = addend(measure, dialect.expression(measure.value), dialect)
    value = fitting(measure, node, value, dialect)
    where = dialect.expression(measure.where) if measure.where else None
    return dialect.in_order(value, where)


def _of_values(measure: Measure, node: Tiles | Rolling) -> exp.Expr:
    if measure.kind is not MeasureKind.DEVIATIONS:
        return column(measure.name)
    distance = next(_like(measure, node, MeasureKind.FROM_CENTER)).name
    call = _call("mlforge_deviations", _values(measure, node), _center(measure, node), distance)
    return aliased(call, measure.name)


def _center(measure: Measure, node: Tiles | Rolling) -> str:
    return next(_like(measure, node, MeasureKind.CENTER)).name


def _like(measure: Measure, node: Tiles | Rolling, *kinds: MeasureKind) -> Iterator[Measure]:
    """The measures of some kinds that are of the same values."""
    for item in node.measures:
        if item.kind in kinds and _what(item) == _what(measure):
            yield item


def _what(measure: Measure) -> tuple[Expr | None, Expr | None, Expr | None]:
    return measure.value, measure.where, measure.weight


def _check(measure: Measure, node: Tiles | Rolling) -> exp.Expr:
    """The condition that stops at a tile in which a sum of doubles overflows."""
    use = _use(measure, node)
    return _call(
        "mlforge_check_total", measure.name, _values(measure, node), use.feature, use.column
    )


def _call(macro: str, *arguments: str) -> exp.Expr:
    return jinja(f"{macro}({', '.join(map(jinja_string, arguments))})")


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
        case MeasureKind.CENTER:
            aggregate = func("min", summable(value, measure.value_type, dialect))
        case _:
            value = dialect.widened(addend(measure, value, dialect), measure.type)
            summed = _filtered(func("sum", value), measure.where, dialect)
            is_double = measure.type.family is Kind.FLOAT
            return summed if is_double else dialect.cast(summed, measure.type)
    return _filtered(aggregate, measure.where, dialect)


def addend(measure: Measure, value: exp.Expr, dialect: Dialect) -> exp.Expr:
    """What a measure that is a sum adds up, made of the value it is of."""
    if measure.weight is not None:
        return _weighted(measure, value, measure.weight, dialect)
    if measure.value_type is not None and is_power(measure.kind):
        return power(value, measure.value_type, measure.kind, dialect)
    return summable(value, measure.value_type, dialect)


def fitting(
    measure: Measure, node: Tiles | Rolling, product: exp.Expr, dialect: Dialect
) -> exp.Expr:
    """What a measure adds up, or the error where it is finite values whose product no double holds.

    Rows that do not count are left alone: engines may compute an argument of an aggregate before its filter.
    """
    if measure.kind is not MeasureKind.WEIGHTED or not isinstance(product, exp.Mul):
        return product
    if DOUBLE not in {measure.value_type, measure.weight_type}:
        return product  # the largest decimals and floats of 32 bits have a product far below
    use = _use(measure, node)
    finite = [dialect.is_finite(item.copy()) for item in (product.this, product.expression)]
    stops = [exp.Not(this=dialect.is_finite(exp.Paren(this=product.copy()))), *finite]
    if measure.where is not None:
        stops.insert(0, dialect.expression(measure.where))
    error = _call("mlforge_too_large", use.feature, use.column)
    return exp.Case(ifs=[exp.If(this=all_of(stops), true=error)], default=product)


def _use(measure: Measure, node: Tiles | Rolling) -> Use:
    """The first column that needs a measure."""
    return next(item for item in node.uses if item.measure == measure.name)


def _weighted(measure: Measure, value: exp.Expr, weight: Expr, dialect: Dialect) -> exp.Expr:
    """A value times its weight; or the weight itself, where there is a value."""
    weighs = dialect.expression(weight)
    if measure.kind is MeasureKind.WEIGHTED:
        factors = [
            as_double(value, measure.value_type, dialect),
            as_double(weighs, measure.weight_type, dialect),
        ]
        return exp.Mul(this=_closed(factors[0]), expression=_closed(factors[1]))
    if measure.type.family is Kind.FLOAT:
        weighs = as_double(weighs, measure.weight_type, dialect)
    else:
        weighs = summable(weighs, measure.weight_type, dialect)
    return only_when(weighs, not_null(_closed(value)))


def _closed(tree: exp.Expr) -> exp.Expr:
    """A tree that can stand beside any operator."""
    return exp.Paren(this=tree) if isinstance(tree, exp.Binary | exp.Unary) else tree


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
