"""Compile a project and run the compiled SQL on the local Databricks warehouse, without dbt.

Only dbt's Jinja functions are stood in for; the SQL text is what compile wrote. Every model is a
view, so a feature is computed when it is read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness import model_names
from live_warehouse import SWITCH
from warehouse import Connection

from mlforge_sql.dbt.macros import Macros
from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.types import parse_type
from mlforge_sql.workflows.compile import Compiled

CONFIG: dict[str, Any] = {
    "name": "test_project",
    "profiles": {
        "dev": {"offline_store": {"KIND": "local", "path": "./feature_store"}},
        "databricks": {
            "offline_store": {"KIND": "unity_catalog", "catalog": "main", "schema": "features"}
        },
    },
}
"""A project for both engines."""


BATCH = 1000
"""Rows in a statement that loads a table."""


def literal(value: Any, kind: str) -> str:
    """A Python value as a literal of Databricks SQL."""
    if value is None:
        return f"cast(null as {kind})"
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"double('{value}')"
        case Decimal() | int():
            return f"cast('{value}' as {kind})"
        case datetime():
            return f"timestamp '{value.isoformat(sep=' ')}+00:00'"
        case date():
            return f"date '{value}'"
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def load_table(
    connection: Connection,
    table: str,
    types: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Create a view with rows of plain Python values; types are DuckDB's names."""
    dialect = Databricks()
    kinds = {name: dialect.type_name(parse_type(kind)) for name, kind in types.items()}
    names = ", ".join(f"`{name.replace('`', '``')}`" for name in types)
    lines = [
        "(" + ", ".join(literal(row[name], kinds[name]) for name in types) + ")" for row in rows
    ] or ["(" + ", ".join(literal(None, kind) for kind in kinds.values()) + ")"]
    limit = "" if rows else " limit 0"
    casts = ", ".join(f"cast(`{n}` as {k}) as `{n}`" for n, k in kinds.items())
    connection.sql(
        f"create or replace view {table} as select {casts} from values {', '.join(lines)} as t({names}){limit}"
    )


def load_parquet(connection: Connection, table: str, file: Path) -> None:
    """Make a table of a parquet file: a workspace cannot read this machine's, so by its rows."""
    if os.environ.get(SWITCH) != "1":
        connection.sql(f"create or replace table {table} as select * from parquet.`{file}`")
        return
    import duckdb

    with duckdb.connect() as local:
        found = local.execute("select * from read_parquet(?)", [str(file)])
        types = {str(item[0]): str(item[1]) for item in found.description or []}
        first = True
        while rows := found.fetchmany(BATCH):
            records = [dict(zip(types, row, strict=True)) for row in rows]
            load_table(connection, f"{table}_rows", types, records)
            word = f"create or replace table {table} as" if first else f"insert into {table}"
            connection.sql(f"{word} select * from {table}_rows")
            first = False
    connection.sql(f"drop view {table}_rows")


@dataclass
class WarehouseRun:
    """A project whose compiled SQL has become views of the warehouse."""

    compiled: Compiled
    connection: Connection
    schema: str

    def rows(self, table: str, order: str | None = None) -> list[dict[str, Any]]:
        """All rows of a table as dicts, as DuckDB would give them: instants without a zone."""
        text = f"select * from {self.schema}.`{table}`" + (f" order by {order}" if order else "")
        return [
            {name: _naive(value) for name, value in row.items()}
            for row in self.connection.arrow(text).to_pylist()
        ]


def _naive(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def warehouse_macros(
    compiled: Compiled,
    schema: str,
    as_of: datetime,
    env: Mapping[str, str] | None = None,
    windows: str = "merged",
    place: str | None = None,
) -> Macros:
    """The project's macros for Databricks, with what only dbt knows stood in for."""
    known = env or {}

    def env_var(name: str, default: str | None = None) -> str:
        value = known.get(name, default)
        assert value is not None, name
        return value

    catalog, _, name = (place or schema).partition(".")
    context = {
        "env_var": env_var,
        "source": lambda _group, table: f"{schema}.`{table}`",
        "target": SimpleNamespace(
            type="databricks", name="databricks", database=catalog, schema=name
        ),
        "var": {"as_of": as_of.isoformat(), "mlforge_windows": windows}.get,
        "config": lambda **_: "",
    }
    return Macros(compiled.files, "databricks", lambda name: f"{schema}.`{name}`", context=context)


def run_on_warehouse(
    compiled: Compiled,
    connection: Connection,
    schema: str,
    *,
    as_of: datetime | None = None,
    env: Mapping[str, str] | None = None,
    names: Sequence[str] | None = None,
    windows: str = "merged",
    place: str | None = None,
) -> WarehouseRun:
    """Make every model of a compiled project a view in a schema that has its sources.

    Features that look at single events are computed once: their plans are long, and other models read them.

    Args:
        compiled: The project.
        connection: A session.
        schema: ``catalog.schema``; its tables are called like the project's sources.
        as_of: Instant of the current tables.
        env: Environment variables that the project reads.
        names: Models; all of them by default.
        windows: How windows are computed where there is a choice: ``merged`` or ``sliding``.
        place: ``catalog.schema`` of the target; the same one by default.
    """
    macros = warehouse_macros(compiled, schema, as_of or datetime(2030, 1, 1), env, windows, place)
    once = {item.name for item in compiled.plan.features if getattr(item, "series", ())}
    for name in names if names is not None else model_names(compiled):
        path = next(item for item in compiled.files if item.name == f"{name}.sql")
        sql = macros.render(compiled.files[path])
        if name in once:
            connection.sql(f"create or replace table {schema}.`{name}__rows` as\n{sql}")
            sql = f"select * from {schema}.`{name}__rows`"
        connection.sql(f"create or replace view {schema}.`{name}` as\n{sql}")
    return WarehouseRun(compiled, connection, schema)
