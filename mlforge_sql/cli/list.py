"""``mlforge list``."""

from __future__ import annotations

import click

from mlforge_sql.cli._options import Settings, json_option, pass_settings, tags_option
from mlforge_sql.cli._render import print_json, print_table, say


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
    print_table(
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
