"""Training sets: labels, feature tables as joins see them, and the keys they meet on."""

from __future__ import annotations

from mlforge_sql.plan.nodes import Joinable, JoinedColumn, Labels, SurrogateKey, TrainingSet
from mlforge_sql.plan.stagings import dedupe, label_time, reading, source_time
from mlforge_sql.project.model import (
    LatestColumn,
    Project,
    ResolvedFeature,
    ResolvedSource,
    ResolvedTrainingSet,
    WindowColumn,
    labels_name,
)


def joinable(feature: ResolvedFeature) -> Joinable:
    """A feature as joins see it."""
    return Joinable(
        feature=feature.name,
        keys=tuple(key.name for key in feature.keys),
        key_types=tuple(key.type for key in feature.keys),
        columns=tuple(_joined(column) for column in feature.columns),
        ttl=feature.spec.ttl,
    )


def _joined(column: WindowColumn | LatestColumn) -> JoinedColumn:
    if isinstance(column, LatestColumn):
        return JoinedColumn(column.name, column.type)
    return JoinedColumn(column.name, column.type, column.function.function.zero, column.default)


def surrogate_keys(project: Project) -> tuple[SurrogateKey, ...]:
    """The join keys that are computed, each once."""
    salt_env = project.config.surrogate_key_salt_env
    found = {
        key.name.casefold(): SurrogateKey(key.name, key.parts, salt_env)
        for feature in project.features
        for key in feature.keys
        if key.parts
    }
    return tuple(found.values())


def labels(
    training_set: ResolvedTrainingSet, source: ResolvedSource, salt_env: str | None
) -> Labels:
    """The labels of a training set, when they are the rows of a source."""
    return Labels(
        name=labels_name(training_set.name),
        source=source.spec.name,
        model=source.spec.model,
        columns=tuple(name for name in source.schema if name in training_set.columns),
        keys=tuple(SurrogateKey(key.name, key.parts, salt_env) for key in training_set.hashed),
        event_time=source_time(source),
        where=source.where,
        dedupe=dedupe(source),
        reading=reading(source),
    )


def training_set(item: ResolvedTrainingSet) -> TrainingSet:
    """A training set: which labels, which features."""
    return TrainingSet(
        name=item.name,
        labels=item.spec.labels.model or labels_name(item.name),
        sql=item.spec.labels.sql,
        columns=tuple(item.columns.items()),
        time=label_time(item.columns, item.timestamp),
        features=tuple(
            (
                request.feature.name,
                tuple(
                    _joined(column)
                    for name in request.columns
                    for column in request.feature.columns
                    if column.name == name
                ),
            )
            for request in item.features
        ),
        description=item.spec.description,
        pins=tuple((request.feature.name, request.pin) for request in item.features if request.pin),
    )
