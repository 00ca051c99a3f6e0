"""The spec files of a folder; what has the name of one and is none is told, never passed over."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mlforge_sql.errors import Diagnostic, Location

YAML = (".yml", ".yaml")
PYTHON = (".py",)


def spec_files(root: Path, folder: Path) -> tuple[list[Path], list[Diagnostic]]:
    """The spec files of a folder and those below it, sorted, and what only looks like one.

    Names that begin with ``.`` or ``__`` are not looked at. Links to folders are not followed: they
    may lead in a circle, or to the whole disk.

    Args:
        root: Folder of ``mlforge.yaml``, of which places are told.
        folder: Where the specs are.
    """
    found: list[Path] = []
    problems: list[Diagnostic] = []

    def unread(error: OSError) -> None:
        message = f"cannot read the folder: {error.strerror or error}"
        problems.append(Diagnostic("MF132", message, _place(root, Path(error.filename))))

    for here, folders, files in os.walk(folder, onerror=unread):
        folders[:] = [name for name in folders if _is_ours(name)]
        for name in (*folders, *filter(_is_ours, files)):
            path = Path(here, name)
            if path.suffix in YAML + PYTHON and stat.S_ISREG(_mode(path)):
                found.append(path)
            elif problem := _problem(path):
                problems.append(Diagnostic("MF132", problem[0], _place(root, path), problem[1]))
    return sorted(found), problems


def _is_ours(name: str) -> bool:
    return not name.startswith((".", "__"))


def _problem(path: Path) -> tuple[str, str] | None:
    """Why a path is no spec file although it may be meant as one, and what to do."""
    link, mode = path.is_symlink(), _mode(path)
    if stat.S_ISDIR(mode):
        if path.suffix in YAML + PYTHON:
            return "this is a folder with the name of a spec file", "rename the folder"
        if link and any(_yaml_files(path)):
            hint = "make it a folder, or link its files one by one"
            return "this is a link to a folder, whose spec files are not read", hint
        return None
    if path.suffix not in YAML + PYTHON:
        return None
    if mode:
        return "this is a pipe or a device, not a file", "put a file in its place"
    return "this is a link that leads to no file", "mend the link, or remove it"


def _mode(path: Path) -> int:
    """What a path is, links followed; 0 where they lead to nothing that can be reached."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _yaml_files(folder: Path) -> Iterator[str]:
    for _, _, files in os.walk(folder):
        yield from (name for name in files if name.endswith(YAML))


def _place(root: Path, path: Path) -> Location:
    return Location(path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path))
