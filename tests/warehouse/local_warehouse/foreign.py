"""Foreign catalogs: a Postgres database, read through a connection of type POSTGRESQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import psycopg
import pyarrow as pa
from psycopg import errors, sql

from warehouse.local_warehouse.errors import WarehouseError

OPTIONS = frozenset({"host", "port", "user", "password"})
_NUMERIC = re.compile(r"numeric\((\d+),(\d+)\)$")
_TYPES: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "date": pa.date32(),
    "bytea": pa.binary(),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "timestamp without time zone": pa.timestamp("us"),
}
_COLUMNS = (
    "select attname, format_type(atttypid, atttypmod) from pg_attribute "
    "where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum"
)


@dataclass
class ForeignCatalogs:
    """Connections to Postgres, and the catalogs that are databases behind them."""

    _connections: dict[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    _catalogs: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __contains__(self, name: object) -> bool:
        return name in self._catalogs

    def has_connection(self, name: str) -> bool:
        return name in self._connections

    def connect(self, name: str, options: Mapping[str, str]) -> None:
        """Keep a connection.

        Raises:
            WarehouseError: Its name is taken, or its options are not those of Postgres.
        """
        if name in self._connections:
            text = f"Cannot create connection {name} because it already exists."
            raise WarehouseError("CONNECTION_ALREADY_EXISTS", text, "42710")
        if set(options) != OPTIONS:
            text = (
                f"Connections of type 'POSTGRESQL' need the options {', '.join(sorted(OPTIONS))}."
            )
            raise WarehouseError("MISSING_CONNECTION_OPTION", text, "42000")
        self._connections[name] = options

    def disconnect(self, name: str) -> None:
        """Forget a connection."""
        del self._connections[name]

    def create(self, name: str, connection: str, database: str) -> None:
        """Make a catalog of a database.

        Raises:
            WarehouseError: There is no such connection, or the name is taken.
        """
        if connection not in self._connections:
            text = f"Cannot execute this command because the connection name {connection} was not found."
            raise WarehouseError("CONNECTION_NOT_FOUND", text, "42704")
        if name in self._catalogs:
            text = f"Cannot create catalog '{name}' because it already exists."
            raise WarehouseError("CATALOG_ALREADY_EXISTS", text, "42P04")
        self._catalogs[name] = (connection, database)

    def drop(self, name: str) -> None:
        """Forget a catalog."""
        del self._catalogs[name]

    def clear(self) -> None:
        self._connections.clear()
        self._catalogs.clear()

    def rows(self, catalog: str, schema: str, table: str) -> pa.Table:
        """All rows of a table, with the types that federation gives them.

        Raises:
            WarehouseError: There is no such table, or the server cannot be reached.
        """
        connection, database = self._catalogs[catalog]
        options = {**self._connections[connection], "dbname": database}
        name = sql.Identifier(schema, table)
        try:
            with psycopg.connect(**cast("dict[str, Any]", options), connect_timeout=5) as opened:
                opened.execute("set timezone = 'UTC'")
                columns = opened.execute(_COLUMNS, [name.as_string(opened)]).fetchall()
                if not columns:
                    text = f"The table or view `{catalog}`.`{schema}`.`{table}` cannot be found."
                    raise WarehouseError("TABLE_OR_VIEW_NOT_FOUND", text, "42P01")
                found = opened.execute(sql.SQL("select * from {}").format(name)).fetchall()
        except errors.OperationalError as error:
            text = f"Failed to connect to '{connection}': {str(error).strip()}"
            raise WarehouseError("FAILED_JDBC.CONNECTION", text, "HV000") from error
        return pa.table(
            {
                column: pa.array([row[position] for row in found], _type(kind))
                for position, (column, kind) in enumerate(columns)
            }
        )


def _type(name: str) -> pa.DataType:
    numeric = _NUMERIC.match(name)
    if numeric:
        return pa.decimal128(int(numeric[1]), int(numeric[2]))
    return _TYPES.get(name, pa.string())
