"""Sums of doubles that no double holds: the build stops and names the column, on both engines."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from harness import Run, compile_and_run, write_parquet, write_project
from warehouse import Warehouse
from warehouse_harness import CONFIG, WarehouseRun, load_table, run_on_warehouse

from mlforge_sql.workflows.compile import compile_project

SCHEMA = "main.overflow"
COLUMNS = {"Order": "BIGINT", "user_id": "VARCHAR", "at": "TIMESTAMP", "x": "DOUBLE", "w": "DOUBLE"}
CLOCKS: dict[str, dict[str, Any]] = {"gridded": {"interval": "1d"}, "continuous": {}}
LARGE = 1.2e308
INFINITE = float("inf")


def events(*values: tuple[float, float | None], user: str = "u") -> list[dict[str, Any]]:
    """Events at days of January, which may be fractions."""
    return [
        {
            "Order": 1,
            "user_id": user,
            "at": datetime(2024, 1, int(day), round(day % 1 * 24)),
            "x": value,
            "w": None,
        }
        for day, value in values
    ]


def weighed(*values: tuple[float, float | None, float | None]) -> list[dict[str, Any]]:
    """Events with a weight each."""
    found = events(*((day, value) for day, value, _ in values))
    return [{**row, "w": weight} for row, (_, _, weight) in zip(found, values, strict=True)]


def document(function: str, **more: Any) -> dict[str, Any]:
    metric = {"windows": ["2d", "lifetime"], "aggregations": {"x": [function]}, **more}
    return {
        "entities": [
            {"name": "user", "join_key": "user_id"},
            {"name": "shop", "join_key": "Order"},
        ],
        "sources": [
            {"name": "events", "path": "e.parquet", "table": "a.b.events", "timestamp": "at"}
        ],
        "features": [
            {
                "name": name,
                "source": "events",
                "entities": ["user", "shop"],
                "metrics": [metric],
                **clock,
            }
            for name, clock in CLOCKS.items()
        ],
    }


def project(
    root: Path, rows: list[dict[str, Any]], function: str = "sum", clock: str = "", **more: Any
) -> Path:
    spec = document(function, **more)
    if clock:
        spec["features"] = [item for item in spec["features"] if item["name"] == clock]
    write_project(root, spec, CONFIG)
    write_parquet(root / "e.parquet", COLUMNS, rows)
    return root


OVERFLOWS = {
    "in one tile": events((1, LARGE), (1.25, LARGE)),
    "in a window": events((1, LARGE), (2, LARGE)),
    "below": events((1, -LARGE), (2, -LARGE), (2.5, None)),
    "only in all time": events((1, LARGE), (9, LARGE)),
    "in both directions": events((1, LARGE), (1.25, LARGE), (2, -LARGE), (2.25, -LARGE)),
    "beside entities with infinite values": [
        *events((1, INFINITE), (2, math.nan), user="a"),
        *events((1, LARGE), (2, LARGE)),
    ],
}


@pytest.mark.parametrize("rows", OVERFLOWS.values(), ids=OVERFLOWS)
@pytest.mark.parametrize("function", ["sum", "mean"])
@pytest.mark.parametrize("clock", CLOCKS)
def test_an_overflow_stops_the_feature(
    tmp_path: Path, rows: list[dict[str, Any]], function: str, clock: str
) -> None:
    with pytest.raises(duckdb.Error) as caught:
        compile_and_run(project(tmp_path, rows, function, clock))
    text = str(caught.value)
    assert f"feature `{clock}`: the values of column `x_{function}_" in text
    assert "too large for a double" in text
    assert "e+30" not in text


@pytest.mark.parametrize("function", ["std", "variance"])
@pytest.mark.parametrize("clock", CLOCKS)
def test_so_do_squares_that_overflow(tmp_path: Path, function: str, clock: str) -> None:
    with pytest.raises(
        duckdb.Error, match=f"feature `{clock}`: the values of column `x_{function}"
    ):
        compile_and_run(project(tmp_path, events((1, LARGE), (1.5, -LARGE)), function, clock))


BIG = 1e200
WEIGHED = {
    "a product": weighed((1, BIG, BIG)),
    "products of both signs": weighed((1, BIG, BIG), (1.25, -BIG, BIG)),
    "in a window": weighed((1, BIG, BIG), (2, -BIG, BIG)),
    "the sum of products": weighed((1, LARGE, 1.0), (1.25, LARGE, 1.0)),
    "the sum of weights": weighed((1, 1.0, LARGE), (2, 1.0, LARGE)),
    "after an infinite value of another day": weighed((1, INFINITE, 1.0), (4, BIG, BIG)),
}


@pytest.mark.parametrize("rows", WEIGHED.values(), ids=WEIGHED)
@pytest.mark.parametrize("clock", CLOCKS)
def test_so_do_values_times_their_weights(
    tmp_path: Path, rows: list[dict[str, Any]], clock: str
) -> None:
    with pytest.raises(
        duckdb.Error, match=f"feature `{clock}`: the values of column `x_weighted_mean_w"
    ):
        compile_and_run(project(tmp_path, rows, "weighted_mean(w)", clock))


@pytest.mark.parametrize("clock", CLOCKS)
def test_weights_that_do_not_count_and_infinite_ones_stop_nothing(
    tmp_path: Path, clock: str
) -> None:
    rows = weighed((1, BIG, BIG), (1, 2.0, 3.0), (2, BIG, None), (2, None, BIG), (3, 3.0, INFINITE))
    run = compile_and_run(project(tmp_path, rows, "weighted_mean(w)", clock, where="x < 3"))
    assert run.rows(clock, "feature_timestamp")[-1]["x_weighted_mean_w_lifetime"] == 2.0
    rows = weighed((1, INFINITE, 0.0), (2, INFINITE, 2.0))
    run = compile_and_run(project(tmp_path / "not", rows, "weighted_mean(w)", clock))
    assert math.isnan(run.rows(clock, "feature_timestamp")[-1]["x_weighted_mean_w_lifetime"])


def test_values_and_weights_that_are_sums_are_multiplied_whole(tmp_path: Path) -> None:
    spec = document("weighted_mean(w)")
    for feature in spec["features"]:
        feature["select"] = {"x": "x + 1", "w": "-1 - w"}
    write_project(tmp_path, spec, CONFIG)
    write_parquet(tmp_path / "e.parquet", COLUMNS, weighed((1, 2.0, 3.0), (1.25, 5.0, 1.0)))
    run = compile_and_run(tmp_path)
    for clock in CLOCKS:
        assert run.rows(clock, "feature_timestamp")[-1]["x_weighted_mean_w_lifetime"] == 4.0


HONEST = [
    *events((1, INFINITE), (1.25, 1.0), (4, 2.0), user="inf"),
    *events((1, INFINITE), (1.25, -INFINITE), (4, 2.0), user="both"),
    *events((1, math.nan), (1.25, 1.0), (4, 2.0), user="nan"),
    *events((1, LARGE), (4, LARGE / 8), user="large"),
    *events((1, None), user="null"),
]


def check_honest(run: Run | WarehouseRun) -> None:
    for clock in CLOCKS:
        rows = run.rows(clock, "user_id, feature_timestamp")
        last = {row["user_id"]: row["x_sum_lifetime"] for row in rows}
        assert last["inf"] == INFINITE
        assert math.isnan(last["both"])
        assert math.isnan(last["nan"])
        assert last["large"] == LARGE + LARGE / 8
        assert last["null"] is None
        short = [row["x_sum_2d"] for row in rows if row["user_id"] == "inf"]
        assert short[-2:] == [2.0, None]
        assert INFINITE in short


def test_values_that_are_infinite_themselves_are_the_engines(tmp_path: Path) -> None:
    check_honest(compile_and_run(project(tmp_path, HONEST)))


def test_what_a_filter_leaves_out_does_not_overflow(tmp_path: Path) -> None:
    rows = events((1, LARGE), (1.25, LARGE), (2, INFINITE), (2.25, 1.0))
    run = compile_and_run(project(tmp_path, rows, where="x < 2"))
    for clock in CLOCKS:
        assert run.rows(clock, "feature_timestamp")[-1]["x_sum_lifetime"] == 1.0
    rows = events((1, LARGE), (1.25, LARGE), (2, INFINITE))
    with pytest.raises(duckdb.Error, match="too large for a double"):
        compile_and_run(project(tmp_path / "kept", rows, where="x < 1.5e308"))


def test_on_databricks(tmp_path: Path, shared_warehouse: Warehouse) -> None:
    connection = shared_warehouse.connect()
    for number, (rows, function) in enumerate(
        [
            (HONEST, "sum"),
            (OVERFLOWS["in one tile"], "sum"),
            (OVERFLOWS["beside entities with infinite values"], "mean"),
            (events((1, LARGE), (1.5, -LARGE)), "std"),
            (WEIGHED["products of both signs"], "weighted_mean(w)"),
        ]
    ):
        schema = f"{SCHEMA}_{number}"
        connection.sql(f"create schema if not exists {schema}")
        load_table(connection, f"{schema}.events", COLUMNS, rows)
        compiled = compile_project(project(tmp_path / str(number), rows, function))
        run = run_on_warehouse(compiled, connection, schema)
        if rows is HONEST:
            check_honest(run)
            continue
        for clock in CLOCKS:
            name = function.partition("(")[0]
            with pytest.raises(Exception, match=f"the values of column `x_{name}_"):
                run.rows(clock)
