"""Have this process look like one on Windows, as far as Python's modules and our own go.

Everything that Windows does not have is gone from the modules that have it here; libraries that are
imported before keep what they found. It shows what our code asks for, not that it runs there.
"""

from __future__ import annotations

import os
import signal
import sys

MODULES = ("fcntl", "grp", "pwd", "resource", "termios")
OS = (
    "O_NOFOLLOW",
    "chown",
    "fork",
    "getuid",
    "geteuid",
    "killpg",
    "mkfifo",
    "pread",
    "pwrite",
    "setsid",
)
SIGNALS = ("SIGALRM", "SIGHUP", "SIGKILL", "alarm")


def pretend() -> None:
    """Take away what Windows does not have."""
    import shutil
    import subprocess
    import tempfile

    assert shutil, subprocess and tempfile  # they look once, when they are imported
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment] # so an import of it fails
    for name in OS:
        delattr(os, name)
    for name in SIGNALS:
        delattr(signal, name)
