"""Who has a DuckDB file open: one program may write to it at a time."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlforge_sql.errors import Diagnostic, SpecErrors
from mlforge_sql.locks import open_lock, take

_PAUSE = 0.2
_CONFLICT = re.compile(r"Could not set lock on file \"(.+?)\".*?\(PID (\d+)\)", re.DOTALL)

_PROBE = """\
import fcntl, struct, sys
if sys.platform == "linux":
    layout, order = "hhqqi4x", (fcntl.F_WRLCK, 0, 0, 0, 0)
else:
    layout, order = "qqihh", (0, 0, 0, fcntl.F_WRLCK, 0)
with open(sys.argv[1], "rb") as file:
    found = struct.unpack(layout, fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(layout, *order)))
kind, pid = (found[0], found[4]) if sys.platform == "linux" else (found[3], found[2])
print("" if kind == fcntl.F_UNLCK else pid)
"""
"""Asks for the lock that DuckDB takes, in a process of its own: closing a file that this one has open
would drop the locks of a DuckDB in it."""


@contextmanager
def held(file: Path, wait: float, say: Callable[[str], None]) -> Iterator[None]:
    """Have a DuckDB file to ourselves, as far as our own builds and audits go.

    Args:
        file: The DuckDB file, which need not exist yet.
        wait: Seconds to wait for others that have it.
        say: Is told once whom we wait for.

    Raises:
        SpecErrors: Somebody has the file open, still after ``wait`` seconds; or this system has no locks.
    """
    lock = open_lock(file.with_name(f".{file.name}.lock"), "feature stores")
    try:
        deadline = time.monotonic() + wait
        _patiently(lambda: _take(lock), file, wait, say)
        _patiently(lambda: _holder(file), file, max(0.0, deadline - time.monotonic()), say)
        _tidy(file)
        yield
    finally:
        os.close(lock)


def _tidy(file: Path) -> None:
    """Remove what a killed DuckDB has spilled beside a file that nobody has open."""
    folder = file.with_name(f"{file.name}.tmp")
    if folder.is_symlink():
        return
    with contextlib.suppress(OSError):
        for spilled in folder.glob("duckdb_temp_*"):
            spilled.unlink()
        folder.rmdir()


def _patiently(
    ask: Callable[[], str | None], file: Path, wait: float, say: Callable[[str], None]
) -> None:
    """Ask until nobody is in the way, at most so long."""
    deadline = time.monotonic() + wait
    told = False
    while (holder := ask()) is not None:
        if time.monotonic() >= deadline:
            raise SpecErrors([in_use(file.name, holder)])
        if not told:
            say(f"waiting up to {wait:.0f} s for {file.name}: {holder} has it open")
            told = True
        time.sleep(_PAUSE)


def _take(lock: int) -> str | None:
    """Take the lock of builds; who has it, if somebody does."""
    if not take(lock, wait=False):
        pid = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        return f"another mlforge, {_named(pid)}" if pid.isdigit() else "another mlforge"
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return None


def _holder(file: Path) -> str | None:
    """Who has a DuckDB file open, as a phrase; None when nobody does, or it cannot be told."""
    if not file.is_file():
        return None
    command = [sys.executable, "-I", "-S", "-c", _PROBE, str(file)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    pid = run.stdout.strip()
    return _named(pid) if run.returncode == 0 and pid else None


def conflict(text: str) -> Diagnostic | None:
    """What DuckDB says of a file that somebody else has open, in our words."""
    found = _CONFLICT.search(text)
    return in_use(Path(found[1]).name, _named(found[2])) if found else None


def in_use(name: str, holder: str) -> Diagnostic:
    """The problem that somebody has a file open."""
    message = f"`{name}` cannot be written: {holder} has it open"
    hint = "close that program or let it end; `--wait SECONDS` waits for it"
    return Diagnostic("MF144", message, hint=hint)


def _named(pid: str) -> str:
    """A process by its number and, where the system tells, its program."""
    if not pid.isdigit() or int(pid) <= 0:
        return "another program"
    with contextlib.suppress(OSError):
        return f"process {pid} ({Path(f'/proc/{pid}/comm').read_text(encoding='utf-8').strip()})"
    return f"process {pid}"
