"""Local times on both engines, quarter by quarter of an hour around changes of clocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness import CONFIG, compile_and_run, write_parquet, write_project
from local_times import CHANGES, STORED, TYPES, Local, columns, local_times
from warehouse import Warehouse
from warehouse_harness import CONFIG as BOTH
from warehouse_harness import load_table, run_on_warehouse

from mlforge_sql.workflows.compile import compile_project

SCHEMA = "main.time_zones"
ROW = {"n": "BIGINT", "user_id": "VARCHAR"}
TICK = timedelta(minutes=5)


def rows(times: Sequence[Local]) -> list[dict[str, Any]]:
    """Every local time in all columns, and one row without any."""
    found = [{"n": n, "user_id": "u", **columns(item.time)} for n, item in enumerate(times)]
    return [*found, {"n": len(times), "user_id": "u", **columns(None)}]


def spec(zone: str, stored: Sequence[str]) -> dict[str, Any]:
    """A source, a training set of the same rows, and a feature of each, for every way to store a time."""
    sources: list[dict[str, Any]] = [
        {
            "name": name,
            "path": "data/rows.parquet",
            "timestamp": {**STORED[name][1], "timezone": zone},
        }
        for name in stored
    ]
    sources.append({"name": "ticks", "path": "data/ticks.parquet", "timestamp": "tick"})
    features = [
        {
            "name": f"last_{item['name']}",
            "source": item["name"],
            "entities": ["user"],
            "select": {"m": "n"},
        }
        for item in sources[:-1]
    ]
    features.append(
        {"name": "clock", "source": "ticks", "entities": ["user"], "select": {"since": "tick"}}
    )
    training_sets = [
        {"name": f"labelled_{name}", "labels": name, "features": ["clock"]} for name in stored
    ]
    entities = [{"name": "user", "join_key": "user_id"}]
    return {
        "entities": entities,
        "sources": sources,
        "features": features,
        "training_sets": training_sets,
    }


def ticks(times: Sequence[Local]) -> list[dict[str, Any]]:
    """An event every five minutes around all instants; a label sees the last one before it."""
    wanted = {instant for item in times for instant in item.instants}
    whole = {instant - (instant - datetime(1970, 1, 1)) % TICK for instant in wanted}
    near = {start + step * TICK for start in whole for step in range(-2, 3)}
    return [{"user_id": "u", "tick": tick} for tick in sorted(near)]


def before(instant: datetime) -> datetime:
    """The last tick before an instant."""
    rest = (instant - datetime(1970, 1, 1)) % TICK
    return instant - (rest or TICK)


def check_events(run: Any, name: str, times: Sequence[Local]) -> None:
    event_time = "event_timestamp" if len(STORED[name][0]) > 1 else next(iter(STORED[name][0]))
    found = {row["n"]: row[event_time] for row in run.rows(f"stg_{name}")}
    assert found.pop(len(times)) is None
    assert len(found) == len(times)
    for n, item in enumerate(times):
        assert found[n] == item.instants[0], (name, item)


def check_labels(run: Any, name: str, times: Sequence[Local]) -> None:
    found = {row["n"]: row["clock__since"] for row in run.rows(f"labelled_{name}")}
    assert found.pop(len(times)) is None
    assert len(found) == len(times)
    for n, item in enumerate(times):
        assert found[n] == before(item.instants[1]), (name, item)


def write_rows(root: Path, times: Sequence[Local], kinds: Mapping[str, str]) -> None:
    write_parquet(root / "data" / "rows.parquet", {**ROW, **kinds}, rows(times))
    write_parquet(
        root / "data" / "ticks.parquet", {"user_id": "VARCHAR", "tick": "TIMESTAMP"}, ticks(times)
    )


@pytest.mark.parametrize("zone", CHANGES)
def test_local_times_on_duckdb(tmp_path: Path, zone: str) -> None:
    times = local_times(zone)
    write_rows(tmp_path, times, TYPES)
    run = compile_and_run(write_project(tmp_path, spec(zone, list(STORED)), CONFIG))
    for name in STORED:
        check_events(run, name, times)
        check_labels(run, name, times)


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/Chicago", "Australia/Lord_Howe", "Pacific/Apia"]
)
def test_local_times_on_databricks(tmp_path: Path, shared_warehouse: Warehouse, zone: str) -> None:
    connection = shared_warehouse.connect()
    connection.sql(f"create schema if not exists {SCHEMA}")
    times = local_times(zone)
    kinds = {name: kind for name, kind in TYPES.items() if kind in {"TIMESTAMP", "DATE", "VARCHAR"}}
    stored = [name for name, (needed, _) in STORED.items() if set(needed) <= set(kinds)]
    write_rows(tmp_path, times, kinds)
    compiled = compile_project(write_project(tmp_path, spec(zone, stored), BOTH))
    for name in stored:
        load_table(connection, f"{SCHEMA}.{name}", {**ROW, **kinds}, rows(times))
    load_table(
        connection, f"{SCHEMA}.ticks", {"user_id": "VARCHAR", "tick": "TIMESTAMP"}, ticks(times)
    )
    run = run_on_warehouse(compiled, connection, SCHEMA)
    for name in stored:
        check_events(run, name, times)
        check_labels(run, name, times)
    connection.sql(f"drop schema {SCHEMA} cascade")
