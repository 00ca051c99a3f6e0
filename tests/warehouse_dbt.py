"""A compiled project and real dbt on the local warehouse, with the ``profiles.yml`` that compile wrote.

All commands of a project run in one process, which imports the adapter once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import yaml

from mlforge_sql.workflows.compile import compile_project, write_project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from warehouse import Warehouse

TIMEOUT_SECONDS = 600

_DBT = "from dbt.cli.main import cli; cli()"

_WORKER = """
import contextlib, io, json, sys
from dbt.cli.main import dbtRunner
for line in sys.stdin:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        result = dbtRunner().invoke(json.loads(line))
    text = shown.getvalue() + (str(result.exception) if result.exception else "")
    print(json.dumps([result.success, text]), flush=True)
"""


@dataclass
class WarehouseProject:
    """A project on the warehouse; a context manager, which ends its process.

    Attributes:
        root: Folder of ``mlforge.yaml``.
        warehouse: The warehouse.
    """

    root: Path
    warehouse: Warehouse
    _worker: subprocess.Popen[str] | None = field(default=None, repr=False)

    def write(self, spec: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> None:
        """Write and compile specs, and a project file if it is given."""
        (self.root / "features").mkdir(parents=True, exist_ok=True)
        if config is not None:
            (self.root / "mlforge.yaml").write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
        text = yaml.safe_dump(dict(spec), sort_keys=False, allow_unicode=True)
        (self.root / "features" / "spec.yml").write_text(text, encoding="utf-8")
        write_project(compile_project(self.root))

    def dbt(self, *arguments: str, target: str) -> tuple[bool, str]:
        """Run dbt in the compiled folder: whether it succeeded, and what it printed."""
        folder = str(self.root / "dbt")
        places = ["--project-dir", folder, "--profiles-dir", folder, "--target", target]
        worker = self._running()
        assert worker.stdin is not None
        assert worker.stdout is not None
        timer = threading.Timer(TIMEOUT_SECONDS, worker.kill)
        timer.start()
        worker.stdin.write(json.dumps(["--no-use-colors", *arguments, *places]) + "\n")
        worker.stdin.flush()
        line = worker.stdout.readline()
        timer.cancel()
        assert line, f"dbt {arguments[0]} ended without an answer"
        success, text = json.loads(line)
        return bool(success), str(text)

    def on_duckdb(self, *arguments: str, target: str = "dev") -> tuple[bool, str]:
        """Run dbt for a DuckDB target, in a process that lets go of the file at its end."""
        done = subprocess.run(
            [sys.executable, "-c", _DBT, "--no-use-colors", *arguments, "--target", target],
            cwd=self.root / "dbt",
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return done.returncode == 0, done.stdout + done.stderr

    def compile(self) -> None:
        """Compile the specs as they are now."""
        write_project(compile_project(self.root))

    def green(self, *arguments: str, target: str) -> str:
        """Run dbt, which must succeed; what it printed."""
        success, text = self.dbt(*arguments, target=target)
        assert success, text
        return text

    def artifact(self, name: str) -> Any:
        """One of the files that dbt leaves in its target folder."""
        return json.loads((self.root / "dbt" / "target" / name).read_text(encoding="utf-8"))

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        return self.warehouse.sql(text)

    @property
    def environment(self) -> dict[str, str]:
        """What the Databricks profiles read from the environment."""
        return {
            **{key: value for key, value in os.environ.items() if "DATABRICKS" not in key},
            **self.warehouse.environment(),
            "DATABRICKS_HOST": self.warehouse.url,
            "DATABRICKS_HTTP_PATH": self.warehouse.http_path,
            "DATABRICKS_TOKEN": self.warehouse.token,
            "MLFORGE_PROJECT_DIR": str(self.root),
        }

    def _running(self) -> subprocess.Popen[str]:
        if self._worker is None:
            self._worker = subprocess.Popen(
                [sys.executable, "-c", _WORKER],
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        return self._worker

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._worker is not None:
            with self._worker as worker:
                worker.kill()
