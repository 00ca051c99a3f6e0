"""Files to disk: the old project or the new one, nothing between.

New texts are first written beside the project, in ``.mlforge/next``; then one rename of the journal
decides that the new project holds. From there every step is a rename that can be repeated: whoever
comes next finishes what was interrupted. While files move, ``dbt_project.yml`` is out of place, so
dbt refuses a half-written project instead of running it.

Folders are compared while their lock is held: what another process is just moving looks like
nothing of ours.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mlforge_sql.dbt.files import FileSet
from mlforge_sql.dbt.headers import is_edited, is_ours
from mlforge_sql.dbt.journal import (
    BROKEN,
    DRAFT,
    EDIT,
    JOURNAL,
    NEXT,
    Decision,
    Step,
    decide,
    recover,
)
from mlforge_sql.dbt.places import (
    OURS,
    WORK,
    foreign_parent,
    is_our_file,
    is_there,
    link_on_the_way,
    others,
)
from mlforge_sql.locks import open_lock, require_locks, take

LOCK = "lock"
_WHAT = "compiled projects"


class NotWritten(FileExistsError):  # noqa: N818 - an answer, not a failure
    """A folder stays as it is, because of ``paths`` in it."""

    def __init__(self, paths: tuple[PurePosixPath, ...]) -> None:
        super().__init__(", ".join(map(str, paths)))
        self.paths = paths


class InTheWay(NotWritten):
    """Files that are not ours are where files of ours belong."""


class Linked(NotWritten):
    """Links are where files or folders of ours belong."""


class NotOurFolder(NotWritten):
    """The folder has files, and none of them is ours."""


class Edited(NotWritten):
    """Somebody has edited files of ours, and wants to keep that."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What writing a set of files would do.

    Attributes:
        created: Files that do not exist yet.
        updated: Files of ours with another text.
        deleted: Files of ours that the project no longer has.
        unchanged: Files that are right already.
        in_the_way: Files that are not ours, where a file of ours belongs.
        linked: Links, where a file or folder of ours belongs.
        others: What a folder without any file of ours has.
        kept: Files of ours that somebody has edited, with the name under which the edit is kept.
    """

    created: tuple[PurePosixPath, ...] = ()
    updated: tuple[PurePosixPath, ...] = ()
    deleted: tuple[PurePosixPath, ...] = ()
    unchanged: tuple[PurePosixPath, ...] = ()
    in_the_way: tuple[PurePosixPath, ...] = ()
    linked: tuple[PurePosixPath, ...] = ()
    others: tuple[PurePosixPath, ...] = ()
    kept: Mapping[PurePosixPath, PurePosixPath] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to do."""
        return not (self.created or self.updated or self.deleted)

    def check(self, *, keep_edits: bool = False) -> None:
        """Refuse what must not be written.

        Raises:
            NotWritten: Something is in the way.
        """
        for refusal, paths in (
            (Linked, self.linked),
            (InTheWay, self.in_the_way),
            (NotOurFolder, self.others),
            (Edited, tuple(self.kept) if keep_edits else ()),
        ):
            if paths:
                raise refusal(paths)


def compare(folder: Path, files: FileSet) -> Changes:
    """What is different between a folder and a set of files. Reads only."""
    if not (folder / WORK / LOCK).is_file():
        changes = _compare(folder, files)
        if not (folder / WORK / LOCK).is_file():
            return changes  # nobody has written here so far
    with _reading(folder):
        return _compare(folder, files)


def _compare(folder: Path, files: FileSet) -> Changes:
    groups: dict[str, list[PurePosixPath]] = {
        name: [] for name in ("created", "updated", "unchanged", "in_the_way", "linked")
    }
    texts: dict[PurePosixPath, str] = {}
    for path, text in files.items():
        group, found = _place(folder, path, text)
        groups[group].append(found)
        if group == "updated":
            texts[path] = _read(folder / path) or ""
    groups["linked"] += [PurePosixPath(name) for name in _own_links(folder)]
    wanted = {str(path).casefold() for path in files}
    ours = _ours(folder)
    deleted = [path for path in ours if str(path).casefold() not in wanted]
    texts |= {path: _read(folder / path) or "" for path in deleted}
    kept = {path: _kept_name(folder, path, text) for path, text in texts.items() if is_edited(text)}
    return Changes(
        **{name: tuple(dict.fromkeys(paths)) for name, paths in groups.items()},
        deleted=tuple(deleted),
        others=() if ours or (folder / WORK).is_dir() else others(folder),
        kept=kept,
    )


