"""Staging models: typed event time, surrogate keys, dedupe."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import (
    aliased,
    columns,
    descending,
    from_step,
    jinja,
    jinja_string,
    rank_over,
    ref,
    select,
    source,
    star_from,
)
from mlforge_sql.event_time import EventTime
from mlforge_sql.expressions import column
from mlforge_sql.plan.nodes import Dedupe, Labels, Reading, Staging, SurrogateKey, Typed
from mlforge_sql.sql.instants import staged_instant, told
from mlforge_sql.sql.query import ModelQuery, Step
from mlforge_sql.types import TEXT, ColumnType, Kind, held_type, is_converted, plain_type

STORED = "stored"
"""The step with the rows of a source as they are stored."""


def staging_query(node: Staging, dialect: Dialect, source_group: str) -> ModelQuery:
    """The SQL of a staging model."""
    relation = ref(node.model) if node.model else source(source_group, node.source)
    comment = told(node.event_time)
    return rows_query("events", relation, node, _projections(node, dialect), dialect, comment)


def rows_query(
    name: str,
    relation: exp.Expr,
    node: Staging | Labels,
    projections: list[exp.Expr],
    dialect: Dialect,
    comment: str | None = None,
) -> ModelQuery:
    """The rows of a source that count: of the types they have to be, filtered, and each event once."""
    steps = _typed_steps(name, relation, node, dialect)
    where = dialect.expression(node.where) if node.where else None
    if node.dedupe is not None:
        ranked = from_step(select(exp.Star(), _rank(node.dedupe, node.event_time, dialect)), name)
        if where is not None:
            ranked = ranked.where(where, copy=False)
        steps.append(Step("ranked", ranked, "several rows of one event: the first is kept"))
        missing = [exp.Is(this=item, expression=exp.Null()) for item in columns(node.dedupe.key)]
        where = exp.or_(
            exp.EQ(this=column(node.dedupe.rank), expression=exp.Literal.number(1)),
            *missing,
            copy=False,
        )
    final = from_step(select(*projections), steps[-1].name)
    if where is not None:
        final = final.where(where, copy=False)
    steps.append(Step("final", final, comment))
    return ModelQuery(tuple(steps))


def _typed_steps(
    name: str, relation: exp.Expr, node: Staging | Labels, dialect: Dialect
) -> list[Step]:
    """The rows as they are stored and, where a column has to become something else, as that."""
    reading = node.reading
    values = [typed_value(item, reading, dialect) for item in reading.columns]
    if node.dedupe is not None:
        values = [
            _without_sign_of_zero(value, item.type, dialect)
            for value, item in zip(values, reading.columns, strict=True)
        ]
    if all(isinstance(value, exp.Column) for value in values):
        return [Step(name, star_from(relation))]
    named = [aliased(value, item.name) for value, item in zip(values, reading.columns, strict=True)]
    comment = (
        "of the types that the project was compiled for: a value that does not fit is an error"
    )
    typed = from_step(select(*named), STORED)
    return [Step(STORED, star_from(relation)), Step(name, typed, comment)]


def typed_value(item: Typed, reading: Reading, dialect: Dialect) -> exp.Expr:
    """A column as the type that it has to be; the bare column where it is stored as that."""
    value = column(item.name)
    if not dialect.reads_files or reading.path is None or item.stored is None:
        return _of_table(item, reading, dialect) if item.cast else value
    if stored_alike(item, dialect):
        return value
    if is_converted(item.stored) and held_type(item.stored) == item.type:
        return dialect.cast(value, item.type)  # every value has one there
    arguments = [reading.source, item.name, item.stored, plain_type(dialect.type_name(item.type))]
    if item.leaves:
        arguments[-1] = dialect.type_name(item.type)  # names inside may differ by case
    said = [jinja_string(text) for text in arguments]
    if item.leaves:
        pairs = (f"[{jinja_string(path)}, {jinja_string(kind)}]" for path, kind in item.leaves)
        said.append(f"[{', '.join(pairs)}]")
    return jinja(f"mlforge_exact({', '.join(said)})")


def _of_table(item: Typed, reading: Reading, dialect: Dialect) -> exp.Expr:
    """A column of a table as the type that is declared: a number that is another in it is an error."""
    if not item.type.is_numeric:
        return dialect.cast(column(item.name), item.type)
    said = map(jinja_string, [reading.source, item.name, dialect.type_name(item.type)])
    return jinja(f"mlforge_exact_number({', '.join(said)})")


def stored_alike(item: Typed, dialect: Dialect) -> bool:
    """Whether files hold a column as the type that it has to be, or as one that nobody knows."""
    if item.type.family is Kind.OTHER and not item.leaves:
        return True
    stored = (item.stored or "").removeprefix("guessed ")
    if stored == "text":
        return item.type.family is Kind.TEXT
    return stored == plain_type(dialect.type_name(item.type))


def _without_sign_of_zero(value: exp.Expr, kind: ColumnType, dialect: Dialect) -> exp.Expr:
    """A double of which zero has one form: rows that differ by its sign alone are equal, and so tie."""
    if kind.family is not Kind.FLOAT:
        return value
    return dialect.cast(exp.Add(this=value, expression=exp.Literal.number("0.0")), kind)


def _rank(dedupe: Dedupe, event_time: EventTime, dialect: Dialect) -> exp.Expr:
    order: list[exp.Expr] = []
    for name in dedupe.order:
        value: exp.Expr = column(name)
        if name == event_time.column:
            value = staged_instant(event_time, dialect)  # text of times does not sort by time
        elif name in dedupe.as_text:
            value = dialect.cast(value, TEXT)
        order.append(descending(value))
    return aliased(rank_over(dedupe.key, order), dedupe.rank)


def _projections(node: Staging, dialect: Dialect) -> list[exp.Expr]:
    keys = [aliased(surrogate_key(key), key.name) for key in node.keys]
    kept: list[exp.Expr] = []
    for name, staged in node.columns:
        value: exp.Expr = column(name)
        if name == node.instant:
            value = staged_instant(node.event_time, dialect)
        kept.append(aliased(value, staged))
    if node.event_time.time is not None:
        kept.append(aliased(staged_instant(node.event_time, dialect), node.instant))
    return [*keys, *kept]


def surrogate_key(key: SurrogateKey, table: str | None = None) -> exp.Expr:
    """The macro that says a key: ``sha256`` over ``<length>:<text>`` of each part, ``~`` for NULL.

    ``mlforge_sql.keys.surrogate_key`` is the same rule in Python.

    Args:
        key: The key.
        table: Alias of the table that has the parts.
    """
    parts = ", ".join(
        f"{jinja_string(name)}: {jinja_string(kind)}" for name, kind in key_parts(key).items()
    )
    said = f"{{{parts}}}"
    said += f", of={jinja_string(table)}" if table else ""
    said += f", salt={jinja_string(key.salt_env)}" if key.salt_env else ""
    return jinja(f"mlforge_surrogate_key({said})")


def key_parts(key: SurrogateKey) -> dict[str, str]:
    """The columns of a key and their types; of decimals, one that has room for those of labels too."""
    return {
        name: str(replace(kind, precision=38)) if kind.family is Kind.DECIMAL else str(kind.family)
        for name, kind in key.parts
    }
