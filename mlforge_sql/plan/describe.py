"""A feature in plain values, for people and for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlforge_sql.errors import Diagnostic, SpecErrors, suggest
from mlforge_sql.plan.nodes import Current, Input, Latest, Plan, Rolling, RollingColumn, Upcoming
from mlforge_sql.project.model import Project, ResolvedFeature, staging_name
from mlforge_sql.project.selection import select_features, select_training_sets
from mlforge_sql.spec.config import LocalStore, ProjectConfig, UnityCatalogStore
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.spec.specs import Specs


def describe_feature(project: Project, plan: Plan, name: str) -> dict[str, Any]:
    """Everything about one feature.

    Raises:
        SpecErrors: There is no such feature.
    """
    (spec,) = select_features([item.spec for item in project.features], (name,))
    feature = next(item for item in project.features if item.spec is spec)
    node = next(item for item in plan.features if item.name == name)
    meanings = column_meanings(node)
    return {
        "name": name,
        "description": spec.description,
        "meaning": _meaning(feature, node),
        "declared in": str(feature.origin.at()),
        "source": spec.source,
        "entities": list(spec.entities),
        "keys": [f"{key.name} ({_key_text(key.parts)}{key.type})" for key in feature.keys],
        "time": clock_text(feature),
        "ttl": str(spec.ttl) if spec.ttl else None,
        "filter": feature.where.sql if feature.where else None,
        "tags": list(spec.tags),
        "version": str(spec.version),
        "tiles": _tiles_text(node, plan),
        "merges": _merge_texts(node),
        "models": [name, *_further_models(name, plan)],
        "lineage": _lineage(node, plan),
        "training sets": _training_sets(name, plan),
        "tables": tables_of(name, project.config),
        "columns": [
            {"name": item.name, "type": str(item.type), "meaning": meanings[item.name]}
            for item in feature.columns
        ],
        "validators": [
            {
                "column": column,
                "rule": " ".join([rule.test, *(str(value) for value in rule.arguments.values())]),
            }
            for column, rule in feature.rules
        ],
    }


def describe_training_set(project: Project, plan: Plan, name: str) -> dict[str, Any]:
    """Everything about one training set.

    Raises:
        SpecErrors: There is no such training set.
    """
    select_training_sets(project, (name,))
    item = next(found for found in project.training_sets if found.name == name)
    node = next(found for found in plan.training_sets if found.name == name)
    labels = item.spec.labels
    columns = [
        {
            "name": column,
            "type": str(kind),
            "meaning": "the label's time" if column == node.time.column else "of the labels",
        }
        for column, kind in node.columns
    ]
    by_name = {feature.name: feature for feature in plan.features}
    for feature, joined in node.features:
        meanings = column_meanings(by_name[feature])
        columns += [
            {
                "name": f"{feature}__{column.name}",
                "type": str(column.type),
                "meaning": meanings[column.name],
            }
            for column in joined
        ]
    return {
        "name": name,
        "description": item.spec.description,
        "declared in": str(item.origin.at()),
        "labels": f"source {labels.source}"
        if labels.source
        else (f"model {labels.model}" if labels.model else "a query"),
        "time": node.time.column,
        "features": [feature for feature, _ in node.features],
        "pinned": [f"{feature}: {pin}" for feature, pin in node.pins],
        "tags": list(item.spec.tags),
        "models": [name, node.labels],
        "tables": tables_of(name, project.config),
        "columns": columns,
    }


def describe_source(project: Project, name: str) -> dict[str, Any]:
    """Everything about one source.

    Raises:
        SpecErrors: There is no such source.
    """
    known = {item.spec.name: item for item in project.sources}
    if name not in known:
        hint = suggest(name, list(known))
        raise SpecErrors([Diagnostic("MF021", f"unknown source `{name}`", hint=hint)])
    source = known[name]
    spec = source.spec
    time = {name.casefold() for name in source.time_columns}
    made = {part.casefold(): key.name for key in source.keys for part, _ in key.parts}
    keys = {key.name.casefold() for key in source.keys}
    return {
        "name": name,
        "description": spec.description,
        "meaning": f"Events at {' '.join(source.time_columns)}, read by {_count(_readers(project, name), 'feature')}",
        "declared in": str(source.origin.at()),
        "where": list(spec.places),
        "time": _time_text(spec.timestamp),
        "delay": str(spec.delay) if spec.delay.microseconds else None,
        "filter": spec.where,
        "dedupe": list(spec.dedupe.key) if spec.dedupe else [],
        "features": _readers(project, name),
        "training sets": [
            item.name for item in project.training_sets if item.spec.labels.source == name
        ],
        "models": [staging_name(spec)],
        "columns": [
            {"name": column, "type": str(kind), "meaning": _column_text(column, time, made, keys)}
            for column, kind in source.schema.items()
        ],
    }


def describe_entity(specs: Specs, name: str) -> dict[str, Any]:
    """Everything about one entity.

    Raises:
        SpecErrors: There is no such entity.
    """
    known = {item.spec.name: item for item in specs.entities}
    if name not in known:
        hint = suggest(name, list(known))
        raise SpecErrors([Diagnostic("MF020", f"unknown entity `{name}`", hint=hint)])
    item = known[name]
    features = [other.spec.name for other in specs.features if name in other.spec.entities]
    keys = " and ".join(item.spec.join_key)
    return {
        "name": name,
        "description": item.spec.description,
        "meaning": f"What {keys} identifies, in {_count(features, 'feature')}",
        "declared in": str(item.origin.at()),
        "join key": list(item.spec.join_key),
        "computed from": list(item.spec.from_columns),
        "features": features,
        "sources": list(
            dict.fromkeys(
                other.spec.source for other in specs.features if name in other.spec.entities
            )
        ),
    }


def tables_of(model: str, config: ProjectConfig) -> list[str]:
    """The table of a model in each profile."""
    return [
        f"{name}: {_table(model, profile.offline_store)}"
        for name, profile in config.profiles.items()
    ]


def _table(model: str, store: LocalStore | UnityCatalogStore) -> str:
    if isinstance(store, LocalStore):
        return f"{model} in {store.path.rstrip('/')}/features.duckdb"
    return f"{store.catalog}.{store.schema_}.{model}"


def _meaning(feature: ResolvedFeature, node: Rolling | Latest) -> str:
    """A feature in one sentence."""
    of = " and ".join(key.name for key in feature.keys)
    source = feature.spec.source
    if isinstance(node, Latest):
        return f"Values of the last of {source} of each {of}"
    windows = dict.fromkeys(
        f"{item.window.length}" if item.window.length else "all time" for item in node.columns
    )
    what = _count([item.name for item in node.columns], "value")
    return f"{what} of the {source} of each {of}, over {', '.join(windows)}"


def _count(items: Sequence[str], noun: str) -> str:
    return f"{len(items)} {noun}{'s' if len(items) != 1 else ''}"


def _readers(project: Project, name: str) -> list[str]:
    return [item.name for item in project.features if item.spec.source == name]


def _time_text(timestamp: Timestamp) -> str:
    said = {"format": timestamp.format, "unit": timestamp.unit, "zone": timestamp.timezone}
    parts = [f"{key} {value}" for key, value in said.items() if value is not None]
    return ", ".join([" ".join(timestamp.columns), *parts])


def _column_text(column: str, time: set[str], made: Mapping[str, str], keys: set[str]) -> str:
    folded = column.casefold()
    if folded in time:
        return "the event's time"
    if folded in made:
        return f"part of the key {made[folded]}; in no feature table"
    return "a join key" if folded in keys else ""


def _lineage(node: Rolling | Latest, plan: Plan) -> list[str]:
    """What is built on the way to a feature, from the source on."""
    inputs = [item for item in plan.inputs if item.feature == node.name]
    tiles = [node.tiles] if isinstance(node, Rolling) and node.tiles is not None else []
    names = (*(item.staging for item in inputs), *(item.name for item in inputs), *tiles)
    return [*dict.fromkeys(names), node.name]


def _training_sets(name: str, plan: Plan) -> list[str]:
    return [
        item.name
        for item in plan.training_sets
        if name in {feature for feature, _ in item.features}
    ]


def column_meanings(feature: Rolling | Latest) -> dict[str, str]:
    """What each column of a feature is, in words."""
    if isinstance(feature, Latest):
        return {name: f"{name} of the last event" for name, _ in feature.columns}
    return {item.name: column_text(item) for item in feature.columns}


def clock_text(feature: ResolvedFeature) -> str:
    """When a feature changes and what it sees, in words."""
    interval, delay = feature.spec.interval, feature.source.spec.delay
    if interval is not None:
        text = f"gridded: changes at ticks of {interval}, sees what happened before the tick"
    else:
        own = "at its own time" if feature.spec.boundary == "inclusive" else "one microsecond later"
        text = f"continuous: sees an event {own}"
    return text + (f"; the source is {delay} late" if delay.microseconds else "")


def column_text(item: RollingColumn) -> str:
    """What a feature column is, in words.

    The user's description stands in front when there is one.
    """
    window = f"the last {item.window.length}" if item.window.length else "all time"
    if item.window.offset.microseconds:
        window += f", {item.window.offset} ago"
    text = f"{item.what} over {window}"
    return f"{item.description.rstrip('.')}: {text}" if item.description else text


def _key_text(parts: tuple[tuple[str, Any], ...]) -> str:
    return f"sha256 of {', '.join(name for name, _ in parts)}; " if parts else ""


def _further_models(name: str, plan: Plan) -> list[str]:
    """The other models of one feature."""
    nodes: tuple[Current | Upcoming | Input, ...] = (*plan.currents, *plan.upcomings, *plan.inputs)
    return [node.name for node in nodes if node.feature == name]


def _merge_texts(node: Rolling | Latest) -> list[str]:
    """How the windows of a feature are made of shorter ones, in ticks; nothing where they are not."""
    if not isinstance(node, Rolling) or not node.can_merge:
        return []
    return [f"{merge.length} = {merge.near} + {merge.far}" for merge in node.merges]


def _tiles_text(node: Rolling | Latest, plan: Plan) -> str | None:
    if not isinstance(node, Rolling) or node.tiles is None:
        return None
    tiles = next(item for item in plan.tiles if item.name == node.tiles)
    others = [f"`{name}`" for name in tiles.features if name != node.name]
    return f"{tiles.name}" + (f", shared with {', '.join(others)}" if others else "")
