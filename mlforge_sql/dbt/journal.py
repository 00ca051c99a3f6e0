"""What a write has decided to do, on disk, so that whoever comes next can finish it.

The journal is believed no more than any other file: the names in it are checked like the names of
files to write, and only files of ours are replaced or deleted.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mlforge_sql.dbt.places import (
    PROJECT,
    WORK,
    foreign_parent,
    is_inside,
    is_our_file,
    is_there,
    link_on_the_way,
)

JOURNAL = "journal.json"
BROKEN = "journal.broken"
NEXT = "next"
DRAFT = "journal.draft"
EDIT = "edit"

Step = Callable[[str], None]
"""Called before every change on disk, with what it is; tests interrupt there."""


class BrokenJournal(Exception):  # noqa: N818 - an answer, not a failure
    """A journal that no write of ours can have left; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a write is going to do.

    Attributes:
        write: Files to move from ``next`` to their places.
        delete: Files of ours to delete.
        kept: Files that somebody has edited, with the name under which the edit is kept.
    """

    write: Sequence[str]
    delete: Sequence[str]
    kept: Mapping[str, str]

    @property
    def new_project(self) -> bool:
        """Whether ``dbt_project.yml`` is a new one, rather than set aside and put back."""
        return str(PROJECT) in self.write


def decide(folder: Path, decision: Decision, step: Step) -> None:
    """Write the journal: from here on the new project holds."""
    draft = folder / WORK / DRAFT
    step("write the journal")
    plan = {
        "write": list(decision.write),
        "delete": list(decision.delete),
        "kept": dict(decision.kept),
    }
    with draft.open("w", encoding="utf-8") as stream:
        json.dump(plan, stream)
        stream.flush()
        os.fsync(stream.fileno())
    step("decide")
    draft.replace(folder / WORK / JOURNAL)


def recover(folder: Path, step: Step = lambda _: None) -> None:
    """Finish a write that was interrupted, or forget one that was not decided yet.

    Raises:
        BrokenJournal: The journal is not one of ours. It is set aside, so that the next write begins
            anew; nothing else has changed.
    """
    journal = folder / WORK / JOURNAL
    if not journal.is_file():
        return
    try:
        decision = _read(folder, journal)
    except BrokenJournal:
        journal.replace(folder / WORK / BROKEN)
        raise
    next_folder = folder / WORK / NEXT
    project, aside = folder / PROJECT, next_folder / PROJECT
    if project.is_file():
        step("set dbt_project.yml aside")
        if aside.is_file() and decision.new_project:
            _keep(folder, str(PROJECT), decision)
            project.unlink()
        elif not aside.is_file():
            aside.parent.mkdir(parents=True, exist_ok=True)
            project.replace(aside)
    for name in decision.write:
        staged = next_folder / name
        if name != str(PROJECT) and staged.is_file():
            step(f"write {name}")
            _keep(folder, name, decision)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            staged.replace(folder / name)
    for name in decision.delete:
        step(f"delete {name}")
        _keep(folder, name, decision)
        (folder / name).unlink(missing_ok=True)
        _remove_empty((folder / name).parent, folder)
    if aside.is_file():
        step("put dbt_project.yml in place")
        aside.replace(project)
    step("forget the journal")
    journal.unlink()


def _keep(folder: Path, name: str, decision: Decision) -> None:
    """Keep what a file says by now under another name; once, however often this is repeated."""
    if name not in decision.kept:
        return
    edited, kept = folder / name, folder / decision.kept[name]
    if edited.is_file() and not is_there(kept):
        draft = folder / WORK / EDIT
        shutil.copyfile(edited, draft)
        draft.replace(kept)


def _read(folder: Path, journal: Path) -> Decision:
    try:
        plan: Any = json.loads(journal.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BrokenJournal("it cannot be read") from error
    try:
        decision = Decision(plan["write"], plan["delete"], plan.get("kept", {}))
    except (TypeError, KeyError, AttributeError) as error:
        raise BrokenJournal("it is cut off, or something else wrote it") from error
    lists = (decision.write, decision.delete)
    if not all(isinstance(names, list) for names in lists) or not isinstance(decision.kept, dict):
        raise BrokenJournal("it is cut off, or something else wrote it")
    for name in (*decision.write, *decision.delete):
        _check(folder, name)
    for name, kept in decision.kept.items():
        known = name in (*decision.write, *decision.delete)
        if not known or not isinstance(kept, str) or not is_kept_name(name, kept):
            raise BrokenJournal(f"it names `{kept}`, where no edit is kept")
    return decision


def _check(folder: Path, name: object) -> None:
    """Refuse a name that no file of ours has, or that somebody else's file has by now."""
    if not isinstance(name, str) or not is_inside(name):
        raise BrokenJournal(f"it names `{name}`, which is no file of the project")
    path = PurePosixPath(name)
    for top in (folder, folder / WORK / NEXT):
        if foreign_parent(top, path) or link_on_the_way(top, path):
            raise BrokenJournal(f"it names `{name}`, which is not a plain file")
        if (top / path).exists() and not is_our_file(top, path):
            raise BrokenJournal(f"it names `{name}`, which is not our file")


def is_kept_name(name: str, kept: str) -> bool:
    """True for a name under which an edit of a file is kept.

    Examples:
        >>> is_kept_name("a.sql", "a.sql.orig"), is_kept_name("a.sql", "a.sql.orig2")
        (True, True)
    """
    return re.fullmatch(re.escape(name) + r"\.orig\d*", kept) is not None


def _remove_empty(folder: Path, top: Path) -> None:
    while folder != top and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