def _place(folder: Path, path: PurePosixPath, text: str) -> tuple[str, PurePosixPath]:
    """What a file of ours finds at its place, and what that is about."""
    link = link_on_the_way(folder, path)
    if link is not None:
        return "linked", link
    foreign = foreign_parent(folder, path)
    if foreign is not None:
        return "in_the_way", foreign
    present = _read(folder / path)
    if present is None and not (folder / path).exists():
        return "created", path
    if present == text:
        return "unchanged", path
    is_file_of_ours = present is not None and is_ours(_first_line(present), path)
    return ("updated" if is_file_of_ours else "in_the_way"), path


def _own_links(folder: Path) -> list[str]:
    """Links where the writer keeps what only it uses."""
    names = [WORK, *(f"{WORK}/{name}" for name in (LOCK, NEXT, JOURNAL, DRAFT, BROKEN, EDIT))]
    return [name for name in names if (folder / name).is_symlink()]


def _kept_name(folder: Path, path: PurePosixPath, text: str) -> PurePosixPath:
    """Where an edit is kept: where no other is, or this one already."""
    for number in itertools.count(1):
        name = path.with_name(f"{path.name}.orig{number if number > 1 else ''}")
        if not is_there(folder / name) or _read(folder / name) == text:
            return name
    raise AssertionError


def write(
    folder: Path, files: FileSet, step: Step = lambda _: None, *, keep_edits: bool = False
) -> Changes:
    """Make a folder hold a set of files: all of them, or, when interrupted, none.

    Args:
        folder: The dbt project's folder; created when missing.
        files: Text by path.
        step: Called before every change on disk, with what it is; tests interrupt there.
        keep_edits: Refuse to overwrite files of ours that somebody has edited.

    Returns:
        What was changed.

    Raises:
        NotWritten: Something is in the way; nothing was changed.
        BrokenJournal: There is a journal that no interrupted write of ours can have left.
        SpecErrors: This system has no locks.
    """
    if folder.exists() and not folder.is_dir():
        raise InTheWay((PurePosixPath(),))
    changes = compare(folder, files)
    if not (folder / WORK).is_dir() or _own_links(folder):
        changes.check(keep_edits=keep_edits)
    if changes.is_empty and not changes.in_the_way and not _leftovers(folder):
        changes.check(keep_edits=keep_edits)
        return changes
    with _lock(folder):
        recover(folder, step)
        changes = _compare(folder, files)
        changes.check(keep_edits=keep_edits)
        if not changes.is_empty:
            try:
                _stage(folder, files, changes, step)
            except OSError:  # the disk is full, say
                if not (folder / WORK / JOURNAL).exists():
                    _clean(folder)
                raise
            try:
                recover(folder, step)
            except KeyboardInterrupt:
                recover(folder)
                raise
        _clean(folder)
    return changes


def finish(folder: Path) -> None:
    """Finish a write that was interrupted before, if there is one.

    Raises:
        BrokenJournal: There is a journal that no interrupted write of ours can have left.
    """
    if (folder / WORK / JOURNAL).is_file() and not _own_links(folder):
        with _lock(folder):
            recover(folder)


def _stage(folder: Path, files: FileSet, changes: Changes, step: Callable[[str], None]) -> None:
    next_folder = folder / WORK / NEXT
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
    kept = {str(path): str(name) for path, name in changes.kept.items()}
    names = [str(path) for path in written], [str(path) for path in changes.deleted]
    decide(folder, Decision(*names, kept), step)


def _leftovers(folder: Path) -> bool:
    """Whether a killed write has left something."""
    return any((folder / WORK / name).exists() for name in (JOURNAL, NEXT, DRAFT, BROKEN, EDIT))


def _clean(folder: Path) -> None:
    shutil.rmtree(folder / WORK / NEXT, ignore_errors=True)
    for name in (DRAFT, BROKEN, EDIT):
        (folder / WORK / name).unlink(missing_ok=True)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """One compile at a time; a killed one leaves no lock behind."""
    with os.fdopen(open_lock(folder / WORK / LOCK, _WHAT), "r+") as stream:
        take(stream.fileno())
        yield


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """No compile meanwhile."""
    require_locks(_WHAT)
    with (folder / WORK / LOCK).open() as stream:
        take(stream.fileno(), shared=True)
        yield


def _ours(folder: Path) -> list[PurePosixPath]:
    candidates = [
        file
        for name in OURS
        if not (folder / name).is_symlink()
        for file in (folder / name).rglob("*")
    ]
    candidates += folder.glob("*") if folder.is_dir() else ()
    found = [
        PurePosixPath(file.relative_to(folder).as_posix())
        for file in candidates
        if file.suffix in {".sql", ".yml", ""} and file.is_file() and not file.is_symlink()
    ]
    return sorted(path for path in found if is_our_file(folder, path))


def _read(file: Path) -> str | None:
    try:
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0]
