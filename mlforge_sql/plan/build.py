"""A resolved project to a plan: one node for each dbt model."""

from __future__ import annotations

from mlforge_sql.plan.clock import Clock
from mlforge_sql.plan.nodes import (
    Current,
    Dedupe,
    EventTime,
    Input,
    Latest,
    Observation,
    Plan,
    Rolling,
    RollingColumn,
    Spread,
    Staging,
    SurrogateKey,
    TimeKind,
    Window,
)
from mlforge_sql.plan.tiles import MeasureSet, group_of, shared_tiles, tick_name
from mlforge_sql.project.model import (
    Project,
    ResolvedFeature,
    ResolvedSource,
    WindowColumn,
    current_name,
    input_name,
    staging_name,
)
from mlforge_sql.types import ColumnType, Kind

PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def build_plan(project: Project) -> Plan:
    """Plan every model of a project. Pure: the same project gives the same plan."""
    used = {feature.source.spec.name for feature in project.features}
    tiles = shared_tiles(project.features, _other_models(project))
    features: list[Rolling | Latest] = []
    for feature in project.features:
        if feature.latest:
            features.append(_latest(feature))
        elif feature.spec.interval is None:
            features.append(_rolling(feature, _inline_measures(feature), None))
        else:
            shared, measures = tiles[group_of(feature)]
            features.append(_rolling(feature, measures, shared.name))
    return Plan(
        stagings=tuple(
            _staging(source, project.config.surrogate_key_salt_env)
            for source in project.sources
            if source.spec.name in used
        ),
        inputs=tuple(_input(feature) for feature in project.features),
        tiles=tuple(shared for shared, _ in tiles.values()),
        features=tuple(features),
        currents=tuple(_current(feature) for feature in project.features),
    )


def _other_models(project: Project) -> set[str]:
    """Case-folded names of all models but tiles."""
    names = {
        name for item in project.sources for name in (staging_name(item.spec), item.spec.model)
    }
    for feature in project.features:
        names |= {feature.name, input_name(feature.name), current_name(feature.name)}
    return {name.casefold() for name in names if name}


def _staging(source: ResolvedSource, salt_env: str | None) -> Staging:
    spec = source.spec
    spelling = {key.name.casefold(): key.name for key in source.keys if not key.parts}
    return Staging(
        name=staging_name(spec),
        source=spec.name,
        model=spec.model,
        columns=tuple((name, spelling.get(name.casefold(), name)) for name in source.schema),
        event_time=_event_time(source),
        keys=tuple(SurrogateKey(key.name, key.parts, salt_env) for key in source.keys if key.parts),
        where=source.where,
        dedupe=_dedupe(source),
        description=spec.description,
    )


def _dedupe(source: ResolvedSource) -> Dedupe | None:
    if not source.dedupe_key:
        return None
    taken = {name.casefold() for name in source.schema}
    rank = "mlforge_rank"
    while rank in taken:
        rank += "_"
    unordered = (name for name in source.dedupe_order if not source.schema[name].is_ordered)
    return Dedupe(source.dedupe_key, source.dedupe_order, frozenset(unordered), rank)


def _event_time(source: ResolvedSource) -> EventTime:
    column, kind = source.timestamp, source.schema[source.timestamp]
    spec = source.spec.timestamp
    match kind.kind:
        case Kind.TEXT:
            return EventTime(column, TimeKind.TEXT, format=spec.format)
        case Kind.INTEGER:
            return EventTime(column, TimeKind.EPOCH, per_second=PER_SECOND[spec.unit or "s"])
        case Kind.DATE:
            return EventTime(column, TimeKind.DATE)
        case Kind.TIMESTAMP_TZ:
            return EventTime(column, TimeKind.TIMESTAMP_TZ)
    if kind.text == "timestamp_ns":
        return EventTime(column, TimeKind.TIMESTAMP_NS)
    return EventTime(column, TimeKind.TIMESTAMP)


def _input(feature: ResolvedFeature) -> Input:
    return Input(
        name=input_name(feature.name),
        feature=feature.name,
        staging=staging_name(feature.source.spec),
        keys=tuple(key.name for key in feature.keys),
        event_time=feature.source.timestamp,
        columns=tuple((column.name, column.expr) for column in feature.inputs),
        where=feature.where,
    )


def _keys(feature: ResolvedFeature) -> tuple[tuple[str, ColumnType], ...]:
    return tuple((key.name, key.type) for key in feature.keys)


def _clock(feature: ResolvedFeature) -> Clock:
    return Clock.of(feature.spec.interval, inclusive=feature.spec.boundary == "inclusive")


def _inline_measures(feature: ResolvedFeature) -> MeasureSet:
    names = frozenset(key.name.casefold() for key in feature.keys)
    return MeasureSet(staging=False, taken={tick_name(feature.source), *names}, keys=names)


def _rolling(feature: ResolvedFeature, measures: MeasureSet, tiles: str | None) -> Rolling:
    observations: dict[tuple[object, object], Observation] = {}
    windows: dict[Window, Window] = {}  # equal windows, such as 1d and 24h, are computed once
    columns = tuple(
        _rolling_column(item, measures, observations, windows) for item in feature.windows
    )
    used = {
        part.name: part
        for column in columns
        for part in (column.measure, column.count)
        if part is not None
    }
    return Rolling(
        name=feature.name,
        input=input_name(feature.name),
        event_time=feature.source.timestamp,
        keys=_keys(feature),
        clock=_clock(feature),
        tick=tick_name(feature.source),
        delay=feature.source.spec.delay,
        tiles=tiles,
        measures=tuple(used.values()),
        observations=tuple(observations.values()),
        columns=columns,
        description=feature.spec.description,
    )


def _rolling_column(
    column: WindowColumn,
    measures: MeasureSet,
    observations: dict[tuple[object, object], Observation],
    windows: dict[Window, Window],
) -> RollingColumn:
    window = Window(column.window, column.offset)
    parts = measures.parts(column)
    observation = None
    if column.function in set(Spread) and column.value is not None and column.value_type:
        where = column.where.input if column.where else None
        key = (column.value.input, where)
        name = f"observed_{len(observations) + 1}"
        observation = observations.setdefault(
            key, Observation(name, column.value.input, column.value_type, where)
        )
    return RollingColumn(
        name=column.name,
        window=windows.setdefault(window, window),
        measure=parts[0] if parts else None,
        count=parts[1] if len(parts) > 1 else None,
        observation=observation,
        spread=Spread(column.function) if observation else None,
        zero=column.function == "count",
        what=_what(column),
        default=column.default,
        type=column.type,
        description=column.description,
        unit=column.unit,
    )


def _what(column: WindowColumn) -> str:
    of = f"of `{column.value.input.sql}`" if column.value else "of events"
    where = f" where {column.where.input.sql}" if column.where else ""
    return f"{column.function} {of}{where}"


def _latest(feature: ResolvedFeature) -> Latest:
    return Latest(
        name=feature.name,
        input=input_name(feature.name),
        event_time=feature.source.timestamp,
        keys=_keys(feature),
        clock=_clock(feature),
        tick=tick_name(feature.source),
        delay=feature.source.spec.delay,
        columns=tuple((column.name, column.type) for column in feature.latest),
        order=feature.tie_order,
        description=feature.spec.description,
    )


def _current(feature: ResolvedFeature) -> Current:
    return Current(
        name=current_name(feature.name),
        feature=feature.name,
        keys=_keys(feature),
        columns=tuple((column.name, column.type) for column in feature.columns),
    )
