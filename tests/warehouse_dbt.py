"""A compiled project and real dbt on the local warehouse, with the ``profiles.yml`` that compile wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlforge_sql.compiler import compile_project, write_project

if TYPE_CHECKING:
    from warehouse.client import Warehouse

DBT = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--no-use-colors"]
TIMEOUT_SECONDS = 600


@dataclass
class WarehouseProject:
    """A project on the warehouse.

    Attributes:
        root: Folder of ``mlforge.yaml``.
        warehouse: The warehouse.
    """

    root: Path
    warehouse: Warehouse

    @property
    def environment(self) -> dict[str, str]:
        """What the Databricks profiles read from the environment."""
        kept = {key: value for key, value in os.environ.items() if key[:11] != "DATABRICKS_"}
        return {
            **kept,
            **self.warehouse.environment(),
            "DATABRICKS_HOST": self.warehouse.url,
            "DATABRICKS_HTTP_PATH": self.warehouse.http_path,
            "DATABRICKS_TOKEN": self.warehouse.token,
        }

    def compile(self) -> None:
        """Compile the specs as they are now."""
        write_project(compile_project(self.root))

    def dbt(self, *arguments: str, target: str) -> subprocess.CompletedProcess[str]:
        """Run dbt in the compiled folder."""
        return subprocess.run(
            [*DBT, *arguments, "--target", target, "--profiles-dir", "."],
            cwd=self.root / "dbt",
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def green(self, *arguments: str, target: str) -> str:
        """Run dbt, which must succeed; its output."""
        done = self.dbt(*arguments, target=target)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def artifact(self, name: str) -> Any:
        """One of the files that dbt leaves in its target folder."""
        return json.loads((self.root / "dbt" / "target" / name).read_text(encoding="utf-8"))

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        return self.warehouse.sql(text)
