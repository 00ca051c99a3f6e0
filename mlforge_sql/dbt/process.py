"""dbt as a process of its own, which never outlives ours."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from mlforge_sql.errors import DbtError

GRACE = 6
"""Seconds in which dbt may cancel what it has running elsewhere, before it is killed."""

_START = """\
import os, signal, sys, threading

def _end(*_):
    signal.alarm({grace})  # ends the process, whatever it is doing
    signal.raise_signal(signal.SIGINT)  # dbt cancels what runs on a warehouse

def _watch():
    while os.read(0, 1024):  # ends when our parent does
        pass
    os.kill(os.getpid(), {end:d})

signal.signal(signal.SIGTERM, _end)
threading.Thread(target=_watch, daemon=True).start()
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, {end:d})  # PR_SET_PDEATHSIG
from dbt.cli.main import cli
cli(prog_name="dbt")
"""


def start_dbt(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    complaints: IO[str],
    *,
    gently: bool,
) -> subprocess.Popen[str]:
    """Start dbt in a process group of its own: Ctrl-C reaches us, and we end it.

    Args:
        arguments: Its command and options.
        folder: Where it runs.
        environment: Its environment variables.
        complaints: Where its stderr goes.
        gently: Whether it may end what it has running on a warehouse, when we are gone. A transaction of
            DuckDB ends with its process.

    Raises:
        DbtError: It cannot be started.
    """
    end = signal.SIGTERM if gently else signal.SIGKILL
    command = [sys.executable, "-c", _START.format(grace=GRACE - 1, end=end), *arguments]
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            process_group=0,
        )
    except OSError as error:
        raise DbtError(f"dbt cannot be started: {error}") from error


def end_dbt(process: subprocess.Popen[str], *, gently: bool) -> None:
    """End dbt and all that it has started; at once when asked a second time."""
    try:
        if gently and process.poll() is None:
            _signal(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
