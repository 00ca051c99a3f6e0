"""Labels joined to features on a SQL warehouse, page by page."""

from __future__ import annotations

import contextlib
import itertools
from abc import abstractmethod
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.dialects.quoting import DATABRICKS, DUCKDB, Name, Sql
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.project.labels import LabelColumns
from mlforge_sql.retrieval.databricks.arrow import alike, feature_types
from mlforge_sql.retrieval.databricks.encoding import encoded
from mlforge_sql.retrieval.databricks.paging import beside, in_order
from mlforge_sql.retrieval.databricks.upload import BATCH_ROWS, SentColumn, Upload
from mlforge_sql.retrieval.exact import exact_casts, problem
from mlforge_sql.retrieval.joiner import Rows
from mlforge_sql.retrieval.joining import Join, free
from mlforge_sql.retrieval.labels import LabelTable, numbered
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.sql.joins import LABELS
from mlforge_sql.stores.databricks.session import page_rows
from mlforge_sql.stores.databricks.store import DatabricksStore
from mlforge_sql.types import BIGINT, TIMESTAMP, ColumnType, Kind

if TYPE_CHECKING:
    import pyarrow as pa

    Pages = Generator[pa.Table, None, None]


@dataclass(frozen=True)
class Paged(Rows):
    """Rows that come as Arrow tables.

    Attributes:
        store: Where they come from.
        labels: The labels.
        join: What is joined to them.
    """

    store: DatabricksStore
    labels: LabelTable
    join: Join

    @abstractmethod
    def pages(self) -> Pages:
        """The rows as they come: at least one table, empty when there are none.

        Raises:
            RetrievalError: They cannot be read.
        """

    def relation(self) -> Any:
        """Never: DuckDB has no hand in it."""
        message = f"profile `{self.store.profile}` is on Databricks, which gives no DuckDB relation"
        hint = 'ask for output="reader" or output="pyarrow": DuckDB reads both'
        raise RetrievalError([Diagnostic("MF052", message, hint=hint)])

    @override
    def table(self) -> pa.Table:
        import pyarrow as pa

        with contextlib.closing(self.pages()) as pages:
            return pa.concat_tables(pages)

    @override
    def reader(self) -> pa.RecordBatchReader:
        """The store is let go when the stream ends, or when nobody holds it any more."""
        import pyarrow as pa

        stream = self._stream()
        schema = next(stream)  # begun, so that it ends also where nobody reads a row
        return pa.RecordBatchReader.from_batches(schema, stream)

    def _stream(self) -> Iterator[Any]:
        """The schema, then the batches."""
        with contextlib.closing(self.store), contextlib.closing(self.pages()) as pages:
            first = next(pages)
            yield first.schema
            yield from first.to_batches()
            for page in pages:
                yield from page.to_batches()

    @override
    def write_parquet(self, file: Path) -> None:
        import pyarrow.parquet as pq

        with contextlib.closing(self.pages()) as pages:
            first = next(pages)
            with pq.ParquetWriter(file, first.schema) as writer:
                writer.write_table(first)
                for page in pages:
                    writer.write_table(page)


@dataclass(frozen=True)
class StoredRows(Paged):
    """The rows of labels that are on the warehouse, in no particular order.

    Attributes:
        query: The labels with features.
    """

    query: str = field(repr=False)  # it may have the salt of surrogate keys

    @classmethod
    def of(cls, store: DatabricksStore, labels: LabelTable, join: Join) -> StoredRows:
        """The rows of labels in a table or query."""
        typed = join.without_type(labels.columns)
        dialect = Databricks()
        listed = [
            Sql(f"cast(null as {dialect.type_name(typed[name])}) as {DATABRICKS.name(name)}")
            if name in typed
            else DATABRICKS.name(name)
            for name in labels.columns
        ]
        kept = [DATABRICKS.name(name) for name in (*labels.columns, *join.names)]
        instant: str | None
        if join.timestamp is None:
            name = free("mlforge_now", labels.columns)
            listed.append(Sql(f"{_now(join)} as {DATABRICKS.name(name)}"))
            instant = f"{LABELS}.{DATABRICKS.name(name)}"
        elif join.time_is_null(labels.columns):
            instant = join.instant(labels.columns, dialect)
        else:
            instant = join.label_instant(dialect, labels.columns)
        query = DATABRICKS.sql(
            "select {listed} from {labels}", listed=listed, labels=Sql(labels.relation)
        )
        joined = join.query(dialect, store.relation, query, labels.columns, instant)
        text = DATABRICKS.sql(
            "select {kept} from ({joined}\n) as joined", kept=kept, joined=Sql(joined)
        )
        return cls(store, labels, join, text)

    @override
    def pages(self) -> Pages:
        types = feature_types(self.join, self.store.local)
        try:
            with contextlib.closing(self.store.session.pages(self.query)) as pages:
                for page in pages:
                    yield alike(page, types)
        except RetrievalError as error:
            raise self._hinted(error) from None

    def _hinted(self, error: RetrievalError) -> RetrievalError:
        """Say what the label time has to be, when a value does not fit and it is text."""
        found, timestamp = error.diagnostics[0], self.join.timestamp
        if found.code != "MF063" or timestamp is None or timestamp.format is not None:
            return error
        column = timestamp.columns[0]
        if LabelColumns(self.labels.columns).type(column).family is not Kind.TEXT:
            return error
        hint = f"`{column}` must be ISO text, such as 2024-01-31T12:00:00+02:00"
        return RetrievalError([Diagnostic("MF063", found.message, hint=hint)])


