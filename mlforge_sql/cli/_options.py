"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Settings:
    """What the options before the command say.

    Attributes:
        start: Where to look for the project.
        debug: Show tracebacks.
        quiet: Say nothing but errors.
        color: Whether colour is allowed.
    """

    start: Path
    debug: bool
    quiet: bool
    color: bool

    @property
    def root(self) -> Path:
        """Folder of the nearest ``mlforge.yaml``."""
        from mlforge_sql.errors import Diagnostic, SpecErrors
        from mlforge_sql.loading.load import find_project

        try:
            start = self.start.resolve()
        except FileNotFoundError:
            hint = "go into a project, or name one with --project-dir"
            problem = Diagnostic("MF004", "the current folder is gone", hint=hint)
            raise SpecErrors([problem]) from None
        return find_project(start)


COMMAND = "mlforge_sql.command"
"""Where a context's ``meta`` has the name of the command that runs."""


def pass_settings(command: Command) -> Command:
    """Give a command the ``Settings``, and note that it is the one that runs."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        context = click.get_current_context()
        context.meta[COMMAND] = context.info_name
        return context.invoke(command, context.find_object(Settings), *arguments, **options)

    return run  # type: ignore[return-value]  # the same command, with the settings given to it


def split(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """The parts of ``a,b``, from every use of an option."""
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def features_option(command: Command) -> Command:
    """``--features a,b``."""
    return click.option(
        "--features",
        "names",
        multiple=True,
        callback=split,
        metavar="NAME[,NAME]",
        help="Only these features. Can be repeated.",
    )(command)


def training_sets_option(command: Command) -> Command:
    """``--training-sets a,b``."""
    return click.option(
        "--training-sets",
        "training_sets",
        multiple=True,
        callback=split,
        metavar="NAME[,NAME]",
        help="Only these training sets, and their features. Can be repeated.",
    )(command)


def tags_option(command: Command) -> Command:
    """``--tags a,b``."""
    return click.option(
        "--tags",
        multiple=True,
        callback=split,
        metavar="TAG[,TAG]",
        help="Only features with one of these tags. Can be repeated.",
    )(command)


def json_option(command: Command) -> Command:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def profile_option(command: Command) -> Command:
    """``--profile``."""
    return click.option(
        "--profile",
        "profile",
        metavar="NAME",
        help="Profile of mlforge.yaml, a dbt target of the same name.",
    )(command)


def wait_option(command: Command) -> Command:
    """``--wait SECONDS``."""
    return click.option(
        "--wait",
        type=click.FloatRange(min=0),
        default=0.0,
        metavar="SECONDS",
        help="Wait so long for others that have the DuckDB file open.",
    )(command)


def keep_edits_option(command: Command) -> Command:
    """``--keep-edits``."""
    return click.option(
        "--keep-edits",
        is_flag=True,
        help="Stop rather than overwrite a compiled file that somebody has edited.",
    )(command)
