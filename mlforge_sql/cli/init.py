"""``mlforge init``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from mlforge_sql.cli._options import Settings, pass_settings
from mlforge_sql.cli._render import say, say_filled, show_diagnostics

if TYPE_CHECKING:
    from mlforge_sql.starting.guessing import Proposal


@click.command("init")
@click.argument("folder", metavar="[NAME]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--from",
    "sources",
    multiple=True,
    metavar="FILE",
    help="Propose specs for a parquet, csv or json file, or a glob. Can be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing; list the files that would be new.")
@pass_settings
def init(settings: Settings, folder: Path | None, sources: tuple[str, ...], dry_run: bool) -> None:
    """Start a project in the new folder NAME.

    It has sample data, and builds as it is: entities, sources, features in
    YAML and Python, a training set, editor settings, and a CI workflow.
    Nothing that is there already is overwritten.

    With --from it is a project for your own files, in NAME or right here: each
    is looked at, and what it may be is written with the reason of each guess.
    In a project that is there, specs for the files are added.

    \b
    mlforge init shop
    mlforge init --from data/orders.parquet --from data/visits.csv
    """  # noqa: D301 - click's mark for a paragraph that is not filled
    from mlforge_sql.loading.environment import name_of_folder
    from mlforge_sql.starting.scaffold import check_new, starter_files, write_new

    if folder is None and not sources:
        raise click.UsageError("name a folder, such as `mlforge init shop`, or a file with --from")
    root = (settings.start / (folder or ".")).resolve()
    if sources:
        _propose(settings, root, folder, sources, dry_run=dry_run)
    elif dry_run:
        files = starter_files(name_of_folder(root.name))
        check_new(root, files)
        _list(folder, files)
    else:
        files = starter_files(name_of_folder(root.name))
        write_new(root, files)
        if not settings.quiet:
            say(f"wrote {len(files)} files in {folder}/; README.md says what they are")
    if dry_run:
        if not settings.quiet:
            say("nothing was written")
        return
    if not settings.quiet:
        say()
        say("next:")
        if folder is not None and root != settings.start.resolve():
            say(f"  cd {folder}")
        say("  mlforge build")


def _list(folder: Path | None, files: Iterable[PurePosixPath]) -> None:
    for path in sorted(files):
        click.echo(f"create {PurePosixPath(folder or '.') / path}")


def _propose(
    settings: Settings, root: Path, folder: Path | None, sources: tuple[str, ...], *, dry_run: bool
) -> None:
    from mlforge_sql.loading.environment import name_of_folder
    from mlforge_sql.starting.proposing import start_from
    from mlforge_sql.starting.scaffold import check_new, write_new

    start = start_from(root, settings.start.resolve(), sources, name_of_folder(root.name))
    if dry_run:
        check_new(root, start.files)
        _list(folder, start.files)
    else:
        write_new(root, start.files)
    show_diagnostics(None, start.notes, "; there is no source for it")
    if settings.quiet or dry_run:
        return
    for proposal in start.proposals:
        _show(proposal)
    listed = [str(path) for path in start.files]
    text = f"wrote {', '.join(listed)}; each guess has its reason there"
    say_filled(text)


def _show(proposal: Proposal) -> None:
    from mlforge_sql.starting.writing import feature_names, training_set_name

    table = proposal.table
    say(f"{table.path}: {table.rows:,} rows, {len(table.columns)} columns")
    say(f"  event time    {proposal.time.name}")
    entities = [f"{key.entity} ({key.join_key})" for key in proposal.keys]
    say(f"  entities      {', '.join(entities)}")
    say(f"  features      {', '.join(feature_names(proposal))}")
    say(f"  training set  {training_set_name(proposal)}")
