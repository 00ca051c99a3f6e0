"""Without ``fcntl``, as on Windows: everything can be imported, and what needs its locks says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from events import PARQUET, SCHEMA, at, feature, spec, table
from harness import compile_and_run, write_parquet, write_project

ROOT = Path(__file__).parents[2]

PRETEND = """
import sys
sys.path.insert(0, {tests!r})
import duckdb, pandas, pyarrow
from house.windows import pretend
pretend()
"""

EVERY_MODULE = """
import importlib, pkgutil, mlforge_sql
elsewhere = set()
for module in pkgutil.walk_packages(mlforge_sql.__path__, "mlforge_sql."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        elsewhere.add(error.name.split(".")[0])
print(*sorted(elsewhere))
"""

COMMAND = """
from mlforge_sql.cli import main
main({arguments!r})
"""

VALUES = """
import pandas
import mlforge_sql as mlf
project = mlf.load_project({root!r})
labels = pandas.DataFrame({{"user_id": ["u1"], "t": [pandas.Timestamp("2024-01-02 12:00")]}})
print(project.get_training_data(["f"], labels, "t")["f__amount_sum_1d"].tolist())
print(project.get_online_features("f", {{"user_id": "u1"}}, at="2024-01-02T12:00:00")["f__amount_sum_1d"])
project.close()
"""

FEATURE = feature(interval="1d", metrics=[{"windows": ["1d"], "aggregations": {"amount": ["sum"]}}])
ROWS = table("user_id event_time amount", ["u1", at("01-01 12:00"), 3.0])


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process without what Windows does not have."""
    return subprocess.run(
        [sys.executable, "-c", PRETEND.format(tests=str(ROOT / "tests")) + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def files(root: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in root.rglob("*") if file.is_file()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose feature table is in its DuckDB file."""
    write_project(tmp_path, spec([FEATURE]))
    write_parquet(tmp_path / PARQUET, SCHEMA, ROWS)
    (tmp_path / "feature_store").mkdir()
    with duckdb.connect(str(tmp_path / "feature_store" / "features.duckdb")) as store:
        compile_and_run(tmp_path, connection=store)
    return tmp_path


def test_everything_can_be_imported() -> None:
    done = run(EVERY_MODULE)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= {"databricks", "psycopg"}, "drivers that are not installed"


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("compile", "compiled projects"),
        ("build", "feature stores"),
        ("audit", "feature stores"),
    ],
)
def test_what_needs_locks_says_so_and_changes_nothing(root: Path, command: str, what: str) -> None:
    before = files(root)
    done = run(COMMAND.format(arguments=["--project-dir", str(root), command]))
    assert done.returncode == 1, done.stderr
    assert " ".join(done.stderr.split()) == (
        f"error[MF133]: {what} are written under a lock, and this system has none that ends "
        "with its process = run it on Linux, on macOS or in WSL; what only reads, lookups and training "
        "data work here 1 error; nothing was written"
    ), done.stderr
    assert files(root) == before


@pytest.mark.parametrize(
    "arguments",
    [["list", "features"], ["inspect", "feature", "f"], ["columns", "events"], ["schema"]],
)
def test_commands_that_only_read_work(root: Path, arguments: list[str]) -> None:
    where = [str(root / item) if item == PARQUET else item for item in arguments]
    done = run(COMMAND.format(arguments=["--project-dir", str(root), *where]))
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_training_data_and_lookups_work(root: Path) -> None:
    done = run(VALUES.format(root=str(root)))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["[3.0]", "3.0"]
