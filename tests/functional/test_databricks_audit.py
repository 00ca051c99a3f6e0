"""The leakage audit on Databricks: real dbt runs it on Spark, the verdict comes through the connector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from purchases import LABEL_SCHEMA, LABELS, ROWS, SCHEMA, SPEC
from two_stores import build_both, login
from warehouse.client import Warehouse

from mlforge_sql.cli import main

pytestmark = pytest.mark.functional

PLACE = "audited"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, shared_warehouse: Warehouse) -> Path:
    root = tmp_path_factory.mktemp("audited")
    sources = {"events": (SCHEMA, ROWS), "labels": (LABEL_SCHEMA, LABELS)}
    spec = {**SPEC, "sources": [{**item, "table": f"main.{PLACE}.{item['name']}"} for item in SPEC["sources"]]}  # fmt: skip
    build_both(root, spec, sources, shared_warehouse.connect(), PLACE)
    return root


@pytest.fixture(autouse=True)
def logged_in(shared_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    login(shared_warehouse, monkeypatch)


def audit(root: Path, *arguments: str) -> Result:
    listed = ["--project-dir", str(root), "audit", *arguments, "--profile", "databricks"]
    return CliRunner().invoke(main, listed)


def test_a_planted_fault(root: Path, shared_warehouse: Warehouse) -> None:
    shared_warehouse.sql(
        f"update main.{PLACE}.train set shop_spend__amount_max_2d = 1e9 "
        "where taken < timestamp '2024-01-02 00:00:00'"
    )
    result = audit(root, "--json")
    assert result.exit_code == 1, result.output
    found: dict[str, Any] = {item["feature"]: item for item in json.loads(result.stdout)["audits"]}
    honest = found["spend"]
    assert (honest["equal"], honest["rows"], honest["columns"]) == (True, 30, 4)
    wrong = found["shop_spend"]
    assert (wrong["differences"], wrong["rows"], wrong["total"]) == (3, 30, 30)
    first = wrong["examples"][0]
    assert list(first) == [
        "shop_id",
        "label_time",
        "feature_column",
        "in_training_set",
        "recomputed",
    ]
    assert first["label_time"].startswith("2024-01-01 ")
    assert "+00:00" not in first["label_time"]
    assert float(first["in_training_set"]) == 1e9


def test_training_sets_that_are_not_built(root: Path, shared_warehouse: Warehouse) -> None:
    shared_warehouse.sql(f"drop table main.{PLACE}.train")
    result = audit(root)
    assert result.exit_code == 1
    said = " ".join(result.stderr.split())
    assert "training set `train` is not built in profile `databricks`" in said
    assert "run `mlforge build --training-sets train --profile databricks`" in said
