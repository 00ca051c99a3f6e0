"""Where Java is missing, the tests that need Spark are skipped, and the summary says so aloud."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_summary_names_what_was_left_out(tmp_path: Path) -> None:
    kept = {
        key: value for key, value in os.environ.items() if key[:7] not in {"JAVA_HO", "PYTEST_"}
    }
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rs",
            "-n",
            "0",
            "tests/dialects/test_spark_plans.py",
        ],
        cwd=ROOT,
        env={**kept, "PATH": str(tmp_path), "MLFORGE_WAREHOUSE": str(tmp_path / "warehouse")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Databricks SQL was NOT tested: Java is missing" in done.stdout
    assert "SKIPPED" in done.stdout
    assert "passed" not in done.stdout
