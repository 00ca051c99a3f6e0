"""Staging: how the rows of a source are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mlforge_sql.event_time import EventTime, TimeKind
from mlforge_sql.plan.nodes import Dedupe, Reading, Staging, SurrogateKey, Typed
from mlforge_sql.project.model import ResolvedSource, staging_name
from mlforge_sql.project.times import is_time
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.types import ColumnType, Kind, is_converted

PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def staging(source: ResolvedSource, salt_env: str | None, *, whole: bool) -> Staging:
    """The staging model of a source.

    Args:
        source: The source.
        salt_env: Environment variable with the salt of surrogate keys.
        whole: Whether each event needs a time of the day.
    """
    spec = source.spec
    spelling = {key.name.casefold(): key.name for key in source.keys if not key.parts}
    return Staging(
        name=staging_name(spec),
        source=spec.name,
        model=spec.model,
        columns=tuple((name, spelling.get(name.casefold(), name)) for name in source.schema),
        event_time=source_time(source),
        instant=source.timestamp,
        keys=tuple(SurrogateKey(key.name, key.parts, salt_env) for key in source.keys if key.parts),
        where=source.where,
        dedupe=dedupe(source),
        reading=replace(reading(source), whole=whole),
        description=spec.description,
    )


def reading(source: ResolvedSource) -> Reading:
    """Where the rows of a source are, and what its columns have to be."""
    spec = source.spec
    time = source_time(source)
    return Reading(
        source=spec.name,
        model=spec.model,
        path=spec.path,
        table=spec.table,
        columns=tuple(_typed(source, name, kind) for name, kind in source.schema.items()),
        time=time if time.kind in {TimeKind.TEXT, TimeKind.ISO_TEXT} else None,
    )


def _typed(source: ResolvedSource, name: str, kind: ColumnType) -> Typed:
    """A column of a source; tables may hold other numbers than those that are declared."""
    said = source.declared.get(name.casefold())
    cast = said is not None and (kind.is_numeric or is_converted(said))
    held = source.files.columns.get(name) if source.files else None
    if held is None:
        return Typed(name, kind, cast=cast)
    return Typed(name, kind, held.stored, held.leaves, held.mixed, cast, held.instant)


def dedupe(source: ResolvedSource) -> Dedupe | None:
    """How repeated events of a source are dropped."""
    if not source.dedupe_key:
        return None
    taken = {name.casefold() for name in source.schema}
    rank = "mlforge_rank"
    while rank in taken:
        rank += "_"
    order = (*source.dedupe_order, *source.dedupe_rest)
    unordered = (name for name in order if not source.schema[name].is_ordered)
    return Dedupe(source.dedupe_key, order, frozenset(unordered), rank)


def source_time(source: ResolvedSource) -> EventTime:
    """The event time of a source."""
    return event_time(source.time_columns, source.schema, source.spec.timestamp)


def label_time(types: Mapping[str, ColumnType], spec: Timestamp) -> EventTime:
    """How the time of labels is read; their columns are spelled as the labels do."""
    return replace(event_time(spec.columns, types, spec), earlier=spec.timezone is not None)


def event_time(
    columns: tuple[str, ...], types: Mapping[str, ColumnType], spec: Timestamp
) -> EventTime:
    """How one column, or one with a date and one with a time, is read as an instant."""
    column, *time = columns
    found = _two(column, time[0], types, spec) if time else _one(column, types[column], spec)
    return replace(found, timezone=spec.timezone)


def _two(column: str, time: str, types: Mapping[str, ColumnType], spec: Timestamp) -> EventTime:
    if spec.format is not None:
        return EventTime(column, TimeKind.TEXT, format=spec.format, time=time)
    both_typed = types[column].family is Kind.DATE and is_time(types[time])
    return EventTime(column, TimeKind.DATE_AND_TIME if both_typed else TimeKind.ISO_TEXT, time=time)


def _one(column: str, kind: ColumnType, spec: Timestamp) -> EventTime:
    match kind.family:
        case Kind.TEXT if spec.format is None:
            return EventTime(column, TimeKind.ISO_TEXT)
        case Kind.TEXT:
            return EventTime(column, TimeKind.TEXT, format=spec.format)
        case Kind.INTEGER if spec.unit == "d":
            return EventTime(column, TimeKind.EPOCH, per_day=True)
        case Kind.INTEGER:
            return EventTime(column, TimeKind.EPOCH, per_second=PER_SECOND[spec.unit or "s"])
        case Kind.DATE:
            return EventTime(column, TimeKind.DATE)
        case Kind.TIMESTAMP_TZ if not kind.text:
            return EventTime(column, TimeKind.TIMESTAMP_TZ)
    if kind.text.endswith("_ns"):
        return EventTime(column, TimeKind.TIMESTAMP_NS)
    return EventTime(column, TimeKind.TIMESTAMP)
