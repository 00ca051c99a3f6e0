"""Running dbt: a process of its own, followed event by event."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from mlforge_sql.dbt.artifacts import RESULTS, NodeResult, publish, read_results
from mlforge_sql.dbt.paths import PROJECT_DIR
from mlforge_sql.dbt.process import end_dbt, start_dbt
from mlforge_sql.errors import DbtError
from mlforge_sql.locks import require_locks
from mlforge_sql.scratch import scratch

_FINISHED = frozenset({"LogModelResult", "LogTestResult", "LogSeedResult", "LogNodeResult"})
_OURS = ("online: ", "mlforge: ")
"""How the messages of our hooks begin."""

PARSED = "partial_parse.msgpack"

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


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

        The run has a target folder of its own, so that its results are its own; when it is over,
        they take the place of the last ones in ``target``.

        Raises:
            DbtError: dbt cannot be started.
            SpecErrors: This system has no locks, which runs beside each other need.
        """
        if importlib.util.find_spec("dbt") is None:
            raise DbtError("dbt is not installed; install dbt-core and dbt-duckdb")
        require_locks("results of dbt")
        target = self.folder / "target"
        target.mkdir(parents=True, exist_ok=True)
        (target / RESULTS).unlink(missing_ok=True)
        with scratch(target, "mlforge_run_") as own:
            _take(target, own)
            with tempfile.TemporaryFile("w+", encoding="utf-8") as complaints:
                yield from self._run(own, complaints)
                complaints.seek(0)
                text = complaints.read().strip()
            if self.exit_code and text and not self.errors:
                self.errors.append(text.splitlines()[-1])
            self.results = read_results(own)
            publish(own, target)
            self._forget(own.name)

    def _run(self, target: Path, complaints: IO[str]) -> Iterator[Progress]:
        command = ["--log-format", "json", *self.arguments]
        command += ["--profiles-dir", str(self.folder), "--project-dir", str(self.folder)]
        command += ["--target-path", str(target)]
        environment = {**os.environ, PROJECT_DIR: str(self.root)}
        process = start_dbt(command, self.folder, environment, complaints, gently=self.databricks)
        with process:
            try:
                yield from self._follow(process)
            finally:
                end_dbt(process, gently=self.databricks)
        self.exit_code = process.returncode

    def _forget(self, own: str) -> None:
        """Name files by where they are by now."""
        self.errors = [text.replace(f"{own}/", "") for text in self.errors]
        self.results = tuple(
            replace(item, message=item.message.replace(f"{own}/", "")) if item.message else item
            for item in self.results
        )

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


def _take(target: Path, own: Path) -> None:
    """What dbt has learnt of the project's files, so that it need not read them all again."""
    with contextlib.suppress(OSError):
        shutil.copyfile(target / PARSED, own / PARSED)


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
