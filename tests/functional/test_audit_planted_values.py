"""Audits of tables that are not what the events say: values are shown where they are asked for, nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import served
from harness import CONFIG, write_parquet
from test_dbt_planted_values import MARKS, ROW, SCHEMA, feature, files_with, selected

pytestmark = pytest.mark.functional

PLAIN = {**ROW, "user_id": "u1", "name": "7", "big": 7, "price": 7.0, "note": "7"}
SPEC: dict[str, Any] = {
    "entities": [{"name": "user", "join_key": "user_id"}],
    "sources": [{"name": "events", "timestamp": "event_time", "path": served.EVENTS}],
    "features": [
        selected("latest", "name"),
        feature("casted", where="cast(name as integer) > 0"),
        selected("narrower", "cast(big as tinyint)"),
    ],
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of plain events, and marked events in their place."""
    root = tmp_path_factory.mktemp("planted_audit")
    served.build(root, SPEC, [PLAIN], SCHEMA, settings=CONFIG)
    write_parquet(root / served.EVENTS, SCHEMA, [ROW, ROW])
    return root


@pytest.fixture(scope="module")
def audited(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mlforge_sql.cli", "audit"],
        cwd=root,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "400"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_it_fails(audited: subprocess.CompletedProcess[str]) -> None:
    said = audited.stdout + audited.stderr
    assert audited.returncode == 1, said
    assert "differ" in audited.stdout
    assert "an expression over `name` fails for some rows" in said
    assert "an expression over `big` fails for some rows" in said


def test_values_are_in_its_examples_alone(
    root: Path, audited: subprocess.CompletedProcess[str]
) -> None:
    assert "Q7Xname" in audited.stdout  # the differences are what was asked for
    for mark in MARKS:
        assert mark not in audited.stderr
        assert files_with(root, mark) == []
