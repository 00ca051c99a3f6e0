"""``mlforge build``."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from mlforge_sql.cli._options import (
    Settings,
    features_option,
    keep_edits_option,
    pass_settings,
    profile_option,
    select_options,
    selected,
    tags_option,
    training_sets_option,
    wait_option,
)
from mlforge_sql.cli._problems import show_problem
from mlforge_sql.cli._progress import end_steps, show_step
from mlforge_sql.cli._render import say, show_diagnostics, width
from mlforge_sql.cli._writing import write_compiled

if TYPE_CHECKING:
    from mlforge_sql.dbt.run import DbtRun
    from mlforge_sql.workflows.compile import Compiled


@click.command("build")
@features_option
@tags_option
@training_sets_option
@select_options
@profile_option
@click.option("--full-refresh", is_flag=True, help="Build every table from scratch.")
@click.option("--dry-run", is_flag=True, help="Write and build nothing; say what would be.")
@keep_edits_option
@wait_option
@click.argument("dbt_arguments", nargs=-1, type=click.UNPROCESSED)
@pass_settings
def build(  # noqa: PLR0913, PLR0917 - click gives an argument to each option
    settings: Settings,
    names: tuple[str, ...],
    tags: tuple[str, ...],
    training_sets: tuple[str, ...],
    selections: tuple[str, ...],
    excluded: tuple[str, ...],
    profile: str | None,
    full_refresh: bool,
    dry_run: bool,
    keep_edits: bool,
    wait: float,
    dbt_arguments: tuple[str, ...],
) -> None:
    """Compile, then build and test features and training sets with dbt.

    Without --features, --tags, --training-sets and --select everything is built;
    with --features or --tags no training set is. --select takes dbt's grammar
    over sources, features and training sets: `source:orders+` is all that is
    made from a source. What stands after `--` goes to `dbt build`, such as: mlforge build -- --vars '{as_of: 2024-06-01}'
    """
    from mlforge_sql.workflows.build import build_features, store_to_ourselves, unbuildable
    from mlforge_sql.workflows.compile import compile_project, finish_interrupted

    if not dry_run:
        finish_interrupted(settings.root)
    chosen = selected(settings, selections, excluded)
    if chosen is not None:
        names, training_sets = (*names, *chosen.features), (*training_sets, *chosen.training_sets)
    compiled = compile_project(settings.root)
    if not settings.quiet:
        show_diagnostics(settings.root, compiled.project.warnings)
    run = build_features(
        compiled,
        names=names,
        tags=tags,
        training_sets=training_sets,
        left_out=chosen.left_out if chosen is not None else (),
        profile=profile,
        arguments=[*(["--full-refresh"] if full_refresh else []), *dbt_arguments],
    )
    if dry_run:
        _show_plan(settings, compiled, run, keep_edits=keep_edits)
        return
    absent = unbuildable(compiled, profile)
    if absent and not (names or tags or training_sets or settings.quiet):
        say(
            f"left out: {', '.join(absent)}, for versions of tables, which this profile does not keep"
        )
    quiet = settings.quiet
    with store_to_ourselves(compiled, profile, wait, lambda text: None if quiet else say(text)):
        write_compiled(settings, compiled, keep_edits=keep_edits)
        for step in run:
            show_step(step, quiet=quiet)
    _show_end(settings, run)
    if not run.ok:
        raise click.exceptions.Exit(1)


def _show_plan(settings: Settings, compiled: Compiled, run: DbtRun, *, keep_edits: bool) -> None:
    """Say which files would be written and what dbt would be told."""
    from mlforge_sql.workflows.compile import pending_changes

    changes = pending_changes(compiled, keep_edits=keep_edits)
    folder = compiled.project.config.dbt_project_dir
    for word, paths in (
        ("create", changes.created),
        ("update", changes.updated),
        ("delete", changes.deleted),
    ):
        for path in paths:
            click.echo(f"{word} {folder}/{path}")
    click.echo(f"run dbt {' '.join(run.arguments)}")
    if not settings.quiet:
        say("nothing was written or built")


def _show_end(settings: Settings, run: DbtRun) -> None:
    from mlforge_sql.dbt.problems import problems, said

    end_steps(quiet=settings.quiet)
    for problem in problems(run):
        show_problem(problem)
    warnings, notes = said(run)
    for text in warnings:
        say(f"warning: {text}", style="yellow")
    for text in () if settings.quiet else notes:
        say(text)
    skipped = [
        item.name for item in run.results if item.status == "skipped" and item.kind == "model"
    ]
    if skipped:
        listed = textwrap.fill(
            ", ".join(skipped), width() - 4, initial_indent="  ", subsequent_indent="  "
        )
        say(f"not built, because of what failed before:\n{listed}", style="yellow")
    if not settings.quiet:
        models = [item for item in run.results if item.kind == "model" and item.status == "success"]
        tests = [item.status for item in run.results if item.kind == "test"]
        warned = tests.count("warn")
        say(
            f"{len(models)} models built, {tests.count('pass')} tests passed"
            + (f", {warned} warned" if warned else "")
            + ("" if run.ok else "; the build failed")
        )
