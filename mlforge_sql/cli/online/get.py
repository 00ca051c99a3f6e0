"""``mlforge online get``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from mlforge_sql.cli._options import (
    Settings,
    json_option,
    pass_settings,
    profile_option,
    split,
)
from mlforge_sql.cli._render import print_json, print_table
from mlforge_sql.cli.online._values import in_json, instant, key_value, shown

if TYPE_CHECKING:
    from mlforge_sql.api.project import LoadedProject


@click.command("get")
@click.option(
    "--features",
    "names",
    multiple=True,
    required=True,
    callback=split,
    metavar="NAME[:COLUMN][,...]",
    help="Features, all their columns or one. Can be repeated.",
)
@click.option(
    "--entity",
    "parts",
    multiple=True,
    required=True,
    metavar="KEY=VALUE",
    help="A join key, or a column that one is computed from. Repeat for each.",
)
@click.option("--at", callback=instant, metavar="INSTANT", help="As of when. Default: now.")
@profile_option
@json_option
@pass_settings
def get(
    settings: Settings,
    names: tuple[str, ...],
    parts: tuple[str, ...],
    at: datetime | None,
    profile: str | None,
    as_json: bool,
) -> None:
    """Look up the current values of one entity.

    \b
    mlforge online get --features customer_spend --entity customer_id=c42
    """  # noqa: D301 - click's mark for a paragraph that is not filled
    from mlforge_sql.api.project import load

    project = load(settings.root)
    entity = _entity(project, names, parts)
    try:
        values = project.get_online_features(list(names), entity, profile, at=at)
    finally:
        project.close()
    if as_json:
        found = {name: in_json(value) for name, value in values.items()}
        print_json({"version": 1, "values": found})
        return
    print_table(("name", "value"), [(name, shown(value)) for name, value in values.items()])


def _entity(
    project: LoadedProject, names: tuple[str, ...], parts: tuple[str, ...]
) -> dict[str, Any]:
    """The keys, each as its type has it."""
    types = {
        name.casefold(): kind
        for item in project.serving.lookup(list(names)).keys
        for name, kind in ((item.name, item.type), *item.parts)
    }
    entity: dict[str, Any] = {}
    for part in parts:
        name, equals, text = part.partition("=")
        if not equals or name in entity:
            raise click.UsageError("--entity: write KEY=VALUE, each key once")
        kind = types.get(name.casefold())
        try:
            entity[name] = text if kind is None else key_value(text, kind)
        except ValueError:
            raise click.UsageError(f"--entity {name}: that is no {kind}") from None
    return entity
