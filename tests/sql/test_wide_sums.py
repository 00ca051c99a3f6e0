"""Sums within a tick that 64 bits do not hold: a mean of them exists on both engines."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from harness import Run, compile_and_run, write_parquet, write_project
from warehouse import Warehouse
from warehouse_harness import CONFIG, WarehouseRun, load_table, run_on_warehouse

SCHEMA = "main.wide_sums"
COLUMNS = {"user_id": "VARCHAR", "at": "TIMESTAMP", "quantity": "BIGINT", "hour": "BIGINT"}
LARGE = 5 * 10**18
ROWS = [
    {"user_id": "u", "at": datetime(2024, 1, 1, hour), "quantity": LARGE, "hour": hour}
    for hour in (1, 2, 3)
]
SPEC = {
    "entities": [{"name": "user", "join_key": "user_id"}],
    "sources": [{"name": "events", "path": "e.parquet", "table": "a.b.events", "timestamp": "at"}],
    "features": [
        {
            "name": name,
            "source": "events",
            "entities": ["user"],
            **clock,
            "metrics": [
                {
                    "windows": ["1d"],
                    "aggregations": {
                        "quantity": ["mean", "count"],
                        "hour": ["count", "std", "sum"],
                    },
                }
            ],
        }
        for name, clock in (("gridded", {"interval": "1d"}), ("continuous", {}))
    ],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_project(tmp_path, SPEC, CONFIG)
    write_parquet(tmp_path / "e.parquet", COLUMNS, ROWS)
    return tmp_path


def check(run: Run | WarehouseRun) -> None:
    gridded = run.rows("gridded", "feature_timestamp")
    assert [row["quantity_mean_1d"] for row in gridded] == [float(LARGE), None]
    assert [row["hour_sum_1d"] for row in gridded] == [6, None]
    assert [row["hour_count_1d"] for row in gridded] == [3, 0]
    assert [row["hour_std_1d"] for row in gridded] == [1.0, None]
    continuous = run.rows("continuous", "feature_timestamp")
    assert [row["quantity_count_1d"] for row in continuous] == [1, 2, 3, 2, 1, 0]
    assert {row["quantity_mean_1d"] for row in continuous} == {float(LARGE), None}
    assert [row["hour_sum_1d"] for row in continuous] == [1, 3, 6, 5, 3, None]


def test_on_duckdb(root: Path) -> None:
    check(compile_and_run(root))


def test_on_databricks(root: Path, shared_warehouse: Warehouse) -> None:
    run = compile_and_run(root)
    connection = shared_warehouse.connect()
    connection.sql(f"create schema if not exists {SCHEMA}")
    load_table(connection, f"{SCHEMA}.events", COLUMNS, ROWS)
    plan = run.compiled.plan
    names = [item.name for item in plan.stagings] + [item.name for item in plan.inputs]
    names += [item.name for item in plan.tiles] + ["gridded", "continuous"]
    check(run_on_warehouse(run.compiled, connection, SCHEMA, names=names))
