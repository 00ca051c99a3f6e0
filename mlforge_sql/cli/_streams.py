"""Streams that are closed when the command starts: what is written there goes nowhere."""

from __future__ import annotations

import os
import sys


def fill_closed() -> None:
    """Put nothing where stdin, stdout or stderr is closed.

    A file that is opened later would get that number, and what is printed would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - open to the end
