"""``mlforge list``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from mlforge_sql.cli._options import (
    Settings,
    json_option,
    pass_settings,
    select_options,
    selected,
    tags_option,
)
from mlforge_sql.cli._render import print_described, print_json, say


@click.group("list")
def list_() -> None:
    """List what a project declares."""


@list_.command("features")
@tags_option
@select_options
@json_option
@pass_settings
def features(
    settings: Settings,
    tags: tuple[str, ...],
    selections: tuple[str, ...],
    excluded: tuple[str, ...],
    as_json: bool,
) -> None:
    """List the features, all or those with a tag or of a selection."""
    from mlforge_sql.loading.load import load
    from mlforge_sql.project.selection import select_features

    specs = load(settings.root)
    chosen = select_features([item.spec for item in specs.features], (), tags)
    wanted = selected(settings, selections, excluded)
    if wanted is not None:
        chosen = tuple(item for item in chosen if item.name in wanted.features)
    if as_json:
        rows = [
            {
                "name": item.name,
                "description": item.description,
                "source": item.source,
                "entities": list(item.entities),
                "interval": str(item.interval) if item.interval else None,
                "tags": list(item.tags),
                "version": item.version,
            }
            for item in chosen
        ]
        print_json({"version": 1, "features": rows})
        return
    _show(
        ("feature", "entities", "interval", "tags", "description"),
        [
            (
                item.name,
                ", ".join(item.entities),
                str(item.interval or "continuous"),
                ", ".join(item.tags),
                item.description or "",
            )
            for item in chosen
        ],
        "features",
    )


@list_.command("entities")
@json_option
@pass_settings
def entities(settings: Settings, as_json: bool) -> None:
    """List the entities: their keys, and how many features are about each."""
    from mlforge_sql.loading.load import load

    specs = load(settings.root)
    found = [item.spec for item in specs.entities]
    about = {
        item.name: [other.spec.name for other in specs.features if item.name in other.spec.entities]
        for item in found
    }
    if as_json:
        rows = [
            {
                "name": item.name,
                "description": item.description,
                "join_key": list(item.join_key),
                "from_columns": list(item.from_columns),
                "features": about[item.name],
            }
            for item in found
        ]
        print_json({"version": 1, "entities": rows})
        return
    _show(
        ("entity", "join key", "computed from", "features", "description"),
        [
            (
                item.name,
                ", ".join(item.join_key),
                ", ".join(item.from_columns),
                str(len(about[item.name])),
                item.description or "",
            )
            for item in found
        ],
        "entities",
    )


@list_.command("sources")
@json_option
@pass_settings
def sources(settings: Settings, as_json: bool) -> None:
    """List the sources: where their rows are, their time, and how many features read each."""
    from mlforge_sql.loading.load import load

    specs = load(settings.root)
    found = [item.spec for item in specs.sources]
    read = {
        item.name: [other.spec.name for other in specs.features if other.spec.source == item.name]
        for item in found
    }
    if as_json:
        rows = [
            {
                "name": item.name,
                "description": item.description,
                "path": item.path,
                "table": item.table,
                "model": item.model,
                "timestamp": list(item.timestamp.columns),
                "features": read[item.name],
            }
            for item in found
        ]
        print_json({"version": 1, "sources": rows})
        return
    _show(
        ("source", "where", "time", "features", "description"),
        [
            (
                item.name,
                ", ".join(item.places),
                " ".join(item.timestamp.columns),
                str(len(read[item.name])),
                item.description or "",
            )
            for item in found
        ],
        "sources",
    )


@list_.command("training-sets")
@json_option
@pass_settings
def training_sets(settings: Settings, as_json: bool) -> None:
    """List the training sets."""
    from mlforge_sql.loading.load import load

    found = [item.spec for item in load(settings.root).training_sets]
    if as_json:
        rows = [
            {
                "name": item.name,
                "description": item.description,
                "labels": item.labels.model_dump(exclude_defaults=True),
                "timestamp": " ".join(item.timestamp.columns) if item.timestamp else None,
                "features": [wanted.model_dump(exclude_none=True) for wanted in item.features],
                "tags": list(item.tags),
            }
            for item in found
        ]
        print_json({"version": 1, "training_sets": rows})
        return
    _show(
        ("training set", "labels", "features", "description"),
        [
            (
                item.name,
                item.labels.source or item.labels.model or "a query",
                ", ".join(wanted.name for wanted in item.features),
                item.description or "",
            )
            for item in found
        ],
        "training sets",
    )


@list_.command("tags")
@json_option
@pass_settings
def tags_(settings: Settings, as_json: bool) -> None:
    """List the tags, each with its features and training sets."""
    from mlforge_sql.loading.load import load

    specs = load(settings.root)
    features = [item.spec for item in specs.features]
    sets = [item.spec for item in specs.training_sets]
    names = sorted(
        {tag for item in features for tag in item.tags}
        | {tag for item in sets for tag in item.tags}
    )
    rows: list[dict[str, Any]] = [
        {
            "name": tag,
            "features": [item.name for item in features if tag in item.tags],
            "training_sets": [item.name for item in sets if tag in item.tags],
        }
        for tag in names
    ]
    if as_json:
        print_json({"version": 1, "tags": rows})
        return
    _show(
        ("tag", "features", "training sets"),
        [
            (row["name"], ", ".join(row["features"]), ", ".join(row["training_sets"]))
            for row in rows
        ],
        "tags",
    )


def _show(headings: Sequence[str], rows: Sequence[Sequence[str]], what: str) -> None:
    if not rows:
        say(f"the project has no {what} yet")
        return
    print_described(headings, rows)
