"""What stands in the way of a write, and what it overwrites, as users are told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from mlforge_sql.dbt.journal import JOURNAL, BrokenJournal
from mlforge_sql.dbt.places import WORK
from mlforge_sql.dbt.write import Edited, InTheWay, Linked, NotOurFolder, NotWritten
from mlforge_sql.errors import Diagnostic, Location, Severity
from mlforge_sql.loading.load import PROJECT_FILE

_REFUSALS: Mapping[type[NotWritten], tuple[str, str, str]] = {
    InTheWay: (
        "MF050",
        "this file is not ours, and a compiled file belongs here",
        "move it away, or rename the feature or source",
    ),
    Linked: (
        "MF142",
        "this is a link, and compiled files are not written through links",
        "remove it, or name another folder as `dbt_project_dir`",
    ),
    Edited: (
        "MF141",
        "this compiled file was edited, and the compile would overwrite that",
        "move it into the specs or a model of your own; without --keep-edits it is kept beside the file",
    ),
}
_SHOWN = 3


def not_written(folder: PurePosixPath, error: NotWritten) -> list[Diagnostic]:
    """Why a folder stays as it is: one problem for each file."""
    if isinstance(error, NotOurFolder):
        return [_not_ours(folder, error)]
    code, message, hint = _REFUSALS[type(error)]
    return [
        Diagnostic(
            code, message, Location(str(folder / path)), _OWN_PROJECT if is_own(path) else hint
        )
        for path in error.paths
    ]


def is_own(path: PurePosixPath) -> bool:
    """Whether a file that is in the way says that the folder is a dbt project of the user's."""
    return path == PurePosixPath("dbt_project.yml")


_OWN_PROJECT = "the folder is a dbt project of yours, which stays as it is: name another one as `dbt_project_dir`"


def _not_ours(folder: PurePosixPath, error: NotOurFolder) -> Diagnostic:
    listed = ", ".join(f"`{path}`" for path in error.paths[:_SHOWN])
    more = f" and {len(error.paths) - _SHOWN} more" if len(error.paths) > _SHOWN else ""
    message = f"folder `{folder}` has files that are not ours: {listed}{more}"
    own = any(map(is_own, error.paths))
    hint = _OWN_PROJECT if own else "name an empty or new folder as `dbt_project_dir`"
    return Diagnostic("MF143", message, Location(PROJECT_FILE), hint)


def broken_journal(folder: PurePosixPath, error: BrokenJournal) -> Diagnostic:
    """What to do about a journal that no compile of ours can have left."""
    message = f"an interrupted compile left a journal that cannot be followed: {error}"
    hint = (
        "it is set aside and nothing else has changed; compile again, which writes what is missing"
    )
    return Diagnostic("MF140", message, Location(str(folder / WORK / JOURNAL)), hint)


def kept_edits(
    folder: PurePosixPath, kept: Mapping[PurePosixPath, PurePosixPath], *, done: bool = True
) -> Iterator[Diagnostic]:
    """A warning for each compiled file that somebody had edited.

    Args:
        folder: The dbt project's folder in the project.
        kept: Such files, with the names under which the edits are kept.
        done: Whether they are overwritten already.
    """
    for path, name in kept.items():
        message = "this compiled file was edited; " + (
            "the edit is overwritten" if done else "a compile overwrites the edit"
        )
        hint = f"{'kept' if done else 'and keeps it'} as `{folder / name}`"
        place = Location(str(folder / path))
        yield Diagnostic("MF141", message, place, hint, Severity.WARNING)
