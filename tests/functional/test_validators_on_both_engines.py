"""One planted violation of each validator fails the same tests, by as many rows, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from harness import write_parquet, write_project
from warehouse_dbt import WarehouseProject
from warehouse_harness import CONFIG, load_table

if TYPE_CHECKING:
    from pathlib import Path

    from warehouse import Warehouse

pytestmark = pytest.mark.functional

COLUMNS = {
    "user_id": "VARCHAR",
    "at": "TIMESTAMP",
    "amount": "DOUBLE",
    "price": "DECIMAL(12,2)",
    "quantity": "BIGINT",
    "kind": "VARCHAR",
    "born": "DATE",
    "flag": "BOOLEAN",
}
GOOD: dict[str, Any] = {
    "user_id": "u1",
    "at": datetime(2024, 1, 1, 12),
    "amount": 10.5,
    "price": Decimal("9.99"),
    "quantity": 3,
    "kind": "it's \\ fine",
    "born": date(2000, 2, 29),
    "flag": True,
}
VALIDATORS: dict[str, list[Any]] = {
    "amount": [
        "not_null",
        {"greater_than": 0},
        {"less_than": 1000},
        {"in_range": {"min": 0.5, "max": 999.5}},
    ],
    "price": [{"greater_than_or_equal": 0.01}, {"less_than_or_equal": 99.99}],
    "quantity": ["unique", {"is_in": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}],
    "kind": [{"matches_regex": "^it's \\\\ f[a-z]+$"}, {"is_in": ["it's \\ fine", 'say "hi"']}],
    "born": [{"greater_than": "1900-01-01"}, {"less_than_or_equal": "2020-12-31"}],
    "flag": [{"is_in": [True]}],
}
BAD: list[dict[str, Any]] = [
    {"amount": None},
    {"amount": -1.0},
    {"amount": 5000.0},
    {"amount": float("nan")},
    {"price": Decimal("0.00")},
    {"price": Decimal("100.00")},
    {"quantity": 3},
    {"quantity": 99},
    {"kind": "it's \\ FINE"},
    {"born": date(1899, 12, 31)},
    {"born": date(2021, 1, 1)},
    {"flag": False},
    {"at": None},
    {"user_id": None},
]


def rows() -> list[dict[str, Any]]:
    """A good row, and for each violation a good row with one bad value."""
    found = [GOOD]
    for number, change in enumerate(BAD):
        found.append({**GOOD, "quantity": number + 4 if number < 9 else 1, **change})
    return found


@pytest.fixture(scope="module")
def project(
    shared_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WarehouseProject]:
    spec = {
        "entities": [{"name": "user", "join_key": "user_id"}],
        "sources": [
            {
                "name": "events",
                "path": "data/events.parquet",
                "table": "main.validated.events",
                "timestamp": "at",
            }
        ],
        "features": [
            {
                "name": "validated",
                "source": "events",
                "entities": ["user"],
                "metrics": [{"windows": ["1d"], "aggregations": {"amount": ["sum"]}}],
                "validators": VALIDATORS,
            }
        ],
    }
    root: Path = write_project(tmp_path_factory.mktemp("validators"), spec, CONFIG)
    write_parquet(root / "data" / "events.parquet", COLUMNS, rows())
    connection = shared_warehouse.connect()
    connection.sql("create schema if not exists main.validated")
    load_table(connection, "main.validated.events", COLUMNS, rows())
    connection.close()
    with WarehouseProject(root, shared_warehouse) as found:
        found.compile()
        yield found


def failing(project: WarehouseProject, target: str) -> dict[str, tuple[str, int]]:
    """Status and number of failing rows of each test of the input model."""
    run = project.on_duckdb if target == "dev" else project.dbt
    success, text = run("build", target=target)
    assert not success, text
    results = project.artifact("run_results.json")["results"]
    tests = (item for item in results if item["unique_id"].startswith("test."))
    found = {item["unique_id"].split(".")[2]: (item["status"], item["failures"]) for item in tests}
    skipped = [item for item in results if item["status"] == "skipped"]
    assert any(item["unique_id"].endswith(".validated") for item in skipped)
    return {name: result for name, result in found.items() if "__key__" not in name}


def test_the_same_tests_fail_on_both_engines(project: WarehouseProject) -> None:
    duckdb, databricks = failing(project, "dev"), failing(project, "databricks")
    assert duckdb == databricks
    validators = sum(len(items) for items in VALIDATORS.values())
    failed = [name for name, (status, _) in duckdb.items() if status == "fail"]
    assert len(failed) == validators, duckdb
    warned = [result for result in duckdb.values() if result[0] == "warn"]
    assert warned == [("warn", 2)]
