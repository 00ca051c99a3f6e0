"""Audits: what of a training set is computed again, from the events themselves."""

from __future__ import annotations

from collections.abc import Mapping

from mlforge_sql.expressions import Expr
from mlforge_sql.plan.clock import Clock
from mlforge_sql.plan.nodes import Audit, AuditColumn, SurrogateKey, Window
from mlforge_sql.plan.stagings import label_time
from mlforge_sql.project.model import (
    LatestColumn,
    Project,
    Requested,
    ResolvedFeature,
    ResolvedTrainingSet,
    WindowColumn,
    staging_name,
)


def audits(project: Project) -> tuple[Audit, ...]:
    """One audit for each training set and feature in it.

    A feature that is read in a certain version of its table has none: its values are those of the
    events as they were then, and nothing keeps those.
    """
    salt_env = project.config.surrogate_key_salt_env
    return tuple(
        _audit(item, request, salt_env)
        for item in project.training_sets
        for request in item.features
        if request.pin is None
    )


def _audit(item: ResolvedTrainingSet, request: Requested, salt_env: str | None) -> Audit:
    feature = request.feature
    by_name = {column.name: column for column in feature.columns}
    wanted = [by_name[name] for name in request.columns]
    found = [Window(part.window, part.offset) for part in feature.windows]
    windows = {window: window for window in reversed(found)}  # 1w and 7d are one, as first named
    labelled = {name.casefold() for name in item.columns}
    return Audit(
        training_set=item.name,
        feature=feature.name,
        staging=staging_name(feature.source.spec),
        rows=item.spec.audit_rows,
        keys=tuple(key.name for key in feature.keys),
        computed=tuple(
            SurrogateKey(key.name, key.parts, salt_env)
            for key in feature.keys
            if key.parts and key.name.casefold() not in labelled
        ),
        time=label_time(item.columns, item.timestamp),
        event_time=feature.source.timestamp,
        inputs=_inputs(feature, wanted),
        where=feature.where,
        clock=Clock.of(feature.spec.interval, inclusive=feature.spec.boundary == "inclusive"),
        delay=feature.source.spec.delay,
        columns=tuple(_column(column, windows) for column in wanted),
        windows=tuple(dict.fromkeys(found)),
        order=feature.tie_order if feature.latest else (),
        ttl=feature.spec.ttl,
    )


def _inputs(
    feature: ResolvedFeature, wanted: list[WindowColumn | LatestColumn]
) -> tuple[tuple[str, Expr], ...]:
    """What the values are computed from; the feature's validators may need more."""
    names = set(feature.tie_order)
    for column in wanted:
        if isinstance(column, LatestColumn):
            names.add(column.name)
            continue
        for scoped in (column.value, column.where):
            names |= set(scoped.input.columns) if scoped else set()
    return tuple((item.name, item.expr) for item in feature.inputs if item.name in names)


def _column(column: WindowColumn | LatestColumn, windows: Mapping[Window, Window]) -> AuditColumn:
    """A column, its window by the name that the equal ones have."""
    if isinstance(column, LatestColumn):
        return AuditColumn(column.name, column.type)
    return AuditColumn(
        name=column.name,
        type=column.type,
        function=column.function,
        value=column.value.input if column.value else None,
        value_type=column.value_type,
        where=column.where.input if column.where else None,
        window=windows[Window(column.window, column.offset)],
        default=column.default,
    )
