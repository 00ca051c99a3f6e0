"""The rule of time on the second engine: compiled Databricks SQL on Spark against the oracle."""

from __future__ import annotations

import tempfile
from pathlib import Path

import strategies
from harness import write_parquet, write_project
from hypothesis import HealthCheck, Phase, given, settings
from test_rule_of_time import check_feature
from warehouse.client import Warehouse
from warehouse_harness import CONFIG, load_table, run_on_warehouse

from mlforge_sql.compiler import compile_project

SCHEMA = "main.rule_of_time"


def test_compiled_databricks_sql_equals_the_oracle(shared_warehouse: Warehouse) -> None:
    connection = shared_warehouse.connect()
    connection.sql(f"create schema if not exists {SCHEMA}")

    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(strategies.projects())
    def check(project: strategies.GeneratedProject) -> None:
        with tempfile.TemporaryDirectory() as name:
            root = write_project(Path(name), project.spec, CONFIG)
            write_parquet(root / "data" / "events.parquet", project.schema, project.rows)
            compiled = compile_project(root)
        load_table(connection, f"{SCHEMA}.{strategies.SOURCE}", project.schema, project.rows)
        plan = compiled.plan
        names = [node.name for node in (*plan.stagings, *plan.inputs, *plan.tiles, *plan.features)]
        run = run_on_warehouse(compiled, connection, SCHEMA, names=names)
        for feature in project.spec["features"]:
            check_feature(run, project, feature)

    check()
