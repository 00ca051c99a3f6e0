"""Marked values in every column of a table on Databricks, failures of every kind, and a search for the marks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from harness import write_project
from warehouse import Warehouse

from mlforge_sql.cli import main

pytestmark = pytest.mark.functional

RAW, FEATURES = "main.planted_raw", "planted_features"
MARKS = ("Q7X", "9223372036854771774", "8814711", "2031-07-17", "119S")
COLUMNS = {
    "user_id": "string",
    "name": "string",
    "big": "bigint",
    "small": "tinyint",
    "price": "double",
    "cost": "decimal(18, 2)",
    "born": "date",
    "event_time": "timestamp",
}
ROWS = (
    "('Q7Xuser', 'Q7Xname', 9223372036854771774, 119Y, 8814711.25d, cast(8814711.25 as decimal(18, 2)), "
    "date'2031-07-17', timestamp'2024-01-01 12:00:00')"
)
FAILING = {
    "narrower": "cast(big as integer)",
    "whole": "cast(price as tinyint)",
    "fewer_digits": "cast(cost as decimal(5, 1))",
    "digits_of_integer": "cast(big as decimal(10, 2))",
    "small_sum": "small + small",
    "cube": "cost * cost * cost",
}
WITHOUT_VALUES = {"product": "big * 1000", "divided": "big // (small - 119)"}
"""What Databricks tells without a value, and is left as it is."""


def selected(name: str, expression: str) -> dict[str, Any]:
    return {"name": name, "source": "events", "entities": ["user"], "select": {"found": expression}}


SPEC: dict[str, Any] = {
    "entities": [{"name": "user", "join_key": "user_id"}],
    "sources": [
        {"name": "events", "table": f"{RAW}.events", "timestamp": "event_time", "columns": COLUMNS},
        {"name": "filtered", "table": f"{RAW}.events", "timestamp": "event_time", "columns": COLUMNS,
         "where": "cast(big as integer) > 0"},
    ],
    "features": [
        *(selected(name, text) for name, text in (FAILING | WITHOUT_VALUES).items()),
        {**selected("of_filtered", "name"), "source": "filtered"},
        {**selected("tested", "name"),
         "validators": {"name": [{"matches_regex": "^[0-9]+$"}], "big": [{"less_than": 5}]}},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def root(shared_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Path:
    shared_warehouse.sql(f"create schema if not exists {RAW}")
    names = ", ".join(COLUMNS)
    shared_warehouse.sql(
        f"create or replace table {RAW}.events as select * from values {ROWS} as t({names})"
    )
    store = {"KIND": "unity_catalog", "catalog": "main", "schema": FEATURES}
    config = {"name": "planted", "profiles": {"databricks": {"offline_store": store}}}
    return write_project(tmp_path_factory.mktemp("planted"), SPEC, config)


@pytest.fixture(scope="module")
def built(root: Path, shared_warehouse: Warehouse) -> str:
    """What ``mlforge build`` prints."""
    runner = CliRunner(env={"COLUMNS": "400", "NO_COLOR": "1", **shared_warehouse.login()})
    result = runner.invoke(main, ["--project-dir", str(root), "build"])
    assert result.exit_code == 1, result.output
    return result.output


@pytest.mark.parametrize("mark", MARKS)
def test_nothing_is_shown(mark: str, built: str) -> None:
    assert mark not in built


@pytest.mark.parametrize("mark", MARKS)
def test_nothing_is_written(mark: str, root: Path, built: str) -> None:
    """In ``target/`` and in ``logs/``, where dbt writes what the engine says."""
    assert built
    files = (item for item in (root / "dbt").rglob("*") if item.is_file())
    assert [str(item) for item in files if mark.encode() in item.read_bytes()] == []


@pytest.mark.parametrize("name", FAILING)
def test_each_failure_is_told(name: str, built: str) -> None:
    assert f"feature `{name}`: an expression over `" in built


def test_the_source_and_the_rest_are_told(built: str) -> None:
    # Spark hides the words of an error in a subquery that it broadcasts; the rows are counted in one
    told = "source `filtered`: an expression over `big` fails for some rows"
    assert told in built or "Database Error in test rows_of__stg_filtered" in built
    assert "long overflow" in built
    assert "Division by zero" in built
    assert "matches_regex ^[0-9]+$: 1 row" in built
