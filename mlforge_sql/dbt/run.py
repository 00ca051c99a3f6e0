"""Running dbt: a process of its own, followed event by event."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from mlforge_sql.dbt.artifacts import NodeResult, read_results
from mlforge_sql.dbt.paths import PROJECT_DIR
from mlforge_sql.errors import DbtError

_FINISHED = frozenset({"LogModelResult", "LogTestResult", "LogSeedResult", "LogNodeResult"})
_OURS = "online: "
"""How the messages of our hooks begin."""

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_START = "from dbt.cli.main import cli; cli(prog_name='dbt')"


@dataclass(frozen=True, slots=True)
class Progress:
    """One node has finished.

    Attributes:
        index: Its place in the run, from 1.
        total: How many nodes the run has.
        name: The node's name.
        kind: ``model`` or ``test``.
        status: dbt's word for how it ended.
        seconds: How long it took.
    """

    index: int
    total: int
    name: str
    kind: str
    status: str
    seconds: float


@dataclass
class DbtRun:
    """One dbt command. Iterate over it to run it; then read what it did.

    Attributes:
        folder: The dbt project.
        root: The user's project.
        arguments: The command and its options.
        databricks: Whether it runs on Databricks.
        secrets: Environment variables whose values dbt may repeat, and nobody else should.
        results: What each node did, once it has run.
        errors: dbt's own error messages, when nothing could be run.
        notes: What the hooks of the project say that they did.
        warnings: What macros warn of.
        exit_code: dbt's exit code.
    """

    folder: Path
    root: Path
    arguments: Sequence[str]
    databricks: bool = False
    secrets: Sequence[str] = ()
    results: tuple[NodeResult, ...] = ()
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    exit_code: int = 0

    def __iter__(self) -> Iterator[Progress]:
        """Run dbt and yield each node as it finishes.

        Raises:
            DbtError: dbt cannot be started.
        """
        command = [sys.executable, "-c", _START, "--log-format", "json", *self.arguments]
        command += ["--profiles-dir", str(self.folder), "--project-dir", str(self.folder)]
        command += ["--target-path", str(self.folder / "target")]
        if importlib.util.find_spec("dbt") is None:
            raise DbtError("dbt is not installed; install dbt-core and dbt-duckdb")
        (self.folder / "target" / "run_results.json").unlink(missing_ok=True)
        with tempfile.TemporaryFile("w+", encoding="utf-8") as complaints:
            process = self._start(command, complaints)
            with process:
                try:
                    yield from self._follow(process)
                finally:
                    if process.poll() is None:
                        process.terminate()
            self.exit_code = process.returncode
            complaints.seek(0)
            text = complaints.read().strip()
        if self.exit_code and text and not self.errors:
            self.errors.append(text.splitlines()[-1])
        self.results = read_results(self.folder / "target")

    def _start(self, command: Sequence[str], complaints: IO[str]) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                command,
                cwd=self.folder,
                env={**os.environ, PROJECT_DIR: str(self.root)},
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
            )
        except OSError as error:
            raise DbtError(f"dbt cannot be started: {error}") from error

    def _follow(self, process: subprocess.Popen[str]) -> Iterator[Progress]:
        """Progress until dbt closes its output."""
        for line in process.stdout or ():
            event = _event(line)
            if event is None:
                continue
            info, data = event.get("info", {}), event.get("data", {})
            if info.get("name") in _FINISHED:
                yield _progress(data)
            elif info.get("name") == "JinjaLogWarning":
                self.warnings.append(str(data.get("msg", "")))
            elif info.get("name") == "JinjaLogInfo":
                self._hear(str(data.get("msg", "")))
            elif info.get("level") == "error":
                self._note(str(info.get("msg", "")))
        process.wait()

    def _hear(self, message: str) -> None:
        """Keep what our own hooks say."""
        if message.startswith(_OURS):
            self.notes.append(message)

    def _note(self, message: str) -> None:
        """Keep what dbt says is wrong, but none of its tracebacks."""
        text = _ANSI.sub("", message).strip()
        if text and not text.startswith(
            ("Traceback", "[ERROR]: Encountered an error", "Encountered an error")
        ):
            self.errors.append(text)
        elif "\n" in text and not text.startswith("Traceback"):
            self.errors.append(text.split("\n", 1)[1].strip())

    @property
    def ok(self) -> bool:
        """True when dbt ended well."""
        return self.exit_code == 0


def _event(line: str) -> Mapping[str, Any] | None:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def _progress(data: Mapping[str, Any]) -> Progress:
    node = data.get("node_info", {})
    return Progress(
        index=int(data.get("index") or 0),
        total=int(data.get("total") or data.get("num_models") or 0),
        name=str(node.get("node_name") or data.get("name") or ""),
        kind=str(node.get("resource_type") or "model"),
        status=str(node.get("node_status") or data.get("status") or ""),
        seconds=float(data.get("execution_time") or 0.0),
    )
