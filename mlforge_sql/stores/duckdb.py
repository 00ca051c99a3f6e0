"""Feature tables in a DuckDB file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from mlforge_sql.dbt.profiles import DATABASE_FILE
from mlforge_sql.dialects.quoting import DUCKDB, Name, Sql
from mlforge_sql.engine_settings import free_settings, required_settings, set_statements
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.isolation import guarded, sealed
from mlforge_sql.scratch import spill_folder
from mlforge_sql.spec.config import LocalStore, ProjectConfig
from mlforge_sql.stores.local import first_line
from mlforge_sql.stores.store import METADATA, Store

if TYPE_CHECKING:
    import duckdb

CATALOG = "features"
SCHEMA = "main"


@dataclass(frozen=True)
class DuckDbStore(Store):
    """A DuckDB file with feature tables, attached read-only to a connection of our own.

    Attributes:
        connection: The connection; its session is in UTC.
        profile: Name of the profile.
        file: The file.
    """

    connection: duckdb.DuckDBPyConnection
    profile: str
    file: Path

    def version(self) -> tuple[tuple[int, int, int], ...]:
        """What changes whenever somebody writes to the file."""
        files = (self.file, self.file.with_name(f"{self.file.name}.wal"))
        stats = [file.stat() for file in files if file.is_file()]
        return tuple((item.st_ino, item.st_size, item.st_mtime_ns) for item in stats)

    @property
    def local(self) -> duckdb.DuckDBPyConnection:
        """The same connection: labels and features meet in it."""
        return self.connection

    @override
    def relation(self, model: str) -> Sql:
        return DUCKDB.name(CATALOG, SCHEMA, model)

    def tables(self) -> list[str]:
        """Names of all tables and views."""
        rows = self.connection.execute(
            "select table_name from information_schema.tables where table_catalog = ? and table_schema = ?",
            [CATALOG, SCHEMA],
        )
        return [str(row[0]) for row in rows.fetchall()]

    @override
    def columns(self, table: str) -> list[str]:
        rows = self.connection.execute(
            "select column_name from information_schema.columns "
            "where table_catalog = ? and table_schema = ? and table_name = ?",
            [CATALOG, SCHEMA, table],
        )
        return [str(row[0]) for row in rows.fetchall()]

    @override
    def count(self, table: str) -> int:
        query = DUCKDB.sql("select count(*) from {table}", table=self.relation(table))
        row = self.connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    @override
    def first_rows(
        self, relation: str | None, limit: int
    ) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
        if relation is None:
            return (), ()
        schema, table = relation.split(".")[-2:]
        query = DUCKDB.sql(
            "select * from {catalog}.{schema}.{table} order by all limit {limit}",
            catalog=Name.of(CATALOG),
            schema=Sql(schema),  # as dbt has noted it
            table=Sql(table),
            limit=limit,
        )
        found = self.connection.execute(query)
        names = tuple(str(item[0]) for item in found.description or ())
        return names, tuple(tuple(row) for row in found.fetchall())

    @override
    def built_hashes(self) -> dict[str, str]:
        if METADATA not in self.tables():
            return {}
        query = DUCKDB.sql(
            "select feature, arg_max(spec_hash, built_at) from {table} group by feature",
            table=self.relation(METADATA),
        )
        rows = self.connection.execute(query).fetchall()
        return {str(name): str(found) for name, found in rows}

    @override
    def close(self) -> None:
        self.connection.close()


def open_duckdb(root: Path, config: ProjectConfig, name: str, store: LocalStore) -> DuckDbStore:
    """Open the DuckDB file of a profile.

    Args:
        root: Folder of ``mlforge.yaml``.
        config: What it says.
        name: Name of the profile.
        store: Its offline store.

    Raises:
        RetrievalError: It cannot be opened.
    """
    import duckdb

    file = root / store.path / DATABASE_FILE
    if not file.is_file():
        message = f"profile `{name}` has no `{DATABASE_FILE}` yet"
        hint = f"run `mlforge build --profile {name}`"
        raise RetrievalError([Diagnostic("MF064", message, hint=hint)])
    settings: dict[str, Any] = {
        "temp_directory": str(spill_folder()),
        "file_search_path": str(root / config.dbt_project_dir),  # views have dbt's paths
        **free_settings(store.settings),
        **required_settings(),
    }
    connection = duckdb.connect()
    try:
        for statement in (*guarded(), *set_statements(settings), *sealed(reads_files=True)):
            connection.execute(statement)
        connection.execute(f"attach {DUCKDB.text(str(file))} as {CATALOG} (read_only)")
    except duckdb.Error as error:
        connection.close()
        message = f"cannot open `{DATABASE_FILE}` of profile `{name}`: {first_line(error)}"
        hint = "if a build is running, wait for it; close other programs that have the file open"
        raise RetrievalError([Diagnostic("MF064", message, hint=hint)]) from error
    return DuckDbStore(connection, name, file)
