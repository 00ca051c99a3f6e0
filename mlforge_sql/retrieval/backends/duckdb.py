"""Feature tables in a DuckDB file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlforge_sql.dbt.profiles import DATABASE_FILE
from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.engine_settings import free_settings, required_settings, set_statements
from mlforge_sql.errors import Diagnostic, RetrievalError, suggest
from mlforge_sql.isolation import guarded, sealed
from mlforge_sql.retrieval.backends.store import METADATA, Rows, Store
from mlforge_sql.retrieval.joining import Join, free
from mlforge_sql.retrieval.labels import LabelTable, numbered
from mlforge_sql.retrieval.local import described, exact_casts, first_line, literal, problem, quoted
from mlforge_sql.scratch import spill_folder
from mlforge_sql.spec.config import LocalStore, ProjectConfig
from mlforge_sql.sql.joins import LABELS

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

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

    def relation(self, model: str) -> str:
        """See the base."""
        return f'"{CATALOG}"."{SCHEMA}".{quoted(model)}'

    def tables(self) -> list[str]:
        """Names of all tables and views."""
        rows = self.connection.execute(
            "select table_name from information_schema.tables where table_catalog = ? and table_schema = ?",
            [CATALOG, SCHEMA],
        )
        return [str(row[0]) for row in rows.fetchall()]

    def columns(self, table: str) -> list[str]:
        """See the base."""
        rows = self.connection.execute(
            "select column_name from information_schema.columns "
            "where table_catalog = ? and table_schema = ? and table_name = ?",
            [CATALOG, SCHEMA, table],
        )
        return [str(row[0]) for row in rows.fetchall()]

    def count(self, table: str) -> int:
        """See the base."""
        query = f"select count(*) from {self.relation(table)}"  # noqa: S608 - quoted
        row = self.connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def first_rows(
        self, relation: str | None, limit: int
    ) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
        """See the base."""
        if relation is None:
            return (), ()
        schema, table = relation.split(".")[-2:]
        found = self.connection.execute(
            f'select * from "{CATALOG}".{schema}.{table} order by all limit {limit}'  # noqa: S608 - dbt's own name
        )
        names = tuple(str(item[0]) for item in found.description or ())
        return names, tuple(tuple(row) for row in found.fetchall())

    def built_hashes(self) -> dict[str, str]:
        """See the base."""
        if METADATA not in self.tables():
            return {}
        rows = self.connection.execute(
            f"select feature, arg_max(spec_hash, built_at) from {self.relation(METADATA)} group by feature"  # noqa: S608 - quoted
        )
        return {str(name): str(found) for name, found in rows.fetchall()}

    def table_labels(self, name: str) -> LabelTable:
        """See the base."""
        relation = self._find_table(name)
        return LabelTable(relation, described(self.connection, relation, name), local=False)

    def _find_table(self, name: str) -> str:
        """SQL name of a table or view that a user named, with or without its schema."""
        parts = name.split(".")
        if parts[-1] in self.tables() and parts[:-1] in ([], [SCHEMA]):
            return self.relation(parts[-1])
        known = [item for item in self.tables() if not item.startswith(("_", "int_", "stg_"))]
        near = suggest(name, self.tables())
        hint = near if near.startswith("did you mean") else suggest(name, known)
        hint += "; or name a parquet, csv or json file"
        message = f"there is no file and, in profile `{self.profile}`, no table `{name}`"
        raise RetrievalError([Diagnostic("MF063", message, hint=hint)])

    def query_labels(self, query: str) -> LabelTable:
        """Never: a relation of DuckDB says the same, and knows more than the store's tables."""
        del query
        message = f"profile `{self.profile}` is on DuckDB, where labels cannot be a query"
        hint = "give a relation, such as `duckdb.sql(...)`"
        raise RetrievalError([Diagnostic("MF063", message, hint=hint)])

    def join(self, labels: LabelTable, join: Join, *, own: bool) -> DuckDbRows:
        """See the base."""
        row = free("mlforge_row", labels.columns)
        added = {row: "row_number() over ()"}
        instant = join.instant(labels.columns, DuckDb())
        if join.timestamp is None:
            time = free("mlforge_now", labels.columns)
            added[time] = f"timestamp '{join.now.isoformat(sep=' ')}'"
            instant = f"{LABELS}.{quoted(time)}"
        query = numbered(labels, join, added)
        joined = join.query(DuckDb(), self.relation, query, labels.columns, instant)
        kept = ", ".join(quoted(name) for name in join.names)
        if own:
            kept = f"* exclude ({', '.join(quoted(name) for name in added)})"
        source = f"({joined}\n) as joined order by {quoted(row)}"
        return DuckDbRows(self.connection, kept, source, join.time, tuple(labels.columns))

    def close(self) -> None:
        """See the base."""
        self.connection.close()


@dataclass(frozen=True)
class DuckDbRows(Rows):
    """A query that has not run yet.

    Attributes:
        connection: Where it runs.
        kept: The columns: names, or a star.
        source: The rest of the query.
        time: The label time's column.
        columns: The labels' columns.
    """

    connection: duckdb.DuckDBPyConnection
    kept: str
    source: str = field(repr=False)  # it has the salt of surrogate keys
    time: str | None
    columns: tuple[str, ...] = ()

    @property
    def query(self) -> str:
        """The query, its columns in DuckDB's types."""
        return f"select {self.kept} from {self.source}"  # noqa: S608 - compiled, or quoted

    def _exact(self) -> str:
        """The query, its columns in types that parquet and Arrow hold exactly."""
        if not self.kept.startswith("*"):
            return self.query
        casts = exact_casts(self.connection, self.query)
        return f"select {self.kept} {casts} from {self.source}"  # noqa: S608 - compiled, or quoted

    def relation(self) -> Any:
        """See the base."""
        import duckdb

        try:
            return self.connection.sql(self.query)
        except duckdb.Error as error:
            raise problem(error, self.time, self.columns) from None

    def reader(self) -> pa.RecordBatchReader:
        """See the base."""
        import duckdb

        try:
            return self.connection.sql(self._exact()).to_arrow_reader()
        except (duckdb.Error, RuntimeError) as error:
            raise problem(error, self.time, self.columns) from None

    def table(self) -> pa.Table:
        """See the base."""
        import duckdb

        try:
            return self.connection.sql(self._exact()).to_arrow_table()
        except (duckdb.Error, RuntimeError) as error:
            raise problem(error, self.time, self.columns) from None

    def write_parquet(self, file: Path) -> None:
        """See the base."""
        import duckdb

        try:
            text = f"copy ({self._exact()}\n) to {literal(str(file))} (format parquet)"
            self.connection.execute(text)
        except (duckdb.Error, RuntimeError) as error:
            raise problem(error, self.time, self.columns) from None


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
        connection.execute(f"attach {literal(str(file))} as {CATALOG} (read_only)")
    except duckdb.Error as error:
        connection.close()
        message = f"cannot open `{DATABASE_FILE}` of profile `{name}`: {first_line(error)}"
        hint = "if a build is running, wait for it; close other programs that have the file open"
        raise RetrievalError([Diagnostic("MF064", message, hint=hint)]) from error
    return DuckDbStore(connection, name, file)
