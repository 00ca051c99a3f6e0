"""What starts fast: nothing heavy is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"dbt", "duckdb", "_duckdb", "pandas", "polars", "pyarrow", "narwhals", "databricks"}
ROOT = Path(__file__).parents[2]

SCRIPT = """
import sys
{code}
print(",".join(sorted({{name.split(".")[0] for name in sys.modules}})), file=sys.stderr)
"""

HELP = """
from mlforge_sql.cli import main
try:
    main(["--help"])
except SystemExit as error:
    assert not error.code
"""

LOAD = """
from pathlib import Path
from mlforge_sql.loading.load import load
load(Path("example_project"))
"""


def loaded(code: str) -> set[str]:
    """Top-level modules of a fresh process that has run the code."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(code=code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return set(run.stderr.strip().splitlines()[-1].split(","))


@pytest.mark.parametrize(
    "code", ["import mlforge_sql", HELP, LOAD], ids=["import", "--help", "load"]
)
def test_nothing_heavy_is_imported(code: str) -> None:
    found = loaded(code)
    assert "mlforge_sql" in found
    assert not found & HEAVY


def test_the_check_sees_heavy_modules() -> None:
    assert "duckdb" in loaded("import duckdb") & HEAVY


def test_importing_the_package_does_not_parse_sql() -> None:
    assert "click" not in loaded("import mlforge_sql")
