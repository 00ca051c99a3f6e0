"""train.py and serve.py of the example: a model, its metrics, and scores from online features."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import mlforge_sql as mlf

pytestmark = pytest.mark.functional

EXAMPLE = Path(__file__).parents[2] / "example_project"
FEATURES = ["customer_spend", "customer_velocity:velocity_7d", "customer_merchant_affinity"]


def run(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # more wait for each other on a busy machine
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built on DuckDB."""
    folder = tmp_path_factory.mktemp("model") / "example_project"
    ignored = shutil.ignore_patterns("data", "dbt", "feature_store", "model")
    shutil.copytree(EXAMPLE, folder, ignore=ignored)
    for command in (
        ["generate_data.py", "--rows", "12000", "--customers", "300"],
        ["-m", "mlforge_sql.cli", "--quiet", "build", "--training-sets", "fraud_training"],
    ):
        done = run(folder, *command)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_a_score_needs_a_model(root: Path) -> None:
    shutil.rmtree(root / "model", ignore_errors=True)
    done = run(root, "serve.py")
    assert done.returncode == 1
    assert "run `python train.py`" in done.stderr


def test_training_writes_a_model_its_metrics_and_a_plot(root: Path) -> None:
    done = run(root, "train.py")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((root / "model" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["roc_auc"] > 0.8
    assert 0 < metrics["frauds_in_top_2_percent"] <= metrics["frauds"]
    picture = (root / "model" / "precision_recall.png").read_bytes()
    assert picture.startswith(b"\x89PNG")


def test_serving_scores_single_transactions(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked up one by one at their times, and joined all at once: the scores are the same."""
    done = run(root, "serve.py")
    assert done.returncode == 0, done.stderr
    shown = dict(re.findall(r"^(T\S+) .* ([01]\.\d{3})  ", done.stdout, re.MULTILINE))
    assert len(shown) == 6
    monkeypatch.syspath_prepend(str(root))
    import joblib

    fraud_model = importlib.import_module("fraud_model")

    rows = pd.read_parquet(root / "data" / "transactions.parquet")
    rows = rows[rows["transaction_id"].isin(shown)].reset_index(drop=True)
    assert set(rows["is_fraud"]) == {True, False}
    rows["transaction_time"] = pd.to_datetime(rows["transaction_time"])
    project = mlf.load_project(root)
    joined = project.get_training_data(fraud_model.FEATURES, rows, "transaction_time")
    chances = joblib.load(root / "model" / "fraud_model.joblib").predict_proba(
        fraud_model.inputs(joined)
    )
    expected = [f"{chance:5.3f}" for chance in chances[:, 1]]
    assert shown == dict(zip(rows["transaction_id"], expected, strict=True))
    assert run(root, "serve.py", "--now", "--transaction-id", "none").returncode == 1


def test_the_model_is_served_what_it_was_trained_on(root: Path) -> None:
    project = mlf.load_project(root)
    labels = pd.read_parquet(root / "data" / "labels.parquet").sample(20, random_state=1)
    expected = project.get_training_data(FEATURES, labels, "label_time")
    for row in expected.to_dict("records"):
        label = {name: row[name] for name in labels.columns}
        found = project.get_online_features(FEATURES, label, at=row["label_time"].to_pydatetime())
        for name, value in row.items():
            both_missing = pd.isna(value) and pd.isna(found[name])
            assert both_missing or found[name] == value, (name, row["transaction_id"])
