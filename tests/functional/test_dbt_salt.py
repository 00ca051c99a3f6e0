"""The salt of surrogate keys through real dbt on DuckDB: in no file, whatever dbt is asked to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import events
import pytest
from events import at, feature
from harness import CONFIG, write_parquet, write_project

import mlforge_sql as mlf
from mlforge_sql.workflows.compile import compile_project
from mlforge_sql.workflows.compile import write_project as write_compiled

pytestmark = pytest.mark.functional

SALT = "pepper-7Q'{{ x }}\\"
DBT = [sys.executable, "-c", "from dbt.cli.main import cli; cli()"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled project with a salted key."""
    root = tmp_path_factory.mktemp("salted")
    person = {"name": "person", "join_key": "person_id", "from_columns": ["user_id"]}
    metrics = [{"windows": ["1d"], "aggregations": {"amount": ["sum"]}}]
    spend = feature(entities=["person"], interval="1d", metrics=metrics)
    spec = events.spec([spend], entities=[person])
    spec["sources"].append(
        {"name": "marked", "path": "data/marked.parquet", "timestamp": "marked_at"}
    )
    spec["training_sets"] = [
        {
            "name": "judged",
            "labels": {"source": "marked"},
            "timestamp": "marked_at",
            "features": ["f"],
        }
    ]
    write_project(root, spec, {**CONFIG, "surrogate_key_salt_env": "KEY_SALT"})
    event = {"user_id": "Ann", "event_time": at("01-01"), "amount": 1.0}
    write_parquet(root / events.PARQUET, events.SCHEMA, [event])
    label = {"user_id": "Ann", "marked_at": at("01-02")}
    marked = {"user_id": "VARCHAR", "marked_at": "TIMESTAMP"}
    write_parquet(root / "data" / "marked.parquet", marked, [label])
    write_compiled(compile_project(root))
    return root


def dbt(root: Path, *arguments: str, salt: str | None = SALT) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "KEY_SALT"}
    environment |= {"KEY_SALT": salt} if salt is not None else {}
    return subprocess.run(
        [*DBT, *arguments, "--profiles-dir", "."],
        cwd=root / "dbt",
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def files_with(root: Path, text: str) -> list[str]:
    wanted = text.encode()
    files = (item for item in root.rglob("*") if item.is_file())
    return [str(item.relative_to(root)) for item in files if wanted in item.read_bytes()]


@pytest.mark.parametrize(
    "arguments",
    [("--debug", "build"), ("compile",), ("show", "--select", "stg_events"), ("docs", "generate")],
    ids=lambda arguments: arguments[0],
)
def test_the_salt_is_written_nowhere(project: Path, arguments: tuple[str, ...]) -> None:
    """Not whole, and not up to where an escape begins."""
    done = dbt(project, *arguments)
    assert done.returncode == 0, done.stdout
    assert "pepper-7Q" not in done.stdout + done.stderr
    assert files_with(project, "pepper-7Q") == []


def test_the_keys_are_those_of_the_salt(project: Path) -> None:
    dbt(project, "build")
    with duckdb.connect(
        str(project / "feature_store" / "features.duckdb"), read_only=True
    ) as found:
        assert found.execute("select distinct person_id from f").fetchall() == [
            (mlf.surrogate_key("Ann", salt=SALT),)
        ]
        assert found.execute("select f__amount_sum_1d from judged").fetchall() == [(1.0,)]


def test_without_the_variable_nothing_starts(project: Path) -> None:
    done = dbt(project, "build", salt=None)
    assert done.returncode != 0
    assert "Env var required but not provided: 'KEY_SALT'" in done.stdout + done.stderr


def test_a_profile_without_the_setting_makes_no_unsalted_key(project: Path) -> None:
    file = project / "dbt" / "profiles.yml"
    text = file.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "mlforge_salt" not in line]
    file.write_text("\n".join(lines), encoding="utf-8")
    try:
        done = dbt(project, "build")
    finally:
        file.write_text(text, encoding="utf-8")
    assert "the setting `variable mlforge_salt` is missing in profiles.yml" in done.stdout
    assert done.returncode == 1
