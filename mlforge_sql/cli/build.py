"""``mlforge build``."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import click

from mlforge_sql.cli._options import (
    Settings,
    features_option,
    keep_edits_option,
    pass_settings,
    profile_option,
    tags_option,
    training_sets_option,
    wait_option,
)
from mlforge_sql.cli._problems import show_problem
from mlforge_sql.cli._render import say, show_diagnostics, width
from mlforge_sql.cli._writing import write_compiled

if TYPE_CHECKING:
    from mlforge_sql.dbt.run import DbtRun, Progress


@click.command("build")
@features_option
@tags_option
@training_sets_option
@profile_option
@click.option("--full-refresh", is_flag=True, help="Build every table from scratch.")
@keep_edits_option
@wait_option
@click.argument("dbt_arguments", nargs=-1, type=click.UNPROCESSED)
@pass_settings
def build(  # noqa: PLR0913, PLR0917 - click gives an argument to each option
    settings: Settings,
    names: tuple[str, ...],
    tags: tuple[str, ...],
    training_sets: tuple[str, ...],
    profile: str | None,
    full_refresh: bool,
    keep_edits: bool,
    wait: float,
    dbt_arguments: tuple[str, ...],
) -> None:
    """Compile, then build and test features and training sets with dbt.

    Without --features, --tags and --training-sets everything is built; with
    --features or --tags no training set is. What stands after `--` goes to `dbt build`, such as: mlforge build -- --vars '{as_of: 2024-06-01}'
    """
    from mlforge_sql.workflows.build import build_features, store_to_ourselves, unbuildable
    from mlforge_sql.workflows.compile import compile_project, finish_interrupted

    finish_interrupted(settings.root)
    compiled = compile_project(settings.root)
    if not settings.quiet:
        show_diagnostics(settings.root, compiled.project.warnings)
    run = build_features(
        compiled,
        names=names,
        tags=tags,
        training_sets=training_sets,
        profile=profile,
        arguments=[*(["--full-refresh"] if full_refresh else []), *dbt_arguments],
    )
    absent = unbuildable(compiled, profile)
    if absent and not (names or tags or training_sets or settings.quiet):
        say(
            f"left out: {', '.join(absent)}, for versions of tables, which this profile does not keep"
        )
    quiet = settings.quiet
    with store_to_ourselves(compiled, profile, wait, lambda text: None if quiet else say(text)):
        write_compiled(settings, compiled, keep_edits=keep_edits)
        for step in run:
            _show_step(settings, step)
    _show_end(settings, run)
    if not run.ok:
        raise click.exceptions.Exit(1)


def _show_step(settings: Settings, step: Progress) -> None:
    if settings.quiet:
        return
    text = f"{step.index:>{len(str(step.total))}}/{step.total} {step.status:<7} {step.name}"
    timed = f"{text[: width() - 8]:<{width() - 8}}{step.seconds:6.1f}s"
    if not sys.stderr.isatty():
        say(timed)
    elif step.status in {"success", "pass"}:
        click.echo(f"\r\x1b[2K{timed}", nl=False, err=True)
    else:
        say(f"\r\x1b[2K{timed}", style="yellow")


def _show_end(settings: Settings, run: DbtRun) -> None:
    from mlforge_sql.dbt.problems import problems, said

    if sys.stderr.isatty() and not settings.quiet:
        click.echo("\r\x1b[2K", nl=False, err=True)
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
