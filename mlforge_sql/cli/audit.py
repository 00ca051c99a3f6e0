"""``mlforge audit``."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import click

from mlforge_sql.cli._options import (
    Settings,
    json_option,
    pass_settings,
    profile_option,
    wait_option,
)
from mlforge_sql.cli._problems import show_problem
from mlforge_sql.cli._render import print_json, print_table, say
from mlforge_sql.cli._writing import write_compiled

if TYPE_CHECKING:
    from mlforge_sql.auditing import Unaudited, Verdict


@click.command("audit")
@click.argument("training_sets", nargs=-1, metavar="[TRAINING_SET]...")
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    metavar="N",
    help="Label rows to recompute for each feature. Default: the training set's audit_rows.",
)
@click.option("--seed", type=int, default=0, help="Another number samples other rows.")
@profile_option
@json_option
@wait_option
@pass_settings
def audit(  # noqa: PLR0913, PLR0917 - click gives an argument to each option
    settings: Settings,
    training_sets: tuple[str, ...],
    rows: int | None,
    seed: int,
    profile: str | None,
    as_json: bool,
    wait: float,
) -> None:
    """Prove training sets: recompute rows from the events, by brute force.

    For a sample of the labels, every feature is computed again from the source:
    a plain filter on the events by the rule of time, none of the tables in
    between. Any value that differs, above all one that knows the future, is
    shown and kept in a table. Exits with 1 if there is one.

    What is audited is the table of the training set, as it was last built.
    """
    from mlforge_sql.auditing import audit_run, audited, unaudited, verdicts
    from mlforge_sql.building import store_to_ourselves
    from mlforge_sql.compiler import compile_project, finish_interrupted
    from mlforge_sql.dbt.problems import Problem, problems

    finish_interrupted(settings.root)
    compiled = compile_project(settings.root)
    run = audit_run(compiled, names=training_sets, profile=profile, rows=rows, seed=seed)
    left_out = unaudited(compiled, names=training_sets, profile=profile)
    if not audited(compiled, names=training_sets, profile=profile):
        if as_json:
            _print_json((), left_out)
        elif not settings.quiet:
            say(_nothing(left_out))
        return
    quiet = settings.quiet
    with store_to_ourselves(compiled, profile, wait, lambda text: None if quiet else say(text)):
        write_compiled(settings, compiled)
        for _ in run:
            pass
    found = verdicts(compiled, run, profile=profile, rows=rows)
    if not found:
        for problem in problems(run) or (Problem((), "dbt ran no audit"),):
            show_problem(problem)
        raise click.exceptions.Exit(1)
    if as_json:
        _print_json(found, left_out)
    else:
        _show(found, quiet=settings.quiet)
    if left_out and not settings.quiet:
        say("\n".join(["", *_told(left_out)]))
    if not all(item.equal for item in found):
        raise click.exceptions.Exit(1)


def _print_json(found: tuple[Verdict, ...], left_out: tuple[Unaudited, ...]) -> None:
    left = [dataclasses.asdict(item) for item in left_out]
    print_json({"version": 1, "audits": [_plain(item) for item in found], "not_audited": left})


def _nothing(left_out: tuple[Unaudited, ...]) -> str:
    if left_out:
        return "\n".join([*_told(left_out), "there is nothing else to audit"])
    return "the project has no training sets, so there is nothing to audit"


def _told(left_out: tuple[Unaudited, ...]) -> list[str]:
    return [f"not audited: {item.training_set}, {item.feature}: {item.reason}" for item in left_out]


def _plain(item: Verdict) -> dict[str, object]:
    values = dataclasses.asdict(item)
    names, examples = values.pop("names"), values.pop("examples")
    shown = [dict(zip(names, map(_text, row), strict=True)) for row in examples]
    return {**values, "equal": item.equal, "examples": shown}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _show(found: tuple[Verdict, ...], *, quiet: bool) -> None:
    if quiet and all(item.equal for item in found):
        return
    print_table(
        ("training set", "feature", "rows recomputed", "columns", "verdict"),
        [
            (
                item.training_set,
                item.feature,
                f"{item.rows:,} of {item.total:,}",
                str(item.columns),
                _word(item),
            )
            for item in found
        ],
    )
    for item in found:
        if item.problem:
            say(f"\nerror: {item.training_set}, {item.feature}: {item.problem}", style="red")
        elif not item.equal:
            _show_differences(item)
    rows = sum(item.rows for item in found)
    values = sum(item.rows * item.columns for item in found)
    wrong = sum(item.differences or 0 for item in found)
    if all(item.equal for item in found):
        click.secho(
            f"\nPASS: {values:,} values of {rows:,} rows computed again from the events, all equal",
            fg="green",
        )
    elif wrong:
        click.secho(f"\nFAIL: {wrong:,} of {values:,} values are not what the events say", fg="red")
    else:
        click.secho("\nFAIL: not every audit could run", fg="red")


def _word(item: Verdict) -> str:
    if item.differences is None:
        return "did not run"
    if item.equal:
        return "equal"
    return f"{item.differences:,} value{'s' if item.differences != 1 else ''} differ"


def _show_differences(item: Verdict) -> None:
    click.echo()
    click.secho(f"{item.training_set}, {item.feature}:", bold=True)
    print_table(
        item.names,
        [[_cell(value) for value in row] for row in item.examples],
    )
    more = (item.differences or 0) - len(item.examples)
    if more > 0:
        click.echo(f"and {more:,} more in {item.table}")


def _cell(value: object) -> str:
    """A value as it is shown; of a surrogate key its first digits."""
    text = "NULL" if value is None else str(value)
    return f"{text[:8]}..." if re.fullmatch(r"[0-9a-f]{64}", text) else text
