"""Files to disk: the old project or the new one, nothing between.

New texts are first written beside the project, in ``.mlforge/next``; then one rename of the journal
decides that the new project holds. From there every step is a rename that can be repeated: whoever
comes next finishes what was interrupted. While files move, ``dbt_project.yml`` is out of place, so
dbt refuses a half-written project instead of running it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlforge_sql.dbt.files import FileSet
from mlforge_sql.dbt.headers import is_ours

WORK = ".mlforge"
JOURNAL = "journal.json"
PROJECT = PurePosixPath("dbt_project.yml")
OURS = ("models", "macros", "tests", "setup")
"""Folders in which files of ours can be."""


class InTheWay(FileExistsError):  # noqa: N818 - an answer, not a failure
    """Files that are not ours are where files of ours belong."""

    def __init__(self, paths: tuple[PurePosixPath, ...]) -> None:
        super().__init__(", ".join(map(str, paths)))
        self.paths = paths


@dataclass(frozen=True, slots=True)
class Changes:
    """What writing a set of files would do.

    Attributes:
        created: Files that do not exist yet.
        updated: Files of ours with another text.
        deleted: Files of ours that the project no longer has.
        unchanged: Files that are right already.
        in_the_way: Files that are not ours, where a file of ours belongs.
    """

    created: tuple[PurePosixPath, ...]
    updated: tuple[PurePosixPath, ...]
    deleted: tuple[PurePosixPath, ...]
    unchanged: tuple[PurePosixPath, ...]
    in_the_way: tuple[PurePosixPath, ...]

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to do."""
        return not (self.created or self.updated or self.deleted)


def compare(folder: Path, files: FileSet) -> Changes:
    """What is different between a folder and a set of files. Reads only."""
    created: list[PurePosixPath] = []
    updated: list[PurePosixPath] = []
    unchanged: list[PurePosixPath] = []
    blocked: list[PurePosixPath] = []
    for path, text in files.items():
        target = folder / path
        foreign = _foreign_parent(folder, path)
        if foreign is not None:
            blocked.append(foreign)
            continue
        present = _read(target)
        if present is None and not target.exists():
            created.append(path)
        elif present == text:
            unchanged.append(path)
        elif present is not None and is_ours(_first_line(present)):
            updated.append(path)
        else:
            blocked.append(path)
    wanted = {str(path).casefold() for path in files}
    deleted = [path for path in _ours(folder) if str(path).casefold() not in wanted]
    in_the_way = tuple(dict.fromkeys(blocked))
    return Changes(tuple(created), tuple(updated), tuple(deleted), tuple(unchanged), in_the_way)


def _foreign_parent(folder: Path, path: PurePosixPath) -> PurePosixPath | None:
    """A file where a folder belongs, the dbt project's own folder included."""
    for parent in reversed(path.parents):
        place = folder / parent
        if place.exists() and not place.is_dir():
            return parent
    return None


def write(folder: Path, files: FileSet, step: Callable[[str], None] = lambda _: None) -> Changes:
    """Make a folder hold a set of files: all of them, or, when interrupted, none.

    Args:
        folder: The dbt project's folder; created when missing.
        files: Text by path.
        step: Called before every change on disk, with what it is; tests interrupt there.

    Returns:
        What was changed.

    Raises:
        InTheWay: A file that is not ours is in the way; nothing was changed.
    """
    if folder.exists() and not folder.is_dir():
        raise InTheWay((PurePosixPath(),))
    changes = compare(folder, files)
    if changes.in_the_way:
        raise InTheWay(changes.in_the_way)
    if changes.is_empty and not (folder / WORK / JOURNAL).exists():
        return changes
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        recover(folder, step)
        changes = compare(folder, files)
        if changes.in_the_way:
            raise InTheWay(changes.in_the_way)
        if not changes.is_empty:
            _stage(folder, files, changes, step)
            try:
                recover(folder, step)
            except KeyboardInterrupt:
                recover(folder)
                raise
        _clean(folder)
    return changes


def finish(folder: Path) -> None:
    """Finish a write that was interrupted before, if there is one."""
    if (folder / WORK / JOURNAL).is_file():
        with _lock(folder):
            recover(folder)


def recover(folder: Path, step: Callable[[str], None] = lambda _: None) -> None:
    """Finish a write that was interrupted, or forget one that was not decided yet."""
    work = folder / WORK
    journal = work / JOURNAL
    if not journal.is_file():
        return
    plan = json.loads(journal.read_text(encoding="utf-8"))
    next_folder = work / "next"
    project, kept = folder / PROJECT, next_folder / PROJECT
    if project.is_file():
        step("set dbt_project.yml aside")
        if kept.is_file() and not plan["moving"]:
            project.unlink()
        elif not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            project.replace(kept)
    for name in plan["write"]:
        staged = next_folder / name
        if name != str(PROJECT) and staged.is_file():
            step(f"write {name}")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            staged.replace(folder / name)
    for name in plan["delete"]:
        step(f"delete {name}")
        (folder / name).unlink(missing_ok=True)
        _remove_empty((folder / name).parent, folder)
    if kept.is_file():
        step("put dbt_project.yml in place")
        kept.replace(project)
    step("forget the journal")
    journal.unlink()


def _stage(folder: Path, files: FileSet, changes: Changes, step: Callable[[str], None]) -> None:
    work = folder / WORK
    next_folder = work / "next"
    step("make room for the new files")
    shutil.rmtree(next_folder, ignore_errors=True)
    next_folder.mkdir(parents=True)
    written = [*changes.created, *changes.updated]
    for path in written:
        step(f"stage {path}")
        target = next_folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(files[path])
    plan = {
        "write": [str(path) for path in written],
        "delete": [str(path) for path in changes.deleted],
        "moving": PROJECT not in written,
    }
    draft = work / "journal.draft"
    step("write the journal")
    with draft.open("w", encoding="utf-8") as stream:
        json.dump(plan, stream)
        stream.flush()
        os.fsync(stream.fileno())
    step("decide")
    draft.replace(work / JOURNAL)


def _clean(folder: Path) -> None:
    work = folder / WORK
    shutil.rmtree(work / "next", ignore_errors=True)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """One compile at a time; a killed one leaves no lock behind."""
    work = folder / WORK
    work.mkdir(exist_ok=True)
    with (work / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _ours(folder: Path) -> list[PurePosixPath]:
    candidates = [file for name in OURS for file in (folder / name).rglob("*") if file.is_file()]
    candidates += [file for file in folder.glob("*") if file.is_file()] if folder.is_dir() else []
    return sorted(
        PurePosixPath(file.relative_to(folder).as_posix())
        for file in candidates
        if file.suffix in {".sql", ".yml", ""} and _starts_ours(file)
    )


def _starts_ours(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8") as stream:
            return is_ours(stream.readline())
    except (OSError, UnicodeDecodeError):
        return False


def _read(file: Path) -> str | None:
    try:
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0]


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
