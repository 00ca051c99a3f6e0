"""Where files of ours may be: inside the compiled folder, with no link on the way.

A link would have us write, read or delete elsewhere under a name that looks like ours.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from mlforge_sql.dbt.headers import is_ours

WORK = ".mlforge"
"""The writer's own folder in the dbt project."""

PROJECT = PurePosixPath("dbt_project.yml")
OURS = ("models", "macros", "tests", "setup")
"""Folders in which files of ours can be; others are beside ``dbt_project.yml``."""

_OF_DBT = frozenset({"analyses", "macros", "models", "seeds", "snapshots", "tests"})
"""Folders of a dbt project, in which users have files of their own beside ours."""

_LEFT_BY_OTHERS = frozenset(
    {"target", "logs", "dbt_packages", "package-lock.yml", ".user.yml"}  # dbt
    | {".git", ".gitkeep", ".DS_Store", WORK}
)
"""What may be in a folder that has no project of ours yet."""


def is_inside(name: object) -> bool:
    """True for a name that a file of ours can have.

    Examples:
        >>> is_inside("models/features/a.sql"), is_inside("dbt_project.yml")
        (True, True)
        >>> is_inside("../a.sql"), is_inside("/a.sql"), is_inside(".mlforge/lock"), is_inside("x/a")
        (False, False, False, False)
    """
    if not isinstance(name, str) or not name or "\0" in name or "\\" in name:
        return False
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or str(path) != name:
        return False
    return (len(path.parts) == 1 and name != WORK) or path.parts[0] in OURS


def link_on_the_way(folder: Path, path: PurePosixPath) -> PurePosixPath | None:
    """The first link between a folder and a file in it, the file itself included."""
    for step in (*list(reversed(path.parents))[1:], path):
        if (folder / step).is_symlink():
            return step
    return None


def is_there(place: Path) -> bool:
    """True where there is something, be it a link that leads nowhere."""
    return place.exists() or place.is_symlink()


def foreign_parent(folder: Path, path: PurePosixPath) -> PurePosixPath | None:
    """A file where a folder belongs, the dbt project's own folder included."""
    for parent in reversed(path.parents):
        place = folder / parent
        if place.exists() and not place.is_dir():
            return parent
    return None


def others(folder: Path) -> tuple[PurePosixPath, ...]:
    """What somebody else keeps in a folder.

    Models, seeds and macros are not that: a source's `model:` may be there before the first compile.
    """
    if not folder.is_dir():
        return ()
    names = sorted(item.name for item in folder.iterdir())
    known = _LEFT_BY_OTHERS | _OF_DBT
    return tuple(PurePosixPath(name) for name in names if name not in known)


def is_our_file(folder: Path, path: PurePosixPath) -> bool:
    """True for a file of ours under its own name."""
    try:
        with (folder / path).open(encoding="utf-8") as stream:
            return is_ours(stream.readline(), path)
    except (OSError, UnicodeDecodeError):
        return False
