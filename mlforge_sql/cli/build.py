"""``mlforge build``."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import click

from mlforge_sql.cli._options import (
    Settings,
    features_option,
    pass_settings,
    profile_option,
    tags_option,
    training_sets_option,
)
from mlforge_sql.cli._render import say, show_diagnostics, width

if TYPE_CHECKING:
    from mlforge_sql.dbt.artifacts import NodeResult
    from mlforge_sql.dbt.run import DbtRun, Progress


@click.command("build")
@features_option
@tags_option
@training_sets_option
@profile_option
@click.option("--full-refresh", is_flag=True, help="Build every table from scratch.")
@click.argument("dbt_arguments", nargs=-1, type=click.UNPROCESSED)
@pass_settings
def build(  # noqa: PLR0913, PLR0917 - click gives an argument to each option
    settings: Settings,
    names: tuple[str, ...],
    tags: tuple[str, ...],
    training_sets: tuple[str, ...],
    profile: str | None,
    full_refresh: bool,
    dbt_arguments: tuple[str, ...],
) -> None:
    """Compile, then build and test features and training sets with dbt.

    Without --features, --tags and --training-sets everything is built; with
    --features or --tags no training set is. What stands after `--` goes to `dbt build`, such as: mlforge build -- --vars '{as_of: 2024-06-01}'
    """
    from mlforge_sql.building import build_features
    from mlforge_sql.compiler import compile_project, finish_interrupted, write_project

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
    write_project(compiled)
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
    if sys.stderr.isatty() and not settings.quiet:
        click.echo("\r\x1b[2K", nl=False, err=True)
    for item in run.results:
        if item.failed or item.status == "warn":
            _show_problem(item)
    if not run.results:
        for text in run.errors:
            say(f"error: {text}", style="red")
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
        tests = [
            item for item in run.results if item.kind == "test" and item.status in {"pass", "warn"}
        ]
        say(
            f"{len(models)} models built, {len(tests)} tests passed"
            + ("" if run.ok else "; the build failed")
        )


def _show_problem(item: NodeResult) -> None:
    color = "red" if item.failed else "yellow"
    if item.meta.get("kind") == "audit" and item.failures:
        what = f"{item.meta['feature']} in {item.meta['training_set']}"
        say(
            f"error: audit of {what}: {item.failures:,} values differ; see `mlforge audit`",
            style=color,
        )
        return
    word = "error" if item.failed else "warning"
    if item.kind == "test" and item.failures is not None and item.status in {"fail", "warn"}:
        rows = f"{item.failures:,} row{'s' if item.failures != 1 else ''}"
        say(f"{word}: {item.on}: {item.about or item.name}: {rows}", style=color)
        return
    say(f"{word}: {item.kind} `{item.name}`", style=color)
    for line in (item.message or "no message").strip().splitlines():
        say(f"  {line.strip()}" if line.strip() else "")
