"""Sums within a tick that 64 bits do not hold: a mean of them exists on both engines."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
from harness import Run, compile_and_run, write_parquet, write_project
from warehouse import Warehouse
from warehouse_harness import CONFIG, WarehouseRun, load_table, run_on_warehouse

from mlforge_sql.workflows.compile import compile_project

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


SLID = {
    "name": "slid",
    "source": "events",
    "entities": ["user"],
    "interval": "1h",
    "metrics": [{"windows": ["1000h"], "aggregations": {"amount": ["sum"]}}],
}
REACHING = {**SPEC, "features": [SLID]}


def test_totals_lose_no_digit_when_a_tile_leaves(tmp_path: Path) -> None:
    """A tile of a million values of 28 digits has 34 and more: so many Spark's own opposite has, and no more.

    What the text that is cast here is, `tests/dialects/numbers.sql` asks both engines.
    """
    write_project(tmp_path, REACHING, CONFIG)
    columns = {"user_id": "VARCHAR", "at": "TIMESTAMP", "amount": "DECIMAL(28, 2)"}
    write_parquet(tmp_path / "e.parquet", columns, [])
    compiled = compile_project(tmp_path)
    (text,) = [
        text for name, text in compiled.files.items() if str(name).endswith("features/slid.sql")
    ]
    flat = " ".join(text.split())
    opposite = "cast(replace(concat('-', cast(amount_sum as string)), '--', '') as decimal(38, 2))"
    assert f"case shift when 0 then amount_sum when 1000 then {opposite} end" in flat
    assert "case shift when 0 then 1 when 1000 then -1 end" in flat  # how many there are


def test_totals_of_powers_lose_no_digit_either(tmp_path: Path) -> None:
    """Powers of bigints in tiles are as long as that, for `std` and `variance`."""
    metrics = [{"windows": ["1000h"], "aggregations": {"amount": ["std"]}}]
    feature = {**SLID, "metrics": metrics}
    write_project(tmp_path, {**REACHING, "features": [feature]}, CONFIG)
    columns = {"user_id": "VARCHAR", "at": "TIMESTAMP", "amount": "BIGINT"}
    write_parquet(tmp_path / "e.parquet", columns, [])
    files = compile_project(tmp_path).files
    (text,) = [text for name, text in files.items() if str(name).endswith("features/slid.sql")]
    flat = " ".join(text.split())
    highs = "cast(replace(concat('-', cast(amount_highs as string)), '--', '') as decimal(38, 0))"
    assert f"then amount_highs when 1000 then {highs} end" in flat


LONG = Decimal("123456789012345678901234567890123456.78")
"""38 digits: what leaves a window leaves it with the last of them."""

AMOUNTS = {1: LONG, 2: Decimal("0.01"), 9: LONG.copy_negate(), 10: Decimal("-0.02")}
LONG_COLUMNS = {"user_id": "VARCHAR", "at": "TIMESTAMP", "amount": "DECIMAL(38, 2)"}
LONG_ROWS = [
    {"user_id": "u", "at": datetime(2024, 1, 1, hour), "amount": amount}
    for hour, amount in AMOUNTS.items()
]
LONG_SPEC = {
    **SPEC,
    "features": [
        {
            "name": "slid",
            "source": "events",
            "entities": ["user"],
            "interval": "1h",
            "metrics": [{"windows": ["2h", "4h"], "aggregations": {"amount": ["sum"]}}],
        }
    ],
}


def long_sums(hours: int) -> dict[int, Decimal | None]:
    """The sum at each full hour, as Python adds."""
    windows = {
        tick: [AMOUNTS[hour] for hour in AMOUNTS if tick - hours <= hour < tick]
        for tick in range(24)
    }
    with localcontext(prec=60):
        return {tick: sum(found, Decimal(0)) if found else None for tick, found in windows.items()}


def check_long(run: Run | WarehouseRun) -> None:
    found = run.rows("slid", "feature_timestamp")
    assert len(found) > len(AMOUNTS)
    for row in found:
        hour = row["feature_timestamp"].hour
        assert row["amount_sum_2h"] == long_sums(2)[hour]
        assert row["amount_sum_4h"] == long_sums(4)[hour]


@pytest.fixture
def long_root(tmp_path: Path) -> Path:
    write_project(tmp_path, LONG_SPEC, CONFIG)
    write_parquet(tmp_path / "e.parquet", LONG_COLUMNS, LONG_ROWS)
    return tmp_path


def test_long_decimals_leave_windows_on_duckdb(long_root: Path) -> None:
    check_long(compile_and_run(long_root))


def test_long_decimals_leave_windows_on_databricks(
    long_root: Path, shared_warehouse: Warehouse
) -> None:
    """Sums of that many digits are kept in three parts, which are taken off one by one."""
    run = compile_and_run(long_root)
    connection = shared_warehouse.connect()
    connection.sql(f"create schema if not exists {SCHEMA}_long")
    load_table(connection, f"{SCHEMA}_long.events", LONG_COLUMNS, LONG_ROWS)
    plan = run.compiled.plan
    names = [item.name for item in plan.stagings] + [item.name for item in plan.inputs]
    names += [item.name for item in plan.tiles] + ["slid"]
    check_long(run_on_warehouse(run.compiled, connection, f"{SCHEMA}_long", names=names))
