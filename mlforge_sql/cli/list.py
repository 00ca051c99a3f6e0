"""``mlforge list``."""

from __future__ import annotations

import click

from mlforge_sql.cli._options import Settings, json_option, pass_settings, tags_option
from mlforge_sql.cli._render import print_described, print_json, say


@click.group("list")
def list_() -> None:
    """List what a project declares."""


@list_.command("features")
@tags_option
@json_option
@pass_settings
def features(settings: Settings, tags: tuple[str, ...], as_json: bool) -> None:
    """List the features, all or those with a tag."""
    from mlforge_sql.loading.load import load
    from mlforge_sql.project.selection import select_features

    specs = load(settings.root)
    chosen = select_features([item.spec for item in specs.features], (), tags)
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
    if not chosen:
        say("the project has no features yet")
        return
    print_described(
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
    if not found:
        say("the project has no training sets yet")
        return
    print_described(
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
    )
