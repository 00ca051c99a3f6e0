"""Arrow tables of a warehouse with the types that DuckDB gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.dialects.quoting import DUCKDB
from mlforge_sql.retrieval.joining import Join
from mlforge_sql.types import ColumnType, Kind

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


def feature_types(join: Join, connection: duckdb.DuckDBPyConnection) -> dict[str, pa.DataType]:
    """The Arrow type that DuckDB gives each feature column.

    Args:
        join: What is joined.
        connection: Any connection of DuckDB.
    """
    found = {
        name: kind for name, kind in join.column_types.items() if kind.family is not Kind.OTHER
    }
    return arrow_types(found, connection)


def arrow_types(
    columns: Mapping[str, ColumnType], connection: duckdb.DuckDBPyConnection
) -> dict[str, pa.DataType]:
    """The Arrow types of columns of DuckDB."""
    if not columns:
        return {}
    dialect = DuckDb()
    listed = ", ".join(
        f"cast(null as {dialect.type_name(kind)}) as {DUCKDB.name(name)}"
        for name, kind in columns.items()
    )
    schema = connection.sql(f"select {listed} limit 0").to_arrow_table().schema
    return dict(zip(columns, schema.types, strict=True))


def alike(table: pa.Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    """A table of the warehouse with types as DuckDB has them.

    Args:
        table: Its columns may be declared as never NULL; those of DuckDB are not.
        types: Types by column. A column without one keeps its own, but instants become plain
            timestamps in UTC, which is what ``timestamp`` means here.
    """
    import pyarrow as pa

    fields = [
        pa.field(item.name, types.get(item.name) or _plain(item.type)) for item in table.schema
    ]
    return table.cast(pa.schema(fields))


def _plain(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return pa.timestamp(kind.unit) if pa.types.is_timestamp(kind) else kind
