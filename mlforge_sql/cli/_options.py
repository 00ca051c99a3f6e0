"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mlforge_sql.project.selectors import Selected

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


def completing(section: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Names that a shell proposes for an argument.

    Args:
        section: ``features``, ``sources``, ``entities``, ``training_sets`` or ``profiles``.
    """

    def names(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
        from mlforge_sql.errors import MlforgeError
        from mlforge_sql.loading.load import find_project, load, load_config

        start = Path(context.find_root().params.get("project_dir") or ".")
        before, comma, last = begun.rpartition(",")
        try:
            root = find_project(start.resolve())
            if section == "profiles":
                known = list(load_config(root).spec.profiles)
            elif section == "tags":
                known = sorted({tag for item in load(root).features for tag in item.spec.tags})
            else:
                known = [item.spec.name for item in getattr(load(root), section)]
        except (MlforgeError, OSError):  # a shell has no place for a message
            return []
        return [f"{before}{comma}{name}" for name in known if name.startswith(last)]

    return names


def features_option(command: Command) -> Command:
    """``--features a,b``."""
    return click.option(
        "--features",
        "names",
        multiple=True,
        callback=split,
        metavar="NAME[,NAME]",
        shell_complete=completing("features"),
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
        shell_complete=completing("training_sets"),
        help="Only these training sets, and their features. Can be repeated.",
    )(command)


def tags_option(command: Command) -> Command:
    """``--tags a,b``."""
    return click.option(
        "--tags",
        multiple=True,
        callback=split,
        metavar="TAG[,TAG]",
        shell_complete=completing("tags"),
        help="Only features with one of these tags. Can be repeated.",
    )(command)


def select_options(command: Command) -> Command:
    """``--select`` and ``--exclude``, in dbt's grammar."""
    exclude = click.option(
        "--exclude",
        "excluded",
        multiple=True,
        metavar="SELECTION",
        help="Leave these out of --select. Can be repeated.",
    )
    chosen = click.option(
        "-s",
        "--select",
        "selections",
        multiple=True,
        metavar="SELECTION",
        shell_complete=completing("features"),
        help="As dbt selects: a name, `tag:core`, `source:orders+`, `+a,tag:b`. Can be repeated.",
    )
    return chosen(exclude(command))


def selected(
    settings: Settings, selections: tuple[str, ...], excluded: tuple[str, ...]
) -> Selected | None:
    """What ``--select`` and ``--exclude`` name; None without them.

    Raises:
        SpecErrors: Nothing is named.
    """
    if not selections and not excluded:
        return None
    from mlforge_sql.loading.load import load
    from mlforge_sql.project.selectors import select

    return select(load(settings.root), selections or ("*",), excluded)


def json_option(command: Command) -> Command:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def profile_option(command: Command) -> Command:
    """``--profile``."""
    return click.option(
        "--profile",
        "profile",
        metavar="NAME",
        shell_complete=completing("profiles"),
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
