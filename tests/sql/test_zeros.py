"""-0.0 and 0.0 are one value: for ties, and in what features give."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from harness import Run, compile_and_run, write_parquet, write_project
from warehouse import Warehouse
from warehouse_harness import CONFIG, WarehouseRun, load_table, run_on_warehouse

COLUMNS = {"user_id": "BIGINT", "at": "TIMESTAMP", "x": "DOUBLE", "y": "FLOAT", "rank": "BIGINT"}
START = datetime(2024, 1, 1)
FUNCTIONS = ["min", "max", "sum", "mean"]
METRICS = [{"windows": ["1d", "lifetime"], "aggregations": {"x": FUNCTIONS, "y": FUNCTIONS}}]
SPEC = {
    "entities": [{"name": "user", "join_key": "user_id"}],
    "sources": [{"name": "events", "path": "e.parquet", "table": "a.b.c", "timestamp": "at"}],
    "features": [
        {"name": name, "source": "events", "entities": ["user"], **what}
        for name, what in (
            ("gridded", {"interval": "1d", "metrics": METRICS}),
            ("continuous", {"metrics": METRICS}),
            ("latest", {"select": {"x": "x", "y": "y", "rank": "rank"}}),
            ("tied", {"select": {"x": "x", "rank": "rank"}, "tie_breaker": ["x", "rank"]}),
        )
    ],
}
PAIRS = ((-0.0, -0.0), (-0.0, 0.0), (0.0, -0.0), (0.0, 0.0))
ROWS: list[dict[str, Any]] = [
    {"user_id": user, "at": START + timedelta(hours=hour), "x": value, "y": value, "rank": rank}
    for user, pair in enumerate(PAIRS)
    for hour in (0, 1)
    for rank, value in enumerate(pair)
]


def check(run: Run | WarehouseRun) -> None:
    for feature in ("gridded", "continuous", "latest", "tied"):
        for table in (feature, f"{feature}_current"):
            rows = run.rows(table)
            assert rows
            for row in rows:
                for name, value in row.items():
                    if isinstance(value, float):
                        assert (value, math.copysign(1, value)) == (0.0, 1.0), (table, name)
    assert {row["rank"] for row in run.rows("tied")} == {1}, "zeros tie, and the rank decides"


def test_on_duckdb(tmp_path: Path) -> None:
    write_project(tmp_path, SPEC, CONFIG)
    write_parquet(tmp_path / "e.parquet", COLUMNS, ROWS)
    run = compile_and_run(tmp_path)
    raw = run.connection.execute("select x from stg_events where user_id = 0").fetchall()
    assert {math.copysign(1, value) for (value,) in raw} == {-1.0}, "the source has negative zeros"
    check(run)
    kinds = dict(row[:2] for row in run.connection.execute("describe latest").fetchall())
    assert (kinds["x"], kinds["y"]) == ("DOUBLE", "FLOAT")


def test_on_databricks(tmp_path: Path, shared_warehouse: Warehouse) -> None:
    connection = shared_warehouse.connect()
    schema = "main.zeros"
    connection.sql(f"create schema if not exists {schema}")
    write_project(tmp_path, SPEC, CONFIG)
    write_parquet(tmp_path / "e.parquet", COLUMNS, ROWS)
    compiled = compile_and_run(tmp_path).compiled
    load_table(connection, f"{schema}.events", COLUMNS, ROWS)
    raw = connection.sql(f"select x from {schema}.events where user_id = 0")
    assert raw
    check(run_on_warehouse(compiled, connection, schema))
