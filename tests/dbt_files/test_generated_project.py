"""The dbt project of the example, as an analytics engineer would look at it."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest
import yaml
from branched_share import EXAMPLE, Share, share_of, shares

from mlforge_sql.workflows.compile import compile_project

Files = Mapping[PurePosixPath, str]

LINTED = (
    "models/staging/stg_transactions.sql",
    "models/intermediate/int_fraud_training__labels.sql",
    "models/intermediate/int_transactions__customer_id__1d_tiles.sql",
    "models/features/customer_spend.sql",
    "models/features/customer_spend_current.sql",
    "models/features/customer_velocity.sql",
    "models/features/customer_latest_transaction.sql",
    "models/training/fraud_training.sql",
    "tests/rows/rows_of__stg_transactions.sql",
    "tests/audit/audit_fraud_training__customer_velocity.sql",
)
"""A model or a test of each kind; SQLFluff takes a second for each."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    root = tmp_path_factory.mktemp("generated") / "example_project"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("data", "dbt", "feature_store"))
    script = [sys.executable, str(root / "generate_data.py"), "--rows", "200"]
    subprocess.run(script, check=True, capture_output=True, timeout=60)
    return compile_project(root).files


def test_what_stands_in_branches() -> None:
    text = "select\n    {%- if target.type == 'x' %}\n    a,\n    {%- else %}\n    b,\n    {%- endif %}\n    c\n"
    assert share_of(f"-- no line\n\n{text}") == Share(lines=4, branched=2)


def test_most_sql_is_said_once(files: Files) -> None:
    found = shares(files)
    assert {"models/staging", "models/features", "tests/audit"} <= set(found)
    windows = found.pop("models/features")
    everything_else = sum(found.values(), Share())
    assert everything_else.percent < 2
    assert (everything_else + windows).percent < 35


def test_properties_are_written_as_dbt_projects_are(files: Files) -> None:
    for path, text in files.items():
        if path.suffix == ".yml" and path.parts[0] == "models":
            lines = text.splitlines()[1:]
            assert not [line for line in lines if len(line) > 100], path
            assert "[target.type]" not in text, path
    models = yaml.safe_load(files[PurePosixPath("models/features/customer_spend.yml")])["models"]
    assert [item["name"].removeprefix("customer_spend") for item in models] == [
        "",
        "_current",
        "_upcoming",
    ]
    for item in models:
        expected = ["name", "description", "config", "constraints", "data_tests", "columns"]
        assert list(item) == expected
        assert item["columns"][0]["data_type"] == "string"


def test_the_public_macros_come_first(files: Files) -> None:
    macros = yaml.safe_load(files[PurePosixPath("macros/_macros.yml")])["macros"]
    assert [item["name"] for item in macros[:2]] == ["training_set", "asof_join"]


def test_sources_without_a_description_have_one(files: Files) -> None:
    for source in yaml.safe_load(files[PurePosixPath("models/staging/_sources.yml")])["sources"]:
        assert source["description"]
        assert all(table["description"] for table in source["tables"])


@pytest.mark.skipif(
    importlib.util.find_spec("sqlfluff") is None, reason="SQLFluff is not there: make sync"
)
@pytest.mark.parametrize("settings", [".sqlfluff", ".sqlfluff-databricks"])
def test_sqlfluff_reads_models_and_finds_nothing(
    files: Files, tmp_path: Path, settings: str
) -> None:
    for path in (*LINTED, ".sqlfluff", ".sqlfluff-databricks"):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(files[PurePosixPath(path)], encoding="utf-8")
    broken = tmp_path / "broken.sql"
    broken.write_text("select a,, b from {{ ref('x') }}\n", encoding="utf-8")
    command = [sys.executable, "-m", "sqlfluff", "lint", "--disable-progress-bar"]
    command += ["--format", "yaml", "--config", settings, "models", "tests", "broken.sql"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    found = {item["filepath"]: item["violations"] for item in yaml.safe_load(done.stdout)}
    assert set(found) == {*LINTED, "broken.sql"}
    assert {path: item for path, item in found.items() if item}.keys() == {"broken.sql"}, found
