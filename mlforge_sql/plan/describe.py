"""A feature in plain values, for people and for JSON."""

from __future__ import annotations

from typing import Any

from mlforge_sql.plan.nodes import Current, Input, Latest, Plan, Rolling, RollingColumn, Upcoming
from mlforge_sql.project.model import Project, ResolvedFeature
from mlforge_sql.project.selection import select_features, select_training_sets


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
        "declared in": str(feature.origin.at()),
        "source": spec.source,
        "keys": [f"{key.name} ({_key_text(key.parts)}{key.type})" for key in feature.keys],
        "time": clock_text(feature),
        "ttl": str(spec.ttl) if spec.ttl else None,
        "filter": feature.where.sql if feature.where else None,
        "tags": list(spec.tags),
        "version": str(spec.version),
        "tiles": _tiles_text(node, plan),
        "merges": _merge_texts(node),
        "models": [name, *_further_models(name, plan)],
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
        "columns": columns,
    }


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
