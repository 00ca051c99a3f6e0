"""``mlforge explain``."""

from __future__ import annotations

import click

from mlforge_sql.cli._options import json_option
from mlforge_sql.cli._render import print_json, print_table


@click.command("explain")
@click.argument("code", required=False)
@json_option
def explain(code: str | None, as_json: bool) -> None:
    """Say what the diagnostic CODE means, with an example; without one, list all.

    \b
    mlforge explain MF022
    """  # noqa: D301 - click's mark for a paragraph that is not filled
    from mlforge_sql.errors import suggest
    from mlforge_sql.explaining.problems import as_text, problems

    known = problems()
    if code is None:
        if as_json:
            rows = [{"code": item.code, "title": item.title} for item in known.values()]
            print_json({"version": 1, "problems": rows})
        else:
            print_table(("code", "title"), [(item.code, item.title) for item in known.values()])
        return
    wanted = code.strip("[]").upper()
    if wanted.isdigit():
        wanted = f"MF{int(wanted):03}"
    if wanted not in known:
        message = f"unknown code `{code}`; {suggest(wanted, list(known))}"
        raise click.UsageError(message)
    problem = known[wanted]
    if as_json:
        parts = {
            "code": problem.code,
            "title": problem.title,
            "meaning": " ".join(problem.sentences),
            "file": problem.file if problem.bad else None,
            "wrong": problem.bad or None,
            "right": problem.good or None,
        }
        print_json({"version": 1, "problem": parts})
    else:
        click.echo(as_text(problem))
