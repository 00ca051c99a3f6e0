"""Labels joined to features in a DuckDB file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.dialects.quoting import DUCKDB, Name, Sql
from mlforge_sql.errors import Diagnostic, RetrievalError, suggest
from mlforge_sql.retrieval.exact import exact_casts, problem
from mlforge_sql.retrieval.joiner import Joiner, Rows
from mlforge_sql.retrieval.joining import Join, free
from mlforge_sql.retrieval.labels import LabelTable, numbered
from mlforge_sql.sql.joins import LABELS
from mlforge_sql.stores.duckdb import SCHEMA, DuckDbStore
from mlforge_sql.stores.local import described

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True)
class DuckDbJoiner(Joiner):
    """Joins in the connection of a store.

    Attributes:
        store: The store.
    """

    store: DuckDbStore

    @override
    def table_labels(self, name: str) -> LabelTable:
        relation = _find_table(self.store, name)
        return LabelTable(relation, described(self.store.connection, relation, name), local=False)

    def query_labels(self, query: str) -> LabelTable:
        """Never: a relation of DuckDB says the same, and knows more than the store's tables."""
        del query
        message = f"profile `{self.store.profile}` is on DuckDB, where labels cannot be a query"
        hint = "give a relation, such as `duckdb.sql(...)`"
        raise RetrievalError([Diagnostic("MF063", message, hint=hint)])

    @override
    def join(self, labels: LabelTable, join: Join, *, own: bool) -> DuckDbRows:
        row = free("mlforge_row", labels.columns)
        added = {row: "row_number() over ()"}
        instant = join.instant(labels.columns, DuckDb())
        if join.timestamp is None:
            time = free("mlforge_now", labels.columns)
            added[time] = f"timestamp '{join.now.isoformat(sep=' ')}'"
            instant = f"{LABELS}.{DUCKDB.name(time)}"
        query = numbered(labels, join, added)
        joined = join.query(DuckDb(), self.store.relation, query, labels.columns, instant)
        kept = DUCKDB.list(*map(Name.of, join.names))
        if own:
            kept = DUCKDB.sql("* exclude ({added})", added=map(Name.of, added))
        source = DUCKDB.sql(
            "({joined}\n) as joined order by {row}", joined=Sql(joined), row=Name.of(row)
        )
        return DuckDbRows(self.store.connection, kept, source, join.time, tuple(labels.columns))


def _find_table(store: DuckDbStore, name: str) -> str:
    """SQL name of a table or view that a user named, with or without its schema."""
    parts = name.split(".")
    if parts[-1] in store.tables() and parts[:-1] in ([], [SCHEMA]):
        return store.relation(parts[-1])
    known = [item for item in store.tables() if not item.startswith(("_", "int_", "stg_"))]
    near = suggest(name, store.tables())
    hint = near if near.startswith("did you mean") else suggest(name, known)
    hint += "; or name a parquet, csv or json file"
    message = f"there is no file and, in profile `{store.profile}`, no table `{name}`"
    raise RetrievalError([Diagnostic("MF063", message, hint=hint)])


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
    kept: Sql
    source: Sql = field(repr=False)  # it has the salt of surrogate keys
    time: str | None
    columns: tuple[str, ...] = ()

    @property
    def query(self) -> str:
        """The query, its columns in DuckDB's types."""
        return DUCKDB.sql("select {kept} from {source}", kept=self.kept, source=self.source)

    def _exact(self) -> str:
        """The query, its columns in types that parquet and Arrow hold exactly."""
        if not self.kept.startswith("*"):
            return self.query
        return DUCKDB.sql(
            "select {kept} {casts} from {source}",
            kept=self.kept,
            casts=exact_casts(self.connection, self.query),
            source=self.source,
        )

    @override
    def relation(self) -> Any:
        import duckdb

        try:
            return self.connection.sql(self.query)
        except duckdb.Error as error:
            raise problem(error, self.time, self.columns) from None

    @override
    def reader(self) -> pa.RecordBatchReader:
        import duckdb

        try:
            return self.connection.sql(self._exact()).to_arrow_reader()
        except (duckdb.Error, RuntimeError) as error:
            raise problem(error, self.time, self.columns) from None

    @override
    def table(self) -> pa.Table:
        import duckdb

        try:
            return self.connection.sql(self._exact()).to_arrow_table()
        except (duckdb.Error, RuntimeError) as error:
            raise problem(error, self.time, self.columns) from None

    @override
    def write_parquet(self, file: Path) -> None:
        import duckdb

        try:
            text = f"copy ({self._exact()}\n) to {DUCKDB.text(str(file))} (format parquet)"
            self.connection.execute(text)
        except (duckdb.Error, RuntimeError) as error:
            raise problem(error, self.time, self.columns) from None
