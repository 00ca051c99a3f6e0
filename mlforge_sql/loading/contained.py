"""What a Python spec may not take from the process that reads it: its streams, its folder, its end.

A spec is code of the user's, and no sandbox is around it. This is about slips: what a file does to the
process, by itself or by what it imports, is no reason for a crash, or for silence.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import NoReturn, TextIO


class _Talk(io.TextIOBase):
    """Writes to a stream that it does not close."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        return self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        """Stay open: the stream is not the file's."""


@contextmanager
def contained() -> Iterator[None]:
    """Run user code: it talks on stderr, and what it changes of the process is put back.

    ``os._exit`` raises ``SystemExit``, so that a file that ends the process is told. A fork ends here.
    """
    pid, leave, folder = os.getpid(), os._exit, None
    with contextlib.suppress(OSError):  # it may be gone
        folder = os.getcwd()  # noqa: PTH109 - what `os.chdir` takes

    def end(status: int) -> NoReturn:
        if os.getpid() != pid:
            leave(status)
        raise SystemExit(status)

    talk = _Talk(sys.stderr)
    os._exit = end
    try:
        with redirect_stdout(talk), redirect_stderr(talk):
            yield
    finally:
        os._exit = leave
        if os.getpid() != pid:
            leave(0)
        if folder is not None:
            with contextlib.suppress(OSError):
                os.chdir(folder)
