"""Training sets that read older versions of feature tables, through real dbt on the local warehouse."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from harness import write_parquet
from two_stores import login
from warehouse_dbt import WarehouseProject

import mlforge_sql as mlf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from warehouse import Warehouse

pytestmark = pytest.mark.functional

RAW, PLACE = "main.time_travel_raw", "main.time_travel"
COLUMNS = {"customer_id": "string", "at": "timestamp", "amount": "double"}
CONFIG = {
    "name": "time_travel",
    "profiles": {
        "databricks": {
            "offline_store": {"KIND": "unity_catalog", "catalog": "main", "schema": "time_travel"}
        },
        "dev": {"offline_store": {"KIND": "local", "path": "./store"}},
    },
}


def spec(**pins: Any) -> dict[str, Any]:
    """One feature, and a training set for each pin."""
    labels = {
        "sql": "select 'c1' as customer_id, cast('2024-02-01 00:00:00' as timestamp) as t",
        "columns": {"customer_id": "string", "t": "timestamp"},
    }
    return {
        "entities": [{"name": "customer", "join_key": "customer_id"}],
        "sources": [
            {
                "name": "payments",
                "table": f"{RAW}.payments",
                "path": "data/payments.parquet",
                "timestamp": "at",
                "columns": COLUMNS,
            }
        ],
        "features": [
            {
                "name": "last_payment",
                "source": "payments",
                "entities": ["customer"],
                "select": {"last_amount": "amount"},
            }
        ],
        "training_sets": [
            {
                "name": name,
                "labels": labels,
                "timestamp": "t",
                "features": [{"name": "last_payment", **pin}],
            }
            for name, pin in pins.items()
        ],
    }


@pytest.fixture(scope="module")
def project(
    shared_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WarehouseProject]:
    with WarehouseProject(tmp_path_factory.mktemp("time_travel"), shared_warehouse) as found:
        write_events(found.root)
        found.sql(f"create schema {RAW}")
        found.sql(
            f"create table {RAW}.payments as "
            "select 'c1' as customer_id, timestamp '2024-01-01' as at, 1D as amount"
        )
        found.write(spec(), CONFIG)
        yield found
        for place in (RAW, PLACE):
            found.sql(f"drop schema if exists {place} cascade")


def write_events(root: Path) -> None:
    schema = {"customer_id": "VARCHAR", "at": "TIMESTAMP", "amount": "DOUBLE"}
    row = {"customer_id": "c1", "at": datetime(2024, 1, 1), "amount": 1.0}
    write_parquet(root / "data" / "payments.parquet", schema, [row])


def builds(project: WarehouseProject) -> list[tuple[int, datetime]]:
    return [
        (int(version), at)
        for version, at in project.sql(
            f"select delta_version, delta_timestamp from {PLACE}._mlforge_metadata order by built_at"
        )
    ]


@pytest.fixture(scope="module")
def two_builds(project: WarehouseProject) -> list[tuple[int, datetime]]:
    """Version and time of two builds, between which a payment of 2 came in."""
    project.green("run", target="databricks")
    project.sql(f"insert into {RAW}.payments values ('c1', timestamp '2024-01-02', 2D)")
    project.green("run", "--select", "last_payment", target="databricks")
    return builds(project)


def test_each_training_set_reads_its_version(
    project: WarehouseProject, two_builds: list[tuple[int, datetime]]
) -> None:
    (first, first_at), (second, second_at) = two_builds
    pins = {
        "first": {"version": first},
        "second": {"version": second},
        "newest": {},
        "at_first": {"version_at": f"{first_at.isoformat()}"},
        "between": {"version_at": f"{(first_at + timedelta(milliseconds=1)).isoformat()}"},
        "after": {"version_at": f"{(second_at + timedelta(milliseconds=1)).isoformat()}"},
    }
    project.write(spec(**pins))
    project.green(
        "build", "--select", *(f"int_{name}__labels" for name in pins), *pins, target="databricks"
    )
    found = {
        name: project.sql(f"select last_payment__last_amount from {PLACE}.{name}") for name in pins
    }
    old, new = [(1.0,)], [(2.0,)]
    assert found == {
        "first": old,
        "second": new,
        "newest": new,
        "at_first": old,
        "between": old,
        "after": new,
    }
    audits = [
        item["unique_id"].split(".")[2] for item in project.artifact("run_results.json")["results"]
    ]
    assert [name for name in audits if name.startswith("audit")] == ["audit_newest__last_payment"]


def test_training_data_in_python(
    project: WarehouseProject,
    two_builds: list[tuple[int, datetime]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    login(project.warehouse, monkeypatch)
    (first, first_at), (_, second_at) = two_builds
    labels = pa.table({"customer_id": ["c1"], "t": [datetime(2024, 2, 1)]})
    loaded = mlf.load_project(project.root)

    def amount(**pin: Any) -> Any:
        wanted = [mlf.FeatureSpec("last_payment", **pin)]
        rows = loaded.get_training_data(wanted, labels, "t", "databricks")
        return rows["last_payment__last_amount"].to_pylist()

    tick = timedelta(milliseconds=1)
    assert amount() == amount(version_at=second_at + tick) == [2.0]
    assert amount(version=first) == amount(version_at=first_at + tick) == [1.0]
    for pin, message in (
        ({"version": 9999}, "feature `last_payment` has no version 9999"),
        (
            {"version_at": "2001-01-01"},
            "feature `last_payment` had no version yet at 2001-01-01T00:00:00Z",
        ),
        (
            {"version_at": "2999-01-01"},
            "`version_at` of feature `last_payment` is in the future: 2999-01-01T00:00:00Z",
        ),
    ):
        with pytest.raises(mlf.RetrievalError) as caught:
            amount(**pin)
        expected = f"error[MF092]: {message}; its table has versions 0 ({first_at.year}"
        assert str(caught.value).startswith(expected)


def test_a_rebuild_of_the_feature_changes_no_pinned_set(
    project: WarehouseProject, two_builds: list[tuple[int, datetime]]
) -> None:
    """The whole project at once: the feature's new version comes first, the old one is still read."""
    project.sql(f"insert into {RAW}.payments values ('c1', timestamp '2024-01-03', 3D)")
    project.write(spec(first={"version": two_builds[0][0]}, newest={}))
    project.green("build", "--exclude", "path:tests/audit", target="databricks")
    assert project.sql(f"select last_payment__last_amount from {PLACE}.first") == [(1.0,)]
    assert project.sql(f"select last_payment__last_amount from {PLACE}.newest") == [(3.0,)]


