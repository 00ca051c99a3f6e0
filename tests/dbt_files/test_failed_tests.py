"""Which tests of the last run hold a feature back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlforge_sql.dbt.artifacts import failed_tests

NODES: dict[str, Any] = {
    "model.f": {"config": {"meta": {"mlforge": {"kind": "feature", "feature": "f"}}}},
    "model.stg": {"config": {"meta": {"mlforge": {"kind": "staging"}}}},
}


def found(root: Path, status: str, **mlforge: str) -> dict[str, str] | None:
    """What a test that reads a feature's table and its staging model holds back."""
    test = {
        "name": "t",
        "resource_type": "test",
        "depends_on": {"nodes": ["model.f", "model.stg"]},
        "config": {"meta": {"mlforge": mlforge}},
    }
    results = {"args": {"target": "dev"}, "results": [{"unique_id": "test.t", "status": status}]}
    (root / "run_results.json").write_text(json.dumps(results))
    (root / "manifest.json").write_text(json.dumps({"nodes": {**NODES, "test.t": test}}))
    return failed_tests(root, "dev")


@pytest.mark.parametrize(
    ("status", "held"),
    [("fail", {"f": "t"}), ("error", {"f": "t"}), ("pass", {}), ("warn", {})],
)
def test_the_audit_of_a_feature_holds_it_back(
    tmp_path: Path, status: str, held: dict[str, str]
) -> None:
    assert found(tmp_path, status, kind="feature_audit", feature="f") == held


def test_other_tests_that_read_more_than_the_feature_do_not(tmp_path: Path) -> None:
    assert found(tmp_path, "fail", kind="audit", training_set="s", feature="f") == {}
    assert found(tmp_path, "fail") == {}
