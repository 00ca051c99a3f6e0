"""``mlforge audit``."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime
from typing import TYPE_CHECKING

import click

from mlforge_sql.cli._options import (
    Settings,
    features_option,
    json_option,
    pass_settings,
    profile_option,
    wait_option,
)
from mlforge_sql.cli._problems import show_problem
from mlforge_sql.cli._progress import end_steps, show_step
from mlforge_sql.cli._render import print_json, print_table, say
from mlforge_sql.cli._writing import write_compiled

if TYPE_CHECKING:
    from mlforge_sql.workflows.audit import Outcome, TableVerdict, Unaudited, Verdict, Verdicts


@click.command("audit")
@click.argument("training_sets", nargs=-1, metavar="[TRAINING_SET]...")
@features_option
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    metavar="N",
    help="Rows to recompute for each feature. Default: the training set's audit_rows; 1000 for a feature's table.",
)
@click.option("--seed", type=int, default=0, help="Another number samples other rows.")
@profile_option
@json_option
@wait_option
@pass_settings
def audit(  # noqa: PLR0913, PLR0917 - click gives an argument to each option
    settings: Settings,
    training_sets: tuple[str, ...],
    names: tuple[str, ...],
    rows: int | None,
    seed: int,
    profile: str | None,
    as_json: bool,
    wait: float,
) -> None:
    """Prove training sets and feature tables: recompute them from the events.

    For a sample of the labels, every feature is computed again from the source:
    a plain filter on the events by the rule of time, none of the tables in
    between. The same for the tables of the features, at sampled instants at
    which a value changes and a microsecond before; their entities are compared
    with those of the source. Whatever differs, above all what knows the future,
    is shown and kept in a table. Exits with 1 if anything does.

    A training set is audited with the tables of its features; with --features
    it is their tables alone. All are audited as they were last built.
    """
    from mlforge_sql.dbt.problems import Problem, problems
    from mlforge_sql.workflows.audit import Chosen, audit_run, audited, unaudited, verdicts
    from mlforge_sql.workflows.build import store_to_ourselves
    from mlforge_sql.workflows.compile import compile_project, finish_interrupted

    finish_interrupted(settings.root)
    compiled = compile_project(settings.root)
    chosen = Chosen(training_sets, names)
    run = audit_run(compiled, chosen, profile=profile, rows=rows, seed=seed)
    left_out = unaudited(compiled, chosen, profile=profile)
    if not audited(compiled, chosen, profile=profile) and not chosen.tables(compiled):
        if as_json:
            _print_json(None, left_out)
        elif not settings.quiet:
            say("the project has no features, so there is nothing to audit")
        return
    quiet = settings.quiet
    with store_to_ourselves(compiled, profile, wait, lambda text: None if quiet else say(text)):
        write_compiled(settings, compiled)
        for step in run:
            show_step(step, quiet=quiet or as_json)
    end_steps(quiet=quiet or as_json)
    found = verdicts(compiled, run, profile=profile, rows=rows)
    if not found.all:
        for problem in problems(run) or (Problem((), "dbt ran no audit"),):
            show_problem(problem)
        raise click.exceptions.Exit(1)
    if as_json:
        _print_json(found, left_out)
    else:
        _show(found, quiet=settings.quiet)
    if left_out and not settings.quiet:
        say("\n".join(["", *_told(left_out)]))
    if not found.equal:
        raise click.exceptions.Exit(1)


def _print_json(found: Verdicts | None, left_out: tuple[Unaudited, ...]) -> None:
    print_json(
        {
            "version": 1,
            "audits": [_plain(item) for item in found.training_sets] if found else [],
            "tables": [_plain(item) for item in found.tables] if found else [],
            "not_audited": [dataclasses.asdict(item) for item in left_out],
        }
    )


def _told(left_out: tuple[Unaudited, ...]) -> list[str]:
    return [f"not audited: {item.training_set}, {item.feature}: {item.reason}" for item in left_out]


def _plain(item: Outcome) -> dict[str, object]:
    values = dataclasses.asdict(item)
    names, examples = values.pop("names"), values.pop("examples")
    shown = [dict(zip(names, map(_text, row), strict=True)) for row in examples]
    return {**values, "equal": item.equal, "examples": shown}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _show(found: Verdicts, *, quiet: bool) -> None:
    if found.training_sets and not (quiet and all(item.equal for item in found.training_sets)):
        _show_training_sets(found.training_sets)
    if found.tables and not (quiet and all(item.equal for item in found.tables)):
        if found.training_sets:
            click.echo()
        _show_tables(found.tables)


def _show_training_sets(found: tuple[Verdict, ...]) -> None:
    print_table(
        ("training set", "feature", "rows recomputed", "columns", "verdict"),
        [
            (
                item.training_set,
                item.feature,
                f"{item.rows:,} of {item.total:,}",
                str(item.columns),
                _word(item, "value"),
            )
            for item in found
        ],
    )
    for item in found:
        _show_outcome(f"{item.training_set}, {item.feature}", item)
    rows = sum(item.rows for item in found)
    values = sum(item.rows * item.columns for item in found)
    wrong = sum(item.differences or 0 for item in found)
    if all(item.equal for item in found):
        text = f"{values:,} values of {rows:,} rows computed again from the events, all equal"
        click.secho(f"\nPASS: {text}", fg="green")
    elif wrong:
        click.secho(f"\nFAIL: {wrong:,} of {values:,} values are not what the events say", fg="red")
    else:
        click.secho("\nFAIL: not every audit could run", fg="red")


def _show_tables(found: tuple[TableVerdict, ...]) -> None:
    print_table(
        ("feature table", "rows", "instants recomputed", "columns", "verdict"),
        [
            (
                item.feature,
                f"{item.total:,}",
                f"up to {item.instants:,}",
                str(item.columns),
                _word(item, "thing"),
            )
            for item in found
        ],
    )
    for item in found:
        _show_outcome(item.feature, item)
    wrong = sum(item.differences or 0 for item in found)
    if all(item.equal for item in found):
        count = f"{len(found)} feature table{'s' if len(found) != 1 else ''}"
        text = f"entities, instants and values of {count} are what the events say"
        click.secho(f"\nPASS: {text}", fg="green")
    elif wrong:
        text = f"{wrong:,} thing{'s' if wrong != 1 else ''} in feature tables are not what the events say"
        click.secho(f"\nFAIL: {text}", fg="red")
    else:
        click.secho("\nFAIL: not every audit could run", fg="red")


def _show_outcome(name: str, item: Outcome) -> None:
    if item.problem:
        say(f"\nerror: {name}: {item.problem}", style="red")
    elif not item.equal:
        _show_differences(name, item)


def _word(item: Outcome, what: str) -> str:
    if item.differences is None:
        return "did not run"
    if item.equal:
        return "equal"
    return f"{item.differences:,} {what}{'s' if item.differences != 1 else ''} differ"


def _show_differences(name: str, item: Outcome) -> None:
    click.echo()
    click.secho(f"{name}:", bold=True)
    times = {
        index
        for row in item.examples
        for index, value in enumerate(row)
        if isinstance(value, datetime)
    }
    print_table(
        [f"{name} (UTC)" if index in times else name for index, name in enumerate(item.names)],
        [[_cell(value) for value in row] for row in item.examples],
    )
    more = (item.differences or 0) - len(item.examples)
    if more > 0:
        click.echo(f"and {more:,} more in {item.table}")


def _cell(value: object) -> str:
    """A value as it is shown; of a surrogate key its first digits."""
    text = "NULL" if value is None else str(value)
    return f"{text[:8]}..." if re.fullmatch(r"[0-9a-f]{64}", text) else text
