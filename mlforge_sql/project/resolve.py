"""Specs to a ``Project``: references, types and rules; every problem at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mlforge_sql.errors import Diagnostic, SpecErrors, has_errors, sort_diagnostics
from mlforge_sql.project.databricks import check_databricks
from mlforge_sql.project.definition import dedupe_order
from mlforge_sql.project.engines import check_incremental, check_settings
from mlforge_sql.project.features import FeatureResolver
from mlforge_sql.project.folders import check_folders, check_remote
from mlforge_sql.project.grains import check_times
from mlforge_sql.project.keys import KeyResolver, merge_keys
from mlforge_sql.project.model import (
    Project,
    ResolvedFeature,
    ResolvedSource,
    ResolvedTrainingSet,
    current_name,
    input_name,
    labels_name,
    staging_name,
    upcoming_name,
)
from mlforge_sql.project.online import check_online
from mlforge_sql.project.sources import resolve_source, staged_columns
from mlforge_sql.project.training import TrainingSetResolver
from mlforge_sql.project.type_reader import TypeReader
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.specs import Located, Specs
from mlforge_sql.spec.training_set import TrainingSet


def resolve(specs: Specs, types: TypeReader) -> Project:
    """Check the specs against each other and against the real columns of the sources.

    Args:
        specs: The project as written.
        types: Reads schemas and types expressions.

    Raises:
        SpecErrors: With every problem found.
    """
    problems: list[Diagnostic] = []
    check_settings(specs.config, problems)
    check_incremental(specs.config, problems)
    sources: dict[str, ResolvedSource | None] = {
        item.spec.name: resolve_source(
            item, types, problems, databricks=specs.config.spec.on_databricks
        )
        for item in specs.sources
    }
    keys = KeyResolver(specs.entities, problems)
    staged = {
        name: None if source is None else (source, staged_columns(source))
        for name, source in sources.items()
    }
    resolvers = (
        FeatureResolver(item, specs, staged, keys, types, problems) for item in specs.features
    )
    by_name = {
        item.spec.name: resolver.resolve()
        for item, resolver in zip(specs.features, resolvers, strict=True)
    }
    features = [item for item in by_name.values() if item is not None]
    resolver = TrainingSetResolver(specs, sources, by_name, problems)
    training_sets = [resolver.resolve(item) for item in specs.training_sets]
    if specs.config.spec.on_databricks:
        found = [item for item in training_sets if item is not None]
        check_databricks(specs, features, found, types, problems)
    check_times(features, types, problems)
    check_online(features, specs.config.spec, problems)
    check_folders(specs, problems)
    check_remote(specs, problems)
    _check_model_names(specs, features, problems)
    if has_errors(problems):
        raise SpecErrors(problems)
    complete = {
        source.spec.name: _complete(source, [item for item in features if item.source is source])
        for source in sources.values()
        if source is not None
    }
    salt = specs.config.spec.surrogate_key_salt_env
    linked = {
        item.name: replace(
            item,
            source=complete[item.source.spec.name],
            keys=tuple(replace(key, salt_env=salt) if key.parts else key for key in item.keys),
        )
        for item in features
    }
    return Project(
        specs.config.spec,
        tuple(complete.values()),
        tuple(linked.values()),
        tuple(_linked(item, complete, linked) for item in training_sets if item is not None),
        sort_diagnostics(problems),
    )


def _complete(source: ResolvedSource, features: list[ResolvedFeature]) -> ResolvedSource:
    """The source with what all its features need of it."""
    order, rest = dedupe_order(source, features)
    keys = merge_keys(item.keys for item in features)
    return replace(source, keys=keys, dedupe_order=order, dedupe_rest=rest)


def _linked(
    item: ResolvedTrainingSet,
    sources: Mapping[str, ResolvedSource],
    features: Mapping[str, ResolvedFeature],
) -> ResolvedTrainingSet:
    """The training set with the sources and features of the finished project."""
    return replace(
        item,
        source=item.source and sources[item.source.spec.name],
        features=tuple(
            replace(request, feature=features[request.feature.name]) for request in item.features
        ),
    )


def _check_model_names(
    specs: Specs, features: list[ResolvedFeature], problems: list[Diagnostic]
) -> None:
    """No two dbt models may have one name, whatever its case."""
    taken: dict[str, str] = {}
    for source in specs.sources:
        taken[staging_name(source.spec).casefold()] = f"the staging model of `{source.spec.name}`"
        if source.spec.model:
            taken[source.spec.model.casefold()] = (
                f"the model that source `{source.spec.name}` reads"
            )
    taken["_mlforge_metadata"] = "the table of builds"
    models: list[tuple[str, str, str, Located[Feature] | Located[TrainingSet]]] = [
        (make(item.spec.name), what, "feature", item)
        for item in specs.features
        for make, what in (
            (str, "feature"),
            (input_name, "input of feature"),
            (current_name, "current values of feature"),
        )
    ]
    ahead = {item.name for item in features if item.changes_by_itself}
    models += [
        (upcoming_name(item.spec.name), "later rows of feature", "feature", item)
        for item in specs.features
        if specs.config.spec.published and item.spec.name in ahead
    ]
    models += [
        (make(item.spec.name), what, "training set", item)
        for item in specs.training_sets
        for make, what in ((str, "training set"), (labels_name, "labels of training set"))
    ]
    for name, what, kind, item in models:
        other = taken.setdefault(name.casefold(), f"the {what} `{item.spec.name}`")
        if other != f"the {what} `{item.spec.name}`":
            message = f"{kind} `{item.spec.name}` needs a model `{name}`, which is {other}"
            place = item.origin.at("name")
            problems.append(Diagnostic("MF013", message, place, f"rename the {kind}"))