@dataclass(frozen=True)
class LocalRows(Paged):
    """The rows of labels that are here: what the join reads goes up, the features come back.

    Attributes:
        own: Whether the rows have the labels' own columns, which never leave this machine.
    """

    own: bool

    @override
    def pages(self) -> Pages:
        with contextlib.closing(self._features()) as features:
            if not self.own:
                yield from features
                return
            with contextlib.closing(self._own()) as own:
                yield from beside(own, features)

    def _features(self) -> Pages:
        """The feature columns of each label, in the order of the labels."""
        import pyarrow as pa

        types = feature_types(self.join, self.store.local)
        columns, batches = self._sent()
        row = free("mlforge_row", {item.name: item.kind for item in columns})
        upload = Upload(self.store.session, row, columns, self.store.scratch, self.store.place)
        first = next(batches, None)
        if first is None or not first.num_rows:
            schema = [(name, types.get(name, pa.null())) for name in self.join.names]
            yield pa.schema(schema).empty_table()
            return
        with (
            upload.of(itertools.chain([first], batches)),
            contextlib.closing(self.store.session.pages(self._query(upload))) as pages,
        ):
            for page in in_order(pages, row, upload.rows):
                yield alike(page, types)

    def _query(self, upload: Upload) -> str:
        """What the warehouse runs."""
        kinds: dict[str, ColumnType] = {upload.row: BIGINT}
        kinds |= {item.name: item.kind for item in upload.columns}
        time, labels = self._time, Sql(upload.relation)
        query = DATABRICKS.sql("select * from {labels}", labels=labels)
        if time not in kinds:
            query = DATABRICKS.sql(
                "select *, {now} as {time} from {labels}",
                now=self.join.now,
                time=Name.of(time),
                labels=labels,
            )
            kinds[time] = TIMESTAMP
        join = replace(self.join, timestamp=Timestamp(time))
        joined = join.query(
            Databricks(), self.store.relation, query, kinds, f"{LABELS}.{DATABRICKS.name(time)}"
        )
        return DATABRICKS.sql(
            "select {kept} from ({joined}\n) as joined order by {row}",
            kept=[Name.of(name) for name in (upload.row, *self.join.names)],
            joined=Sql(joined),
            row=Name.of(upload.row),
        )

    @property
    def _keys(self) -> dict[str, ColumnType]:
        return {key.name: key.type for item in self.join.requests for key in item.feature.keys}

    @property
    def _time(self) -> str:
        """Name of the label time's column on the warehouse."""
        return free("mlforge_time", self._keys)

    def _sent(self) -> tuple[list[SentColumn], Iterator[pa.RecordBatch]]:
        """The columns that go up, and their values."""
        dialect = DuckDb()
        typed = self.join.typed(self.labels.columns)
        kinds = self._keys
        values = self.join.label_keys(dialect, typed)
        if self.join.timestamp is not None:
            kinds[self._time] = TIMESTAMP
            values[self._time] = self.join.label_instant(dialect, typed)
        columns = [
            SentColumn(name, kind, encoded(values[name], kind)) for name, kind in kinds.items()
        ]
        query = DUCKDB.sql(
            "select {listed} from ({labels}) as {alias}",
            listed=[Sql(f"{item.encoded.sent} as c{at}") for at, item in enumerate(columns)],
            labels=numbered(self.labels, self.join, {}),
            alias=Sql(LABELS),
        )
        return columns, self._read(query, BATCH_ROWS)

    def _own(self) -> Pages:
        """The labels' own columns."""
        import pyarrow as pa

        rows = page_rows(len(self.labels.columns))
        labels = numbered(self.labels, self.join, {})
        query = DUCKDB.sql(
            "select * {casts} from ({labels}) as {alias}",
            casts=exact_casts(self.store.local, labels),
            labels=labels,
            alias=Sql(LABELS),
        )
        for batch in self._read(query, rows):
            yield pa.Table.from_batches([batch])

    def _read(self, query: str, rows: int) -> Iterator[pa.RecordBatch]:
        """Batches of a local query, in the order of the labels: at least one."""
        import duckdb
        import pyarrow as pa

        try:
            reader = self.store.local.sql(query).to_arrow_reader(rows)
            empty = True
            for batch in reader:
                empty = False
                yield batch
            if empty:
                yield pa.RecordBatch.from_pylist([], schema=reader.schema)
        except (duckdb.Error, RuntimeError, OSError) as error:
            raise problem(error, self.join.time, self.labels.columns) from None


def _now(join: Join) -> str:
    return f"timestamp '{join.now.isoformat(sep=' ')}'"
