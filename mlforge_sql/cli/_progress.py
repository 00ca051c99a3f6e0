"""Progress of long work: one line that changes on a terminal, a line for each step elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from mlforge_sql.cli._render import say, width

if TYPE_CHECKING:
    from mlforge_sql.dbt.run import Progress

_BAR = 20
_CLEAR = "\r\x1b[2K"


def show_step(step: Progress, *, quiet: bool) -> None:
    """Show a step of dbt that has ended; what went wrong stays on the screen."""
    if quiet:
        return
    count = f"{step.index:>{len(str(step.total))}}/{step.total}"
    if not sys.stderr.isatty():
        say(_timed(f"{count} {step.status:<7} {step.name}", step.seconds, width()))
        return
    done = _BAR * step.index // max(1, step.total)
    bar = f"{'━' * done}{' ' * (_BAR - done)} "
    text = _timed(f"{bar}{count} {step.status:<7} {step.name}", step.seconds, width())
    if step.status in {"success", "pass"}:
        click.echo(f"{_CLEAR}{text}", nl=False, err=True)
    else:
        say(f"{_CLEAR}{text}", style="yellow")


def end_steps(*, quiet: bool) -> None:
    """Take the line that changes from the terminal."""
    if sys.stderr.isatty() and not quiet:
        click.echo(_CLEAR, nl=False, err=True)


@contextmanager
def step(text: str, *, quiet: bool) -> Iterator[None]:
    """Show on a terminal that a step of unknown length runs; elsewhere what it did is said once it has."""
    shown = sys.stderr.isatty() and not quiet
    if shown:
        click.echo(f"{_CLEAR}{text[: width() - 4]} ...", nl=False, err=True)
    try:
        yield
    finally:
        if shown:
            click.echo(_CLEAR, nl=False, err=True)


def _timed(text: str, seconds: float, room: int) -> str:
    return f"{text[: room - 8]:<{room - 8}}{seconds:6.1f}s"
