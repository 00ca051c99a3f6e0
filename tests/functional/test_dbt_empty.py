"""`dbt build --empty`: tables without rows, which nothing reads as values."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from purchases import LABELS, build

import mlforge_sql as mlf
from mlforge_sql.workflows.compile import compile_project
from mlforge_sql.workflows.compile import write_project as write_dbt

pytestmark = pytest.mark.functional


def dbt(root: Path, *arguments: str) -> str:
    command = [str(Path(sys.executable).with_name("dbt")), *arguments, "--profiles-dir", "."]
    done = subprocess.run(command, cwd=root / "dbt", capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_an_empty_build_answers_nobody(tmp_path: Path) -> None:
    root = build(tmp_path)
    write_dbt(compile_project(root))
    shutil.rmtree(root / "dbt" / "target", ignore_errors=True)
    labels = pd.DataFrame(LABELS)
    project = mlf.load_project(root)
    expected = project.get_training_data("shop_spend", labels, "taken")
    said = dbt(root, "run", "--empty")
    assert "with --empty, feature tables have no rows" in said, said
    with duckdb.connect(root / "feature_store" / "features.duckdb", read_only=True) as connection:
        query = "select distinct spec_hash, row_count from features._mlforge_metadata"
        assert ("empty", 0) in connection.execute(query).fetchall()
    with pytest.raises(mlf.RetrievalError, match="has no rows: dbt was last run with --empty"):
        project.get_training_data("shop_spend", labels, "taken")
    said = dbt(root, "run")
    assert "with --empty" not in said, said
    assert project.get_training_data("shop_spend", labels, "taken").equals(expected)
