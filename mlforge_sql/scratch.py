"""Folders for what is not finished yet: nobody else's, and gone when the process is.

A folder is locked as long as its process lives. Whoever makes one beside it removes those whose lock
is free: their process is dead, however long ago that was. A killed process so leaves nothing that
the next one does not take away, and a slow one loses nothing. Where the system has no such locks, what
a killed process leaves stays.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from mlforge_sql.locks import known_here, take


@contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder in ``parent``, removed in the end; those of dead processes are removed first."""
    sweep(parent, prefix)
    folder, lock = _locked(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def sweep(parent: Path, prefix: str) -> None:
    """Remove the folders of dead processes."""
    if not known_here():
        return
    ours = re.compile(re.escape(prefix) + "[a-z0-9_]{8}")
    for folder in parent.iterdir():
        if not ours.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
            continue
        with contextlib.suppress(OSError):
            lock = os.open(folder, os.O_RDONLY)
            try:
                if take(lock, wait=False):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def spill_folder() -> Path:
    """Where one DuckDB may put what does not fit into memory; DuckDB makes and removes it."""
    return _of_process(os.getpid()) / uuid.uuid4().hex


@cache
def _of_process(pid: int) -> Path:
    """One folder for a process; a fork gets its own."""
    parent = Path(tempfile.gettempdir())
    user = os.getuid() if hasattr(os, "getuid") else 0  # Windows has a folder for each user
    prefix = f"mlforge_{user}_"
    sweep(parent, prefix)
    folder, _ = _locked(parent, prefix)  # the lock stays until the process ends

    def remove() -> None:
        if os.getpid() == pid:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _locked(parent: Path, prefix: str) -> tuple[Path, int | None]:
    """A new folder and its lock, if there are any; made again when another process took it for a dead one's."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        if not known_here():
            return folder, None
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        if take(lock, wait=False) and folder.is_dir():
            return folder, lock
        os.close(lock)
