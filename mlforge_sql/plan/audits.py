"""Audits: what of training sets and of feature tables is computed again, from the events themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mlforge_sql.clock import Clock
from mlforge_sql.expressions import Expr
from mlforge_sql.plan.nodes import Audit, AuditColumn, AuditedLabels, SurrogateKey, Window
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

FEATURE_ROWS = 1000
"""At how many instants the table of a feature is looked at."""


def audits(project: Project) -> tuple[Audit, ...]:
    """One audit for each training set and feature in it, and one for each feature's own table.

    A feature that is read in a certain version of its table has none in that training set: its
    values are those of the events as they were then, and nothing keeps those.
    """
    salt_env = project.config.surrogate_key_salt_env
    in_sets = (
        _of_labels(item, request, salt_env)
        for item in project.training_sets
        for request in item.features
        if request.pin is None
    )
    return (*in_sets, *(_of_table(feature) for feature in project.features))


def _of_labels(item: ResolvedTrainingSet, request: Requested, salt_env: str | None) -> Audit:
    feature = request.feature
    by_name = {column.name: column for column in feature.columns}
    labelled = {name.casefold() for name in item.columns}
    labels = AuditedLabels(
        training_set=item.name,
        computed=tuple(
            SurrogateKey(key.name, key.parts, salt_env)
            for key in feature.keys
            if key.parts and key.name.casefold() not in labelled
        ),
        time=label_time(item.columns, item.timestamp),
    )
    wanted = [by_name[name] for name in request.columns]
    found = _audit(feature, wanted, item.spec.audit_rows, labels)
    return replace(found, ttl=feature.spec.ttl)


def _of_table(feature: ResolvedFeature) -> Audit:
    return _audit(feature, feature.columns, FEATURE_ROWS, None)


def _audit(
    feature: ResolvedFeature,
    wanted: Sequence[WindowColumn | LatestColumn],
    rows: int,
    labels: AuditedLabels | None,
) -> Audit:
    found = [Window(part.window, part.offset) for part in feature.windows]
    windows = {window: window for window in reversed(found)}  # 1w and 7d are one, as first named
    return Audit(
        labels=labels,
        feature=feature.name,
        staging=staging_name(feature.source.spec),
        rows=rows,
        keys=tuple(key.name for key in feature.keys),
        event_time=feature.source.timestamp,
        inputs=_inputs(feature, wanted),
        where=feature.where,
        clock=Clock.of(feature.spec.interval, inclusive=feature.spec.boundary == "inclusive"),
        delay=feature.source.spec.delay,
        columns=tuple(_column(column, windows) for column in wanted),
        windows=tuple(dict.fromkeys(found)),
        order=feature.tie_order,
    )


def _inputs(
    feature: ResolvedFeature, wanted: Sequence[WindowColumn | LatestColumn]
) -> tuple[tuple[str, Expr], ...]:
    """What the values are computed from; the feature's validators may need more."""
    names = set(feature.tie_order)
    for column in wanted:
        if isinstance(column, LatestColumn):
            names.add(column.name)
            continue
        for scoped in column.read:
            names |= set(scoped.input.columns)
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
        by=column.by.input if column.by else None,
        by_type=column.by_type,
    )
