"""``mlforge compile``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mlforge_sql.cli._options import Settings, keep_edits_option, pass_settings
from mlforge_sql.cli._render import say, say_filled, show_diagnostics

if TYPE_CHECKING:
    from mlforge_sql.project.model import Project


@click.command("compile")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if files would change.")
@click.option("--dry-run", is_flag=True, help="Write nothing; list the files that would change.")
@keep_edits_option
@pass_settings
def compile_(settings: Settings, check: bool, dry_run: bool, keep_edits: bool) -> None:
    """Write the dbt project that the specs describe.

    Either all files are written or, if a spec has a problem, none. Files that
    are right already are not touched; your own files in the folder never are.
    A compiled file that somebody has edited is written anew, and the edit is
    kept beside it, in a file that ends in `.orig`.
    """
    from mlforge_sql.workflows.compile import (
        compile_project,
        edit_warnings,
        finish_interrupted,
        pending_changes,
        write_project,
    )

    if not (check or dry_run):
        finish_interrupted(settings.root)
    compiled = compile_project(settings.root)
    if not settings.quiet:
        show_diagnostics(settings.root, compiled.project.warnings)
    act = pending_changes if check or dry_run else write_project
    changes = act(compiled, keep_edits=keep_edits)
    folder = compiled.project.config.dbt_project_dir
    if check or dry_run:
        for word, paths in (
            ("create", changes.created),
            ("update", changes.updated),
            ("delete", changes.deleted),
        ):
            for path in paths:
                click.echo(f"{word} {folder}/{path}")
    if not settings.quiet:
        warnings = edit_warnings(compiled, changes, done=not (check or dry_run))
        show_diagnostics(settings.root, warnings)
        done = "would change" if check or dry_run else "wrote"
        say_filled(
            f"{_contents(compiled.project)}; {done} in {folder}/: "
            f"{len(changes.created)} created, {len(changes.updated)} updated, "
            f"{len(changes.deleted)} deleted, {len(changes.unchanged)} unchanged"
        )
    if check and not changes.is_empty:
        say("the dbt project is not what the specs describe; run `mlforge compile`", style="red")
        raise click.exceptions.Exit(1)


def _contents(project: Project) -> str:
    counts = {"feature": len(project.features), "training set": len(project.training_sets)}
    return ", ".join(
        f"{count} {noun}{'s' if count != 1 else ''}"
        for noun, count in counts.items()
        if count or noun == "feature"
    )
