"""``mlforge online check``."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from mlforge_sql.cli._options import (
    Settings,
    features_option,
    json_option,
    pass_settings,
    profile_option,
    tags_option,
)
from mlforge_sql.cli._render import print_json, print_table, say
from mlforge_sql.cli.online._values import in_json, instant, shown

if TYPE_CHECKING:
    from mlforge_sql.online.checking import Checked


@click.command("check")
@features_option
@tags_option
@profile_option
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    metavar="N",
    help="Entities to draw from each side, for each feature.",
)
@click.option("--seed", type=int, default=0, help="Another number draws other entities.")
@click.option("--at", callback=instant, metavar="INSTANT", help="As of when. Default: now.")
@json_option
@pass_settings
def check(  # noqa: PLR0913, PLR0917 - click gives an argument to each option
    settings: Settings,
    names: tuple[str, ...],
    tags: tuple[str, ...],
    profile: str | None,
    rows: int,
    seed: int,
    at: datetime | None,
    as_json: bool,
) -> None:
    """Compare online values with the feature tables at the same instant.

    For a sample of entities from both sides every column must be equal, floats
    to a relative 1e-9. Exits with 1 if a value differs.
    """
    from mlforge_sql.api.project import load
    from mlforge_sql.online.checking import Sample
    from mlforge_sql.online.model import utc_now

    serving = load(settings.root).serving
    sampled = Sample(rows, seed, at or utc_now())
    try:
        store = serving.store(profile)
        chosen = serving.chosen(names, tags)
        found = list(serving.check(chosen, profile, sampled))
    finally:
        serving.close()
    if store.kind == "local" and not settings.quiet:
        say(f"profile `{store.profile}` serves from the feature tables themselves")
    if as_json:
        print_json(
            {
                "version": 1,
                "profile": store.profile,
                "at": sampled.at.isoformat(),
                "features": [_as_json(item) for item in found],
            }
        )
    else:
        _show(found, quiet=settings.quiet)
    if any(item.count for item in found):
        if not settings.quiet:
            say(f"see `mlforge online status --profile {store.profile}`: is it behind a build?")
        raise click.exceptions.Exit(1)


def _show(found: list[Checked], *, quiet: bool) -> None:
    wrong = sum(item.count for item in found)
    if quiet and not wrong:
        return
    print_table(
        ("feature", "entities", "columns", "verdict"),
        [
            (
                item.feature,
                f"{item.entities:,}",
                str(item.columns),
                f"{item.count:,} value{'s' if item.count != 1 else ''} differ"
                if item.count
                else "equal",
            )
            for item in found
        ],
    )
    for item in found:
        if item.count:
            _show_differences(item)
    values = sum(item.entities * item.columns for item in found)
    if wrong:
        click.secho(f"\nFAIL: {wrong:,} of {values:,} values differ", fg="red")
    else:
        click.secho(f"\nPASS: {values:,} values are the same online and offline", fg="green")


def _show_differences(item: Checked) -> None:
    click.secho(f"\n{item.feature}:", bold=True)
    print_table(
        (*item.keys, "column", "online", "offline"),
        [
            (*map(_cell, one.keys), one.column, shown(one.online), shown(one.offline))
            for one in item.differences
        ],
    )
    more = item.count - len(item.differences)
    if more:
        click.echo(f"and {more:,} more")


def _cell(value: Any) -> str:
    """A key as it is shown; of a surrogate key its first digits."""
    text = shown(value)
    return f"{text[:8]}..." if re.fullmatch(r"[0-9a-f]{64}", text) else text


def _as_json(item: Checked) -> dict[str, Any]:
    return {
        "feature": item.feature,
        "entities": item.entities,
        "columns": item.columns,
        "differences": item.count,
        "equal": not item.count,
        "examples": [
            {
                "keys": {
                    name: in_json(value) for name, value in zip(item.keys, one.keys, strict=True)
                },
                "column": one.column,
                "online": in_json(one.online),
                "offline": in_json(one.offline),
            }
            for one in item.differences
        ],
    }
