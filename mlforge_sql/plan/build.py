"""A resolved project to a plan: one node for each dbt model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mlforge_sql.clock import Clock
from mlforge_sql.expressions import Expr
from mlforge_sql.functions.model import Form
from mlforge_sql.functions.powers import THIRDS
from mlforge_sql.plan.accounts import accounts, feature_accounts
from mlforge_sql.plan.audits import audits
from mlforge_sql.plan.ledgers import ledgers
from mlforge_sql.plan.nodes import (
    Current,
    Input,
    Latest,
    Measure,
    Observation,
    Plan,
    Rolling,
    RollingColumn,
    Series,
    Upcoming,
    Window,
)
from mlforge_sql.plan.stagings import staging
from mlforge_sql.plan.tiles import MeasureSet, group_of, has_tiles, shared_tiles, tick_name
from mlforge_sql.plan.training import joinable, labels, surrogate_keys, training_set
from mlforge_sql.project.grains import sees_dates_early
from mlforge_sql.project.model import (
    Project,
    ResolvedFeature,
    WindowColumn,
    current_name,
    input_name,
    labels_name,
    staging_name,
    upcoming_name,
)
from mlforge_sql.types import ColumnType

SeriesKey = tuple[Form, Expr, Expr | None, Expr | None, bool]


def build_plan(project: Project) -> Plan:
    """Plan every model of a project. Pure: the same project gives the same plan."""
    used = {feature.source.spec.name for feature in project.features}
    taken = _other_models(project)
    tiles = shared_tiles(project.features, taken)
    features: list[Rolling | Latest] = []
    for feature in project.features:
        if feature.latest:
            features.append(_latest(feature))
        elif has_tiles(feature):
            group, measures = tiles[group_of(feature)]
            features.append(_rolling(feature, measures, group.name))
        else:
            features.append(_rolling(feature, _inline_measures(feature), None))
    inputs = tuple(_input(feature) for feature in project.features)
    shared = tuple(item for item, _ in tiles.values())
    at_once = sees_dates_early(project.features)
    stagings = tuple(
        staging(source, project.config.surrogate_key_salt_env, whole=source.spec.name in at_once)
        for source in project.sources
        if source.spec.name in used
    )
    kept, narrowed = ledgers(stagings, inputs, [*shared, *features], taken)
    incremental = project.config.is_incremental
    return Plan(
        stagings=stagings,
        inputs=inputs,
        tiles=shared,
        features=tuple(features),
        currents=tuple(_current(feature) for feature in project.features),
        upcomings=tuple(_upcoming(feature) for feature in published_ahead(project)),
        joinables=tuple(joinable(feature) for feature in project.features),
        surrogates=surrogate_keys(project),
        labels=tuple(
            labels(item, item.source, project.config.surrogate_key_salt_env)
            for item in project.training_sets
            if item.source is not None
        ),
        training_sets=tuple(training_set(item) for item in project.training_sets),
        audits=audits(project),
        accounts=accounts(project),
        feature_accounts=feature_accounts(inputs, features, shared),
        ledgers=kept if incremental else (),
        incremental=narrowed if incremental else (),
    )


def published_ahead(project: Project) -> list[ResolvedFeature]:
    """The features whose later rows go online too, so that their values change on time."""
    if not project.config.published:
        return []
    return [feature for feature in project.features if feature.changes_by_itself]


def _other_models(project: Project) -> set[str]:
    """Case-folded names of all models but tiles."""
    names = {
        name for item in project.sources for name in (staging_name(item.spec), item.spec.model)
    }
    for feature in project.features:
        names |= {feature.name, input_name(feature.name), current_name(feature.name)}
    names |= {upcoming_name(feature.name) for feature in published_ahead(project)}
    for item in project.training_sets:
        names |= {item.name, labels_name(item.name), item.spec.labels.model}
    return {name.casefold() for name in names if name}


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
    series: dict[SeriesKey, Series] = {}
    windows: dict[Window, Window] = {}  # equal windows, such as 1d and 24h, are computed once
    columns = tuple(
        replace(
            _rolling_column(item, measures, observations, windows),
            series=_series(item, measures, observations, series),
            share=item.function.share,
            last=item.function.function.last and item.by is None,
        )
        for item in feature.windows
    )
    used = {part.name: part for column in columns for part in column.measures}
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
        order=feature.tie_order,
    )


def _series(
    column: WindowColumn,
    measures: MeasureSet,
    observations: dict[tuple[object, object], Observation],
    series: dict[SeriesKey, Series],
) -> Series | None:
    """The series that a column looks at; columns of the same values and form share it."""
    function = column.function.function
    if not function.of_events or column.value is None or column.value_type is None:
        return None
    where = column.where.input if column.where else None
    by = column.by.input if column.by else None
    last = function.last and by is not None
    key = (function.form, column.value.input, where, by, last)
    if key not in series:
        taken = {item.name for item in observations.values()}
        taken |= {item.name for item in series.values()}
        name = measures.listed(column, frozenset(taken))
        series[key] = Series(
            name,
            function.form,
            column.value.input,
            column.value_type,
            where,
            by,
            column.by_type,
            last,
        )
    return series[key]


def _rolling_column(
    column: WindowColumn,
    measures: MeasureSet,
    observations: dict[tuple[object, object], Observation],
    windows: dict[Window, Window],
) -> RollingColumn:
    window = Window(column.window, column.offset)
    parts = measures.parts(column)
    function = column.function.function
    is_spread = function.spread is not None
    thirds = parts[: len(THIRDS)] if not is_spread and _is_in_thirds(parts) else ()
    whole = () if is_spread or thirds else parts
    count = parts[-1] if function.form in {Form.MEAN, Form.WEIGHTED} else None
    observation = None
    if is_spread and not parts and column.value is not None and column.value_type:
        where = column.where.input if column.where else None
        key = (column.value.input, where)
        names = frozenset(item.name for item in observations.values())
        name = measures.observed(column, names)
        observation = observations.setdefault(
            key, Observation(name, column.value.input, column.value_type, where)
        )
    return RollingColumn(
        name=column.name,
        window=windows.setdefault(window, window),
        measure=whole[0] if whole else None,
        count=count,
        observation=observation,
        spread=function.spread,
        zero=function.zero,
        what=_what(column),
        default=column.default,
        type=column.type,
        description=column.description,
        unit=column.unit,
        powers=parts if is_spread else (),
        thirds=thirds,
        scale=column.value_type.scale if column.value_type else 0,
        moments=measures.moments(column),
    )


def _is_in_thirds(parts: Sequence[Measure]) -> bool:
    """Whether a sum is put together from those of thirds."""
    return tuple(part.kind for part in parts[: len(THIRDS)]) == THIRDS


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


def _upcoming(feature: ResolvedFeature) -> Upcoming:
    return Upcoming(
        name=upcoming_name(feature.name),
        feature=feature.name,
        current=current_name(feature.name),
        keys=_keys(feature),
        columns=tuple((column.name, column.type) for column in feature.columns),
    )
