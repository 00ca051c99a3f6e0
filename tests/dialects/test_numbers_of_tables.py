"""Numbers of tables and models as the types that are declared, where somebody reads the staging view."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from harness import compile_and_run, write_project
from warehouse import Connection, Warehouse
from warehouse_harness import CONFIG, run_on_warehouse

from mlforge_sql.workflows.compile import compile_project

DECLARED = {"user_id": "bigint", "at": "timestamp", "n": "bigint", "price": "decimal(18,2)", "x": "double"}  # fmt: skip
HELD = ("bigint", "timestamp", "double", "double", "decimal(38,0)")
HONEST = "(1, timestamp '2024-01-01 00:00:00', 2, 12345678.91, 7), (2, timestamp '2024-01-01 00:00:00', null, null, null)"
WRONG = {
    "n": "(1, timestamp '2024-01-01 00:00:00', 8675309.5, 1, 1)",
    "price": "(1, timestamp '2024-01-01 00:00:00', 1, 8675309.125, 1)",
}


def write(root: Path) -> Path:
    given = {"model": "raw_events", "timestamp": "at", "columns": DECLARED}
    spec: dict[str, Any] = {
        "entities": [{"name": "user", "join_key": "user_id"}],
        "sources": [{"name": "events", **given}],
        "features": [
            {
                "name": "last",
                "source": "events",
                "entities": ["user"],
                "select": {"n": "n", "price": "price", "x": "x"},
            }
        ],
    }
    return write_project(root, spec, CONFIG)


def view(values: str) -> str:
    casts = ", ".join(
        f"cast(c{number} as {kind}) as {name}"
        for number, (name, kind) in enumerate(zip(DECLARED, HELD, strict=True))
    )
    names = ", ".join(f"c{number}" for number in range(len(HELD)))
    return f"select {casts} from (values {values}) as t({names})"


EXACT = [(2, Decimal("12345678.91"), 7.0), (None, None, None)]
READ = "select n, price, x from {}stg_events order by user_id"


def refused(error: Exception, name: str) -> None:
    said = f"the source `events` has changed: `{name}` is not {DECLARED[name]} in a row"
    assert said in str(error)
    assert "8675309" not in str(error)


def test_on_duckdb(tmp_path: Path) -> None:
    connection = duckdb.connect()
    connection.execute(f"create view raw_events as {view(HONEST)}")
    run = compile_and_run(write(tmp_path), connection=connection)
    assert run.connection.execute(READ.format("")).fetchall() == EXACT
    for name, values in WRONG.items():
        connection.execute(f"create or replace view raw_events as {view(values)}")
        with pytest.raises(duckdb.Error) as caught:
            connection.execute(READ.format("")).fetchall()
        refused(caught.value, name)


def test_on_databricks(tmp_path: Path, shared_warehouse: Warehouse) -> None:
    check_databricks(tmp_path, shared_warehouse.connect())


def check_databricks(root: Path, connection: Connection) -> None:
    schema = "main.numbers_of_tables"
    connection.sql(f"create schema if not exists {schema}")
    held = f"create or replace view {schema}.raw_events as {{}}"
    connection.sql(held.format(view(HONEST)))
    run_on_warehouse(compile_project(write(root)), connection, schema)
    assert connection.sql(READ.format(f"{schema}.")) == EXACT
    for name, values in WRONG.items():
        connection.sql(held.format(view(values)))
        with pytest.raises(Exception, match="USER_RAISED") as caught:
            connection.sql(READ.format(f"{schema}."))
        refused(caught.value, name)
