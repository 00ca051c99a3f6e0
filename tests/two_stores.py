"""A project whose tables are on both engines: in a DuckDB file and on the local warehouse."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from harness import compile_and_run, model_names, write_parquet, write_project
from warehouse import Connection, Warehouse
from warehouse_harness import load_table, warehouse_macros

from mlforge_sql.workflows.compile import Compiled

Rows = Sequence[Mapping[str, Any]]

AS_OF = datetime(2030, 1, 1)


def config(schema: str, **offline: Any) -> dict[str, Any]:
    """A project with the profiles ``dev`` and ``databricks``.

    Args:
        schema: Of the feature tables, in the catalog ``main``.
        offline: Further keys of the Databricks offline store.
    """
    store = {"KIND": "unity_catalog", "catalog": "main", "schema": schema, **offline}
    return {
        "name": "test_project",
        "profiles": {
            "dev": {"offline_store": {"KIND": "local", "path": "./feature_store"}},
            "databricks": {"offline_store": store},
        },
    }


def build_both(
    root: Path,
    spec: Mapping[str, Any],
    sources: Mapping[str, tuple[Mapping[str, str], Rows]],
    connection: Connection,
    schema: str,
) -> Compiled:
    """Write a project, its data and its tables, on both engines, as dbt would build them.

    Args:
        root: Folder of the project.
        spec: Its specs; their sources are parquet files in ``data``.
        sources: Types and rows of the sources, by name.
        connection: A session of the warehouse.
        schema: Schema of the catalog ``main``; what it had is gone.
    """
    write_project(root, copy.deepcopy(dict(spec)), config(schema))
    for name, (kinds, rows) in sources.items():
        write_parquet(root / "data" / f"{name}.parquet", kinds, rows)
    (root / "feature_store").mkdir()
    with duckdb.connect(str(root / "feature_store" / "features.duckdb")) as store:
        compiled = compile_and_run(root, connection=store, as_of=AS_OF).compiled
    place = f"main.{schema}"
    connection.sql(f"drop schema if exists {place} cascade")
    connection.sql(f"create schema {place}")
    for name, (kinds, rows) in sources.items():
        load_table(connection, f"{place}.`{name}`", kinds, rows)
    macros = warehouse_macros(compiled, place, AS_OF)
    kept = {feature.name for feature in compiled.plan.features}
    kept |= {item.name for item in compiled.plan.training_sets}
    for name in model_names(compiled):
        path = next(item for item in compiled.files if item.name == f"{name}.sql")
        kind = "table" if name in kept else "view"
        connection.sql(f"create {kind} {place}.`{name}` as\n{macros.render(compiled.files[path])}")
    return compiled


def login(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment in which the profile ``databricks`` is the local warehouse."""
    for name in list(os.environ):
        if name.startswith("DATABRICKS_"):
            monkeypatch.delenv(name)
    for name, value in warehouse.login().items():
        monkeypatch.setenv(name, value)
