"""``mlforge online status``."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
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
from mlforge_sql.cli._render import print_json, print_table
from mlforge_sql.cli.online._values import age, in_json, shown

if TYPE_CHECKING:
    from mlforge_sql.online.databricks.statuses import PipelineStatus
    from mlforge_sql.online.model import TableStatus

SOON = timedelta(days=1)
"""How long before its end a horizon is warned of."""


@click.command("status")
@features_option
@tags_option
@profile_option
@json_option
@pass_settings
def status(
    settings: Settings,
    names: tuple[str, ...],
    tags: tuple[str, ...],
    profile: str | None,
    as_json: bool,
) -> None:
    """Show what the online store holds, and whether it is up to date.

    A table is `current`, `behind` the last build, of an `older definition`,
    `not synced`, or of a feature that is `not in the project` any more.

    On Databricks there is a line for each online table: how it follows its
    source, how it is doing, and what it is behind: versions of the source with
    other rows than are online, and how many rows those changed. Tables of later
    rows reach as far as `horizon`; what is close to its end, or past it, is said.
    """
    from mlforge_sql.api.project import load
    from mlforge_sql.online.databricks.statuses import PipelineStatus
    from mlforge_sql.online.lookups import served
    from mlforge_sql.online.model import utc_now

    serving = load(settings.root).serving
    try:
        features = [served(feature) for feature in serving.chosen(names, tags)]
        store = serving.store(profile)
        chosen = {item.name for item in features}
        everything = not names and not tags
        found = [item for item in store.status(features) if everything or item.feature in chosen]
    finally:
        serving.close()
    now = utc_now()
    if as_json:
        print_json(
            {
                "version": 1,
                "profile": store.profile,
                "kind": store.kind,
                "tables": [_as_json(item) for item in found],
            }
        )
        return
    pipelines = [item for item in found if isinstance(item, PipelineStatus)]
    if pipelines:
        _show_pipelines(pipelines, now)
        return
    print_table(
        ("feature", "state", "rows", "as of (UTC)", "synced", "detail"),
        [
            (
                item.feature,
                item.state,
                "" if item.rows is None else f"{item.rows:,}",
                "" if item.as_of is None else shown(item.as_of.replace(microsecond=0)),
                age(item.synced_at, now) and f"{age(item.synced_at, now)} ago",
                item.detail or "",
            )
            for item in found
        ],
    )


def _show_pipelines(found: list[PipelineStatus], now: datetime) -> None:
    """Tables that pipelines keep up to date."""
    print_table(
        ("table", "mode", "state", "behind", "synced", "detail"),
        [
            (
                item.table,
                item.mode or "",
                item.state,
                _behind(item),
                age(item.synced_at, now) and f"{age(item.synced_at, now)} ago",
                "; ".join(text for text in (item.detail, _reach(item, now)) if text),
            )
            for item in found
        ],
    )


def _reach(item: PipelineStatus, now: datetime) -> str:
    """What there is to say about how far a table of later rows reaches."""
    if item.until is None:
        return ""
    if item.until < now:
        return (
            f"no values since {shown(item.until.replace(microsecond=0))}: past its horizon, build"
        )
    left = item.until - now
    text = f"values until {shown(item.until.replace(microsecond=0))}"
    return f"{text}: build before" if left < SOON else text


def _behind(item: PipelineStatus) -> str:
    if item.versions_behind is None:
        return ""
    if not item.versions_behind:
        return "nothing"
    versions = f"{item.versions_behind:,} version{'s' if item.versions_behind != 1 else ''}"
    return versions if item.rows_behind is None else f"{versions}, {item.rows_behind:,} rows"


def _as_json(item: TableStatus) -> dict[str, Any]:
    return {name: in_json(value) for name, value in dataclasses.asdict(item).items()}
