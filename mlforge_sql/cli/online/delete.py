"""``mlforge online delete``."""

from __future__ import annotations

import click

from mlforge_sql.cli._options import (
    Settings,
    features_option,
    json_option,
    pass_settings,
    profile_option,
)
from mlforge_sql.cli._render import print_json, say


@click.command("delete")
@features_option
@click.option("--all", "everything", is_flag=True, help="Every table that syncs have made.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@profile_option
@json_option
@pass_settings
def delete(  # noqa: PLR0913, PLR0917 - click gives an argument to each option
    settings: Settings,
    names: tuple[str, ...],
    everything: bool,
    yes: bool,
    dry_run: bool,
    profile: str | None,
    as_json: bool,
) -> None:
    """Remove tables from the online store.

    Takes features that are no longer in the project, too. Only tables that
    syncs have made are removed; the feature tables stay.
    """
    from mlforge_sql.api.project import load
    from mlforge_sql.errors import Diagnostic, OnlineError, suggest

    if everything == bool(names):
        raise click.UsageError("name --features, or say --all")
    serving = load(settings.root).serving
    try:
        store = serving.store(profile)
        known = store.stored(names)
        unknown = [name for name in names if name not in known]
        if unknown and store.kind != "local":
            raise OnlineError(
                [
                    Diagnostic(
                        "MF082",
                        f"the online store has no table of feature `{name}`",
                        hint=suggest(name, known),
                    )
                    for name in unknown
                ]
            )
        wanted = known if everything else list(names)
        if wanted and not (yes or dry_run):
            click.confirm(f"Remove the online tables of {', '.join(wanted)}?", abort=True, err=True)
        deleted = wanted if dry_run else store.delete(wanted)
    finally:
        serving.close()
    if as_json:
        found = {"version": 1, "profile": store.profile, "dry_run": dry_run, "deleted": deleted}
        print_json(found)
    if not settings.quiet:
        done = "would remove" if dry_run else "removed"
        say(f"{done}: {', '.join(deleted)}" if deleted else "there was nothing to remove")
