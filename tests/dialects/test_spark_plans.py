"""What Spark makes of the compiled SQL: shuffles and joins, from its own explanation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pytest
from harness import write_parquet, write_project
from warehouse import Connection, Warehouse
from warehouse_harness import CONFIG, load_table, run_on_warehouse, warehouse_macros

from mlforge_sql.workflows.compile import compile_project

SCHEMA = "main.spark_plans"
EVENTS = {
    "user_id": "VARCHAR",
    "shop_id": "BIGINT",
    "at": "TIMESTAMP",
    "amount": "DOUBLE",
    "price": "DECIMAL(12,2)",
}
LABELS = {"user_id": "VARCHAR", "shop_id": "BIGINT", "marked_at": "TIMESTAMP"}
ALL = ["sum", "mean", "count", "std", "variance", "min", "max"]
SPEC = {
    "entities": [
        {"name": "user", "join_key": "user_id"},
        {"name": "pair", "join_key": ["user_id", "shop_id"]},
    ],
    "sources": [
        {"name": "events", "path": "events.parquet", "table": "a.b.events", "timestamp": "at"},
        {
            "name": "marked",
            "path": "marked.parquet",
            "table": "a.b.marked",
            "timestamp": "marked_at",
        },
    ],
    "features": [
        {
            "name": "counted",
            "source": "events",
            "entities": ["user"],
            "interval": "1d",
            "metrics": [{"windows": ["1d", "7d"], "aggregations": {"*": "count", "price": "sum"}}],
        },
        {
            "name": "everything",
            "source": "events",
            "entities": ["user"],
            "interval": "1d",
            "metrics": [{"windows": ["7d", "30d", "lifetime"], "aggregations": {"amount": ALL}}],
        },
        {
            "name": "continuous",
            "source": "events",
            "entities": ["pair"],
            "metrics": [{"windows": ["7d"], "offset": "1h", "aggregations": {"amount": ALL}}],
        },
        {
            "name": "last",
            "source": "events",
            "entities": ["user"],
            "select": {"last_amount": "amount"},
        },
    ],
    "training_sets": [
        {
            "name": "training",
            "labels": "marked",
            "features": ["counted", "everything", "continuous", "last"],
        }
    ],
}


@dataclass(frozen=True)
class Plans:
    """A project on the warehouse."""

    connection: Connection

    def of(self, table: str) -> str:
        """Spark's physical plan of reading all of a table."""
        return str(self.connection.sql(f"explain select * from {SCHEMA}.`{table}`")[0][0])

    def shuffles(self, table: str) -> list[str]:
        """Every exchange in it."""
        return [line.strip() for line in self.of(table).splitlines() if "Exchange" in line]


@pytest.fixture(scope="module")
def plans(shared_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Plans:
    """Tiles and labels are tables, as in a dbt run; everything else is read through them."""
    root = write_project(tmp_path_factory.mktemp("plans"), SPEC, CONFIG)
    at = datetime(2024, 1, 1)
    event = {"user_id": "u", "shop_id": 1, "at": at, "amount": 1.0, "price": Decimal("1.00")}
    label = {"user_id": "u", "shop_id": 1, "marked_at": at}
    write_parquet(root / "events.parquet", EVENTS, [event])
    write_parquet(root / "marked.parquet", LABELS, [label])
    compiled = compile_project(root)
    connection = shared_warehouse.connect()
    connection.sql(f"create schema if not exists {SCHEMA}")
    load_table(connection, f"{SCHEMA}.rows_of_events", EVENTS, [event])
    connection.sql(
        f"create or replace table {SCHEMA}.events as select * from {SCHEMA}.rows_of_events"
    )
    load_table(connection, f"{SCHEMA}.marked", LABELS, [label])
    plan = compiled.plan
    first = [*(node.name for node in plan.stagings), *(node.name for node in plan.inputs)]
    run_on_warehouse(compiled, connection, SCHEMA, names=first)
    macros = warehouse_macros(compiled, SCHEMA, at)
    for tiles in plan.tiles:
        path = next(item for item in compiled.files if item.name == f"{tiles.name}.sql")
        sql = macros.render(compiled.files[path])
        connection.sql(f"create or replace view {SCHEMA}.tiles_query as\n{sql}")
        connection.sql(
            f"create or replace table {SCHEMA}.`{tiles.name}` as select * from {SCHEMA}.tiles_query"
        )
    names = [*(item.feature for item in plan.joinables), "int_training__labels", "training"]
    run_on_warehouse(compiled, connection, SCHEMA, names=names)
    return Plans(connection)


@pytest.mark.parametrize("table", ["tiles_query", "counted", "everything", "continuous", "last"])
def test_a_model_is_built_with_one_shuffle(plans: Plans, table: str) -> None:
    shuffles = plans.shuffles(table)
    assert len(shuffles) == 1, shuffles
    assert "hashpartitioning(user_id" in shuffles[0]


def test_a_training_set_multiplies_no_rows(plans: Plans) -> None:
    plan = plans.of("training")
    assert "Window" in plan
    for word in ("CartesianProduct", "NestedLoop", "Join"):
        assert word not in plan


def test_labels_are_shuffled_once_for_each_set_of_keys(plans: Plans) -> None:
    """Besides the shuffles of the four features themselves, which are views here."""
    built = sum(
        len(plans.shuffles(name)) for name in ("counted", "everything", "continuous", "last")
    )
    assert len(plans.shuffles("training")) == built + 2
