"""Ctrl-C, SIGTERM and a terminal that is closed: the command ends as soon as it can, and tidies up.

All three are an ``Ended`` in the main thread, so that transactions are rolled back, folders of work
are removed and dbt is ended. Whatever an engine makes of it on the way, the signal is remembered.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from mlforge_sql.errors import Ended

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")

_came: list[int] = []
"""The signals that have come to the command that runs now."""


@contextmanager
def caught() -> Iterator[None]:
    """Have the signals end what runs inside by an exception; those that are ignored stay ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _came.clear()
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # `nohup`, or a job of a shell in the background
            signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(TypeError, ValueError):  # a handler that Python did not set
                signal.signal(number, handler)


def ended_by() -> int | None:
    """The first signal that came to the command, if one did."""
    return _came[0] if _came else None


def _end(number: int, _frame: FrameType | None) -> None:
    _came.append(number)
    raise Ended