def test_versions_that_are_not_there(
    project: WarehouseProject, two_builds: list[tuple[int, datetime]]
) -> None:
    pins = {
        "never": {"version": 9999},
        "early": {"version_at": "2001-01-01"},
        "future": {"version_at": "2999-01-01"},
    }
    project.write(spec(**pins))
    success, shown = project.dbt("run", "--select", "early", "never", "future", target="databricks")
    assert not success
    text = " ".join(shown.split())
    ((last, _),) = builds(project)[-1:]
    table = "`main`.`time_travel`.`last_payment`"
    has = f"{table} has versions 0 ({two_builds[0][1].year}"
    assert f"training_set: feature 'last_payment' has no version 9999: {has}" in text
    assert f"to {last} (" in text
    assert "_mlforge_metadata says which build wrote which" in text
    assert f"feature 'last_payment' had no version yet at 2001-01-01 00:00:00 UTC: {has}" in text
    assert "version_at of feature 'last_payment' is in the future: 2999-01-01 00:00:00 UTC" in text


def test_duckdb_says_that_it_has_none(
    project: WarehouseProject, two_builds: list[tuple[int, datetime]]
) -> None:
    project.write(spec(first={"version": two_builds[0][0]}, newest={}))
    success, shown = project.dbt("build", target="dev")
    assert not success
    text = " ".join(shown.split())
    assert (
        f"training_set: feature 'last_payment' is pinned to version {two_builds[0][0]}, and duckdb keeps "
        "no versions of a table. Run it on Databricks, or exclude it: dbt build --exclude first"
    ) in text
    results = {
        item["unique_id"].split(".")[2]: item["status"]
        for item in project.artifact("run_results.json")["results"]
        if item["unique_id"].startswith("model.")
    }
    assert results["newest"] == "success"
    assert results["first"] == "error"
    project.green("build", "--exclude", "first", target="dev")
