"""The example project through real dbt on both engines: the same rows, the same failing tests."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml
from warehouse_dbt import TIMEOUT_SECONDS, WarehouseProject
from warehouse_harness import load_parquet

from mlforge_sql.workflows.compile import compile_project

if TYPE_CHECKING:
    from warehouse import Warehouse

pytestmark = pytest.mark.functional

EXAMPLE = Path(__file__).parents[2] / "example_project"
SIZE = ("--rows", "1500", "--customers", "80", "--merchants", "20")
AS_OF = "--vars={as_of: 2024-07-01T12:30:00Z}"
DBT = "from dbt.cli.main import cli; cli()"
AGAIN = "customer_velocity customer_velocity_current fraud_training"
TOO_MUCH = (
    "CREATE CATALOG",
    "CREATE SCHEMA",
    "CREATE FUNCTION",
    "CREATE CONNECTION",
    "MANAGE GRANTS",
)
"""Privileges that a login which builds need not have: docs/databricks.md has the grants that it needs."""

METADATA = 12
"""One for the row filters of each of these models, which the adapter asks, and a handful."""

TAGS = (
    "select table_name, column_name, tag_name, tag_value from main.information_schema.column_tags "
    "where schema_name = 'ml_features' order by all"
)
DOUBLE_NAMES = ("_sum_", "_mean_", "_std_", "_variance_")

Row = tuple[Any, ...]


@pytest.fixture(scope="module")
def example(
    shared_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WarehouseProject]:
    """The example, its sample data as files and as tables of the warehouse, built on both."""
    root = tmp_path_factory.mktemp("example") / "example_project"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("data", "dbt", "feature_store"))
    without_online_stores(root / "mlforge.yaml")
    script = [sys.executable, str(root / "generate_data.py"), *SIZE]
    subprocess.run(script, check=True, capture_output=True, timeout=120)
    with WarehouseProject(root, shared_warehouse) as project:
        project.sql("create schema if not exists main.raw")
        for name in ("transactions", "labels"):
            file = root / "data" / f"{name}.parquet"
            load_parquet(shared_warehouse.connect(), f"main.raw.{name}", file)
        project.compile()
        success, text = project.on_duckdb("build", AS_OF)
        assert success, text
        project.sql("create schema if not exists main.ml_features")
        for privilege in TOO_MUCH:
            shared_warehouse.deny(privilege)
        try:
            project.green("build", AS_OF, target="databricks")
        finally:
            shared_warehouse.allow()
        yield project


def without_online_stores(file: Path) -> None:
    """Online tables have tests of their own."""
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    for profile in config["profiles"].values():
        profile.pop("online_store", None)
    file.write_text(yaml.safe_dump(config), encoding="utf-8")


def on_duckdb(project: WarehouseProject, table: str) -> tuple[list[str], list[Row]]:
    file = project.root / "feature_store" / "features.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        found = connection.execute(f'select * from "{table}"')
        return [item[0] for item in found.description or []], found.fetchall()


def on_databricks(project: WarehouseProject, table: str) -> tuple[list[str], list[Row]]:
    connection = project.warehouse.connect()
    found = connection.arrow(f"select * from main.ml_features.`{table}`")
    connection.close()
    rows = [tuple(naive(value) for value in row.values()) for row in found.to_pylist()]
    return found.column_names, rows


def naive(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def by_key(names: Sequence[str], rows: Sequence[Row], keys: Sequence[str]) -> Mapping[Row, Row]:
    at = [names.index(key) for key in keys]
    found = {tuple(row[index] for index in at): row for row in rows}
    assert len(found) == len(rows)
    return found


def test_every_table_has_the_same_rows_on_both_engines(example: WarehouseProject) -> None:
    compiled = compile_project(example.root)
    tables: dict[str, list[str]] = {}
    for feature in compiled.project.features:
        keys = [key.name for key in feature.keys]
        tables[feature.name] = [*keys, "feature_timestamp"]
        tables[f"{feature.name}_current"] = keys
    tables["fraud_training"] = ["transaction_id"]
    for table, keys in tables.items():
        names, left = on_duckdb(example, table)
        other_names, right = on_databricks(example, table)
        assert names == other_names, table
        expected, actual = by_key(names, left, keys), by_key(names, right, keys)
        assert len(left) >= 10, table
        assert set(expected) == set(actual), table
        for key, row in expected.items():
            for name, value, other in zip(names, row, actual[key], strict=True):
                assert is_same(name, value, other), (table, key, name, value, other)


def is_same(name: str, left: Any, right: Any) -> bool:
    """Exact, but for doubles that depend on the order of additions."""
    if (
        isinstance(left, float)
        and isinstance(right, float)
        and any(n in name for n in DOUBLE_NAMES)
    ):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return type(left) is type(right) and bool(left == right)


def as_a_job(project: WarehouseProject, folder: Path, *arguments: str) -> str:
    """Run dbt as a dbt task of Lakeflow Jobs does: with its own profile, target and variables."""
    about = project.warehouse.dbt_target("main", "ml_features")
    about |= {"host": "{{ env_var('DBT_HOST') }}", "token": "{{ env_var('DBT_ACCESS_TOKEN') }}"}
    folder.mkdir()
    profile = {"target": "databricks_cluster", "outputs": {"databricks_cluster": about}}
    (folder / "profiles.yml").write_text(yaml.safe_dump({"fraud_features": profile}), "utf-8")
    environment = {
        **{key: value for key, value in project.environment.items() if "DATABRICKS" not in key},
        "DBT_HOST": str(project.warehouse.dbt_target("main", "ml_features")["host"]),
        "DBT_ACCESS_TOKEN": project.warehouse.token,
    }
    done = subprocess.run(
        [sys.executable, "-c", DBT, "--no-use-colors", *arguments, "--profiles-dir", str(folder)],
        cwd=project.root / "dbt",
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_job_builds_it_again_and_pays_for_nothing_twice(
    example: WarehouseProject, tmp_path: Path
) -> None:
    """Under a target's name that nobody chose. What is there already is not asked for or set again."""
    before = {
        table: len(on_databricks(example, table)[1])
        for table in ("customer_velocity", "fraud_training")
    }
    tags = example.sql(TAGS)
    assert {("customer_velocity", "velocity_7d", "unit", "transactions")} < set(tags)
    sent = len(example.warehouse.statements())
    variables = "--vars={as_of: 2024-07-01T12:30:00Z, mlforge_profile: databricks}"
    as_a_job(example, tmp_path / "job", "run", variables, "--select", AGAIN)
    statements = [" ".join(item["sql"].lower().split()) for item in example.warehouse.statements()]
    again = statements[sent:]
    assert [text for text in again if "optimize " in text or " set tags" in text] == []
    assert sum("information_schema" in text for text in again) <= METADATA
    after = {table: len(on_databricks(example, table)[1]) for table in before}
    assert after == before
    assert example.sql(TAGS) == tags
    profiles = example.sql("select distinct profile from main.ml_features._mlforge_metadata")
    assert profiles == [("databricks",)]


def test_docs_and_freshness_are_green(example: WarehouseProject) -> None:
    example.green("docs", "generate", target="databricks")
    example.green("source", "freshness", target="databricks")


def test_the_metadata_counts_the_same_rows(example: WarehouseProject) -> None:
    def counts(found: tuple[list[str], list[Row]]) -> set[tuple[Any, Any]]:
        names, rows = found
        feature, count = names.index("feature"), names.index("row_count")
        return {(row[feature], row[count]) for row in rows}

    found = counts(on_duckdb(example, "_mlforge_metadata"))
    assert counts(on_databricks(example, "_mlforge_metadata")) == found
    assert len(found) == 5
