"""The environment in which the local warehouse runs: installed once, brought up to date in place."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
JAVA_VERSION = 17


def java_reason() -> str | None:
    """Why Java cannot run Spark; nothing when it can."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None:
        return "Java is missing: Spark needs Java 17 or newer"
    try:
        shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"Java does not start: {error}"
    version = re.search(r'version "(\d+)', shown.stderr)
    if version is None or int(version[1]) < JAVA_VERSION:
        return f"Java is too old: {shown.stderr.splitlines()[0]}"
    return None


def ensure_environment(folder: Path) -> Path | None:
    """The warehouse's environment, installed once; nothing, with a printed reason, if it cannot be.

    Several processes may ask at once: one installs and the others wait.
    """
    reason = java_reason()
    if reason is not None:
        print(f"no local warehouse: {reason}")
        return None
    jar = str(HERE / "delta_jar.py"), str(folder.resolve() / "delta.jar")
    return _ensure(folder.resolve(), "requirements.txt", jar)


def _ensure(environment: Path, requirements: str, *scripts: tuple[str, ...]) -> Path | None:
    files = [HERE / requirements, *(Path(script[0]) for script in scripts)]
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    stamp = environment / f".installed-{wanted[:16]}"
    environment.parent.mkdir(parents=True, exist_ok=True)
    with environment.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file():
            return environment
        try:
            _install(environment, requirements, scripts)
        except subprocess.CalledProcessError as error:
            print(f"no environment {environment}: installing failed\n{error.stderr}")
            return None
        for old in environment.glob(".installed-*"):
            old.unlink()
        stamp.touch()
    return environment


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _install(environment: Path, requirements: str, scripts: Sequence[tuple[str, ...]]) -> None:
    """Make the environment, or bring one up to date in place: a warehouse may be using it."""
    python = str(environment / "bin" / "python")
    pip = [python, "-m", "pip"]
    made = Path(python).exists() and _succeeds([*pip, "-V"])
    for command in (
        *([] if made else [[sys.executable, "-m", "venv", "--clear", str(environment)]]),
        [*pip, "install", "-q", "--disable-pip-version-check", "-r", str(HERE / requirements)],
        *([python, *script] for script in scripts),
    ):
        subprocess.run(command, check=True, capture_output=True, text=True)
