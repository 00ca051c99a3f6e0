"""``mlforge doctor``."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import TYPE_CHECKING

import click

from mlforge_sql.cli._options import Settings, json_option, pass_settings, profile_option
from mlforge_sql.cli._render import print_json, say, width

if TYPE_CHECKING:
    from mlforge_sql.doctor.findings import Result

_COLORS = {"ok": "green", "warn": "yellow", "fail": "red", "skipped": None}
_STATUS_WIDTH, _NAME_WIDTH = 7, 10


@click.command("doctor")
@profile_option
@click.option(
    "--deep",
    is_flag=True,
    help="On Databricks, also try each form of statement that builds send.",
)
@click.option(
    "--write",
    is_flag=True,
    help="With --deep, also those that need a table: in a schema of their own, dropped again.",
)
@json_option
@pass_settings
def doctor(settings: Settings, profile: str | None, deep: bool, write: bool, as_json: bool) -> None:
    """Check whether a profile can be built from here.

    Versions, environment, project, and for Databricks the host, the login, the
    rights and the sources. Says the next step for whatever fails, and exits
    with 1 if something does. What it makes to try a right, it removes.

    With --deep on Databricks it also tries what only a workspace can accept or
    refuse, one form of statement after the other. What it prints has no
    secrets: paste it into an issue when something is refused.
    """
    from mlforge_sql.doctor.examine import examine
    from mlforge_sql.loading.load import load_config
    from mlforge_sql.project.selection import find_profile

    name = find_profile(load_config(settings.root).spec, profile)
    if write and not deep:
        raise click.UsageError("--write is for --deep: without it nothing more is tried")
    results: list[Result] = []
    for result in examine(settings.root, profile, deep=deep, write=write):
        results.append(result)
        if not as_json:
            show_result(result)
    failed = [item for item in results if item.status == "fail"]
    if as_json:
        checks = [dataclasses.asdict(item) for item in results]
        print_json({"version": 1, "profile": name, "ok": not failed, "checks": checks})
    elif not settings.quiet:
        warned = sum(item.status == "warn" for item in results)
        skipped = sum(item.status == "skipped" for item in results)
        counts = f"{len(failed)} failed, {warned} warned, {skipped} not checked"
        say(f"profile {name}: {counts}" if failed or warned else f"profile {name}: all is well")
    if failed:
        raise click.exceptions.Exit(1)


def show_result(result: Result) -> None:
    """A result in a line, wrapped under its detail; the next step below."""
    word = f"{result.status:<{_STATUS_WIDTH}}"
    head = f"{word}  {result.name:<{_NAME_WIDTH}}  "
    indent = " " * len(head)
    lines = _wrapped(result.detail, indent)
    lines[0] = click.style(word, fg=_COLORS[result.status]) + head[len(word) :] + lines[0].strip()
    if result.next_step and result.status != "ok":
        lines += _wrapped(f"next: {result.next_step}", indent)
    for line in lines:
        click.echo(line)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        width(),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent]
