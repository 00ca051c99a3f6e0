"""Staging: how the rows of a source are read."""

from __future__ import annotations

from mlforge_sql.plan.nodes import Dedupe, EventTime, Staging, SurrogateKey, TimeKind
from mlforge_sql.project.model import ResolvedSource, staging_name
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.types import ColumnType, Kind

PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def staging(source: ResolvedSource, salt_env: str | None) -> Staging:
    """The staging model of a source."""
    spec = source.spec
    spelling = {key.name.casefold(): key.name for key in source.keys if not key.parts}
    return Staging(
        name=staging_name(spec),
        source=spec.name,
        model=spec.model,
        columns=tuple((name, spelling.get(name.casefold(), name)) for name in source.schema),
        event_time=source_time(source),
        keys=tuple(SurrogateKey(key.name, key.parts, salt_env) for key in source.keys if key.parts),
        where=source.where,
        dedupe=dedupe(source),
        description=spec.description,
    )


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
    return event_time(source.timestamp, source.schema[source.timestamp], source.spec.timestamp)


def event_time(column: str, kind: ColumnType, spec: Timestamp) -> EventTime:
    """How a column of the given type is read as an instant."""
    match kind.kind:
        case Kind.TEXT if spec.format is None:
            return EventTime(column, TimeKind.ISO_TEXT)
        case Kind.TEXT:
            return EventTime(column, TimeKind.TEXT, format=spec.format)
        case Kind.INTEGER:
            return EventTime(column, TimeKind.EPOCH, per_second=PER_SECOND[spec.unit or "s"])
        case Kind.DATE:
            return EventTime(column, TimeKind.DATE)
        case Kind.TIMESTAMP_TZ if not kind.text:
            return EventTime(column, TimeKind.TIMESTAMP_TZ)
    if kind.text.endswith("_ns"):
        return EventTime(column, TimeKind.TIMESTAMP_NS)
    return EventTime(column, TimeKind.TIMESTAMP)
