"""The ``mlforge`` command."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

import mlforge_sql
from mlforge_sql.cli._options import COMMAND, Settings
from mlforge_sql.cli._render import say, show_diagnostics
from mlforge_sql.cli._signals import caught, ended_by
from mlforge_sql.cli._streams import fill_closed
from mlforge_sql.cli.audit import audit
from mlforge_sql.cli.build import build
from mlforge_sql.cli.bundle import bundle
from mlforge_sql.cli.columns import columns
from mlforge_sql.cli.compile import compile_
from mlforge_sql.cli.completion import completion
from mlforge_sql.cli.doctor import doctor
from mlforge_sql.cli.explain import explain
from mlforge_sql.cli.init import init
from mlforge_sql.cli.inspect import inspect
from mlforge_sql.cli.list import list_
from mlforge_sql.cli.online import online
from mlforge_sql.cli.profile import profile
from mlforge_sql.cli.schema import schema
from mlforge_sql.cli.training_data import training_data
from mlforge_sql.errors import MlforgeError, OnlineError, SpecErrors, flat
from mlforge_sql.redaction import without_values


class _Group(click.Group):
    """Turns every problem into a message and an exit code, in one place."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command line; signals end it in order."""
        fill_closed()
        with caught():
            return super().main(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; exit 1 for handled problems, 2 for our own mistakes, 128 + n for signals."""
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            number = ended_by() or (signal.SIGINT if isinstance(error, KeyboardInterrupt) else 0)
            if not number and isinstance(error, _OF_CLICK):
                raise
            _reraise_when_debugging(ctx)
            ctx.exit(_tell_end(number) if number else _tell(ctx, error))


_WRITING = {"init", "bundle", "compile", "build", "training-data", "audit"}
"""Commands that have written nothing when there is a problem; others never do."""

_OF_CLICK = (click.ClickException, click.exceptions.Exit, click.Abort)


def _tell(ctx: click.Context, error: BaseException) -> int:
    """Say what went wrong; returns the exit code."""
    match error:
        case SpecErrors():
            writes = ctx.meta.get(COMMAND) in _WRITING and not isinstance(error, OnlineError)
            end = "; nothing was written" if writes else ""
            show_diagnostics(_root(ctx), error.diagnostics, end)
            return 1
        case MlforgeError():
            say(f"error: {error}", style="red")
            return 1
        case BrokenPipeError():
            sys.stderr.close()
            return 0
        case OSError() if error.errno in _OF_THE_MACHINE:
            where = f": {flat(str(error.filename))}" if error.filename else ""
            _drop_unwritten()
            say(f"error: {error.strerror}{where}", style="red")
            return 1
        case _:
            what = f"{type(error).__name__}: {without_values(str(error))}"
            say(f"internal error: {what}", style="red")
            say("This is a bug in mlforge. Run again with --debug for the traceback.")
            return 2


_OF_THE_MACHINE = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.EIO}
"""Errors of a disk that is full, cannot be written, or fails."""


def _drop_unwritten() -> None:
    """Forget what stdout did not take, so that it does not fail once more in the end."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


def _tell_end(number: int) -> int:
    """Say that a signal has ended the command; returns the exit code that shells give."""
    word = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    with contextlib.suppress(OSError):  # the terminal may be gone
        say(f"{word}: nothing of it runs any more", style="red")
    return 128 + number


def _reraise_when_debugging(ctx: click.Context) -> None:
    if isinstance(ctx.obj, Settings) and ctx.obj.debug:
        raise  # noqa: PLE0704 - called from an except block


def _root(ctx: click.Context) -> Path | None:
    if not isinstance(ctx.obj, Settings):
        return None
    try:
        return ctx.obj.root
    except SpecErrors:
        return None


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--project-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="Folder of the project, or one inside it.",
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("--no-color", is_flag=True, help="No colour; NO_COLOR does the same.")
@click.option("--debug", is_flag=True, help="Show a traceback when something goes wrong.")
@click.version_option(mlforge_sql.__version__, prog_name="mlforge")
@click.pass_context
def main(
    context: click.Context, project_dir: Path, quiet: bool, no_color: bool, debug: bool
) -> None:
    """A feature store that compiles to dbt.

    Declare features in YAML or Python; mlforge turns them into a dbt project of
    readable SQL whose tables are exact at every point in time.
    """
    color = not no_color and not os.environ.get("NO_COLOR")
    context.color = None if color else False
    context.obj = Settings(project_dir, debug, quiet, color)


_COMMANDS = (
    *(init, compile_, build, list_, inspect, profile, training_data, audit),
    *(columns, schema, explain, online, doctor, bundle, completion),
)
for _command in _COMMANDS:
    main.add_command(_command)
