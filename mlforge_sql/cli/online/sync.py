"""``mlforge online sync``."""

from __future__ import annotations

import dataclasses
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from mlforge_sql.cli._options import (
    Settings,
    features_option,
    json_option,
    pass_settings,
    profile_option,
    select_options,
    selected,
    tags_option,
)
from mlforge_sql.cli._render import print_json, say, show_diagnostic
from mlforge_sql.cli.online._values import instant

if TYPE_CHECKING:
    from mlforge_sql.errors import OnlineError
    from mlforge_sql.online.model import Synced


@click.command("sync")
@features_option
@tags_option
@select_options
@profile_option
@click.option(
    "--as-of",
    callback=instant,
    metavar="INSTANT",
    help="Values are wanted from here on. Default: now.",
)
@click.option("--full-refresh", is_flag=True, help="Load unchanged tables again, too.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--wait", is_flag=True, help="On Databricks: wait until the rows are online.")
@click.option(
    "--timeout",
    "timeout_seconds",
    type=click.FloatRange(min=0),
    default=1800.0,
    show_default=True,
    metavar="SECONDS",
    help="How long --wait waits.",
)
@json_option
@pass_settings
def sync(  # noqa: PLR0913, PLR0917 - click gives an argument to each option
    settings: Settings,
    names: tuple[str, ...],
    tags: tuple[str, ...],
    selections: tuple[str, ...],
    excluded: tuple[str, ...],
    profile: str | None,
    as_of: datetime | None,
    full_refresh: bool,
    dry_run: bool,
    wait: bool,
    timeout_seconds: float,
    as_json: bool,
) -> None:
    """Bring the online store up to date with the feature tables.

    Each table gets the rows that hold at --as-of and all later ones: a feature
    table knows when its windows empty, so values expire on time between syncs.
    All tables are exchanged in one transaction: lookups see the old ones or the
    new ones. A table of the same build stays as it is. Exits with 1 if one failed.

    On Databricks, tables that are not published yet are, and updates of the
    others are started. They hold what was built, so there is no --as-of.
    """
    from mlforge_sql.api.project import load
    from mlforge_sql.online.lookups import served
    from mlforge_sql.online.model import SyncOptions, utc_now
    from mlforge_sql.online.opening import on_databricks

    now = utc_now()
    if as_of is not None and as_of > now:
        message = (
            f"{as_of.isoformat(sep=' ')} is in the future: until then there would be no values"
        )
        raise _refused(message, "leave out --as-of")

    def talk(text: str) -> None:
        if not settings.quiet:
            say(text)

    chosen = selected(settings, selections, excluded)
    if chosen is not None and not chosen.features:
        raise click.UsageError("--select names training sets alone, and online are features")
    names = names if chosen is None else (*names, *chosen.features)
    started = time.perf_counter()
    serving = load(settings.root).serving
    features = [served(feature) for feature in serving.chosen(names, tags)]
    options = SyncOptions(
        as_of=as_of or now,
        dry_run=dry_run,
        full_refresh=full_refresh,
        say=talk,
    )
    done: list[Synced] = []
    try:
        store = serving.store(profile)
        if as_of is not None and on_databricks(store):
            message = "on Databricks, online tables hold what was built: a sync has no --as-of"
            hint = f"""mlforge build --profile {store.profile} -- --vars '{{as_of: "..."}}'"""
            raise _refused(message, hint)
        items = (
            store.sync(features, options, patience_seconds=timeout_seconds if wait else None)
            if on_databricks(store)
            else store.sync(features, options)
        )
        for item in items:
            done.append(item)
            talk(_line(item))
    finally:
        serving.close()
    if as_json:
        print_json(
            {
                "version": 1,
                "profile": store.profile,
                "as_of": options.as_of.isoformat(),
                "dry_run": dry_run,
                "features": [_as_json(item) for item in done],
            }
        )
    problems = [item.problem for item in done if item.problem is not None]
    for problem in problems:
        show_diagnostic(settings.root, problem)
    talk(_summary(done, time.perf_counter() - started))
    if problems:
        raise click.exceptions.Exit(1)


def _refused(message: str, hint: str) -> OnlineError:
    """An instant that cannot be had."""
    from mlforge_sql.errors import Diagnostic, OnlineError

    return OnlineError([Diagnostic("MF088", message, hint=hint)])


def _line(item: Synced) -> str:
    rows = f", {item.rows:,} rows" if item.rows is not None else ""
    seconds = f", {item.seconds:.1f} s" if item.seconds else ""
    reason = "" if item.action == "failed" else f" ({item.reason})"
    return f"{item.table or item.feature}: {item.action}{reason}{rows}{seconds}"


_WORDS = {
    "loaded": "loaded",
    "load": "to load",
    "published": "published",
    "publish": "to publish",
    "updating": "updating",
    "update": "to update",
    "running": "being updated already",
    "unchanged": "unchanged",
    "failed": "failed",
}


def _summary(done: list[Synced], seconds: float) -> str:
    counts = dict.fromkeys(_WORDS, 0)
    for item in done:
        counts[item.action] += 1
    parts = [f"{count} {_WORDS[action]}" for action, count in counts.items() if count]
    return f"{', '.join(parts) or 'no features'}, {seconds:.1f} s"


def _as_json(item: Synced) -> dict[str, Any]:
    problem = item.problem
    return {
        **{name: value for name, value in dataclasses.asdict(item).items() if name != "problem"},
        "seconds": round(item.seconds, 3),
        "problem": None
        if problem is None
        else {"code": problem.code, "message": problem.message, "hint": problem.hint},
    }
