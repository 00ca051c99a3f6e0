"""Training data from a SQL warehouse that refuses, or goes away: a message with the next step."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from purchases import LABEL_SCHEMA, LABELS, ROWS, SCHEMA, SPEC
from two_stores import build_both, config, login
from warehouse import Warehouse, start_warehouse

import mlforge_sql as mlf
from mlforge_sql.cli import main

PLACE = "failing"


@pytest.fixture(scope="module")
def warehouse(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse of this module: the last test ends it."""
    with start_warehouse(environment, tmp_path_factory.mktemp("failing")) as running:
        yield running


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, warehouse: Warehouse) -> Path:
    root = tmp_path_factory.mktemp("databricks")
    sources = {"events": (SCHEMA, ROWS), "labels": (LABEL_SCHEMA, LABELS)}
    build_both(root, SPEC, sources, warehouse.connect(), PLACE)
    warehouse.sql("create schema main.failing_scratch")
    settings = config(PLACE, scratch_schema="failing_scratch")
    (root / "mlforge.yaml").write_text(yaml.safe_dump(settings))
    return root


@pytest.fixture(autouse=True)
def logged_in(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    login(warehouse, monkeypatch)
    yield
    if warehouse.running:
        warehouse.allow()


def refused(root: Path, labels: Any = None) -> str:
    given = pd.DataFrame(LABELS) if labels is None else labels
    begun = time.monotonic()
    with pytest.raises(mlf.RetrievalError) as caught:
        mlf.load_project(root).get_training_data("spend", given, "taken", "databricks")
    assert time.monotonic() - begun < 60
    secret = os.environ.get("DATABRICKS_TOKEN")
    assert not secret or secret not in str(caught.value)
    return str(caught.value)


def left(warehouse: Warehouse) -> list[str]:
    return [row[1] for row in warehouse.sql("show tables in main.failing_scratch")]


def test_no_login(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABRICKS_TOKEN")
    assert refused(root).startswith(
        "error[MF076]: the environment variable DATABRICKS_TOKEN is not set; "
    )


def test_a_wrong_token(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-not-a-token")
    assert refused(root).startswith(
        "error[MF078]: Databricks does not accept the token in DATABRICKS_TOKEN; make a new token"
    )


def test_a_service_principal(
    root: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABRICKS_TOKEN")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", "somebody")
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", warehouse.token)
    found = mlf.load_project(root).get_training_data("spend", "labels", "taken", "databricks")
    assert found.num_rows == 30
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "not-the-secret")
    assert refused(root).startswith(
        "error[MF078]: Databricks does not accept the service principal"
    )


def test_an_address_that_does_not_answer(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "127.0.0.1:1")
    assert refused(root).startswith("error[MF077]: `127.0.0.1:1` refuses connections; check")


def test_a_catalog_that_is_not_there(root: Path, tmp_path: Path) -> None:
    (tmp_path / "features").symlink_to(root / "features")
    (tmp_path / "data").symlink_to(root / "data")
    settings = config(PLACE)
    settings["profiles"]["databricks"]["offline_store"]["catalog"] = "nowhere"
    (tmp_path / "mlforge.yaml").write_text(yaml.safe_dump(settings))
    assert refused(tmp_path).startswith("error[MF079]: the catalog `nowhere` does not exist, or")


def test_missing_privileges(root: Path, warehouse: Warehouse) -> None:
    warehouse.deny("SELECT")
    assert refused(root).startswith("error[MF079]: the privilege SELECT is missing; ask its owner")
    warehouse.allow()
    warehouse.deny("CREATE TABLE")
    assert refused(root).startswith(
        "error[MF097]: local labels cannot be put into `main.failing_scratch`: "
        "the privilege CREATE TABLE is missing; have CREATE TABLE granted there"
    )
    warehouse.allow()
    warehouse.deny("MODIFY")
    assert refused(root).startswith("error[MF079]: the privilege MODIFY is missing")
    warehouse.allow()
    assert left(warehouse) == []


def test_a_warehouse_that_stops_in_the_middle(
    root: Path, warehouse: Warehouse, tmp_path: Path
) -> None:
    warehouse.stop_at("order by `mlforge_row`")
    out = tmp_path / "out" / "train.parquet"
    out.parent.mkdir()
    wanted = ["--features", "spend", "--timestamp", "taken", "--profile", "databricks"]
    arguments = ["training-data", str(root / "data" / "labels.parquet"), *wanted, "--out", str(out)]
    begun = time.monotonic()
    result = CliRunner().invoke(main, ["--project-dir", str(root), *arguments])
    assert time.monotonic() - begun < 60
    assert result.exit_code == 1
    said = " ".join(result.stderr.split())
    assert said.startswith("error[MF077]: the SQL warehouse stopped answering")
    assert warehouse.token not in said
    assert list(out.parent.iterdir()) == []
