"""Locks of files and folders, which end with the process that has them.

They are those of `fcntl`, which Linux and macOS have. Windows does not: there what must not happen
twice at a time is refused, and everything else goes on.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from mlforge_sql.errors import Diagnostic, SpecErrors


def known_here() -> bool:
    """Whether this system has such locks."""
    return find_spec("fcntl") is not None


def require_locks(what: str) -> None:
    """Refuse what is only right under a lock, where there are none.

    Args:
        what: What it is, as the subject of a sentence in the plural: ``compiled projects``.

    Raises:
        SpecErrors: This system has no such locks.
    """
    if known_here():
        return
    message = (
        f"{what} are written under a lock, and this system has none that ends with its process"
    )
    hint = (
        "run it on Linux, on macOS or in WSL; what only reads, lookups and training data work here"
    )
    raise SpecErrors([Diagnostic("MF133", message, hint=hint)])


def open_lock(file: Path, what: str) -> int:
    """The open file of a lock, made if it is not there; a link is not followed.

    Args:
        file: The file.
        what: What is written under the lock; see ``require_locks``.

    Raises:
        SpecErrors: This system has no such locks.
    """
    require_locks(what)
    file.parent.mkdir(parents=True, exist_ok=True)
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)


def take(lock: int, *, shared: bool = False, wait: bool = True) -> bool:
    """Take a lock; False when another has it and is not waited for.

    Args:
        lock: An open file or folder.
        shared: Whether others may take it too, if they share it.
        wait: Whether to wait for whoever has it.
    """
    import fcntl

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(lock, kind if wait else kind | fcntl.LOCK_NB)
    except OSError:
        if wait:
            raise
        return False
    return True
