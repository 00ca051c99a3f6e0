"""Local labels on their way to a SQL warehouse: only what the join reads, in bounded batches.

A batch is one INSERT with one parameter for each column, a JSON array: a warehouse reads it many
times as fast as rows of VALUES, no value stands in the text of the statement, and the limit of 255
parameters does not matter.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.dialects.quoting import DATABRICKS, Sql
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.retrieval.databricks.encoding import Encoded
from mlforge_sql.stores.databricks.session import Session
from mlforge_sql.types import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 20_000
"""Most rows of a statement."""

BATCH_TEXT = 1_000_000
"""Most characters of a statement's parameters; a row that is longer goes alone."""

PREFIX = "mlforge_labels"
STALE = timedelta(days=1)
"""How old a table of uploaded labels is when its run is surely over."""

_NAME = re.compile(rf"{PREFIX}_(\d{{8}}t\d{{6}})_[0-9a-f]{{8}}")
_STAMP = "%Y%m%dt%H%M%S"


@dataclass(frozen=True, slots=True)
class SentColumn:
    """A column that is sent.

    Attributes:
        name: Its name on the warehouse.
        kind: Its type there.
        encoded: How its values travel.
    """

    name: str
    kind: ColumnType
    encoded: Encoded


@dataclass
class Upload:
    """A table on the warehouse with labels, for as long as it is needed.

    Attributes:
        session: Where it is.
        row: Name of the column with the number of each label, from 0.
        columns: Its other columns.
        schema: Catalog and schema for it; None for a temporary table of the session, or, where
            the warehouse has none, ``otherwise``.
        otherwise: Catalog and schema of the feature tables.
        relation: Its SQL name, once it is there.
        rows: How many labels it has.
    """

    session: Session
    row: str
    columns: Sequence[SentColumn]
    schema: tuple[str, str] | None
    otherwise: tuple[str, str]
    relation: str = field(default="", init=False)
    rows: int = field(default=0, init=False)

    @contextlib.contextmanager
    def of(self, batches: Iterable[pa.RecordBatch]) -> Iterator[None]:
        """Have the labels on the warehouse while the block runs.

        Args:
            batches: What is sent of each column, in their order.

        Raises:
            RetrievalError: They cannot be put there.
        """
        self._create()
        try:
            self._fill(batches)
            yield
        finally:
            self._drop()

    def _create(self) -> None:
        name = f"{PREFIX}_{datetime.now(UTC):{_STAMP}}_{secrets.token_hex(4)}"
        kinds = Databricks()
        listed = ", ".join(
            f"{DATABRICKS.name(item.name)} {kinds.type_name(item.kind)}" for item in self.columns
        )
        definition = f"({DATABRICKS.name(self.row)} bigint{', ' if listed else ''}{listed})"
        if self.schema is None:
            try:
                self.session.run(f"create temporary table {DATABRICKS.name(name)} {definition}")
            except RetrievalError:
                if self.session.lost:
                    raise
            else:
                self.relation = DATABRICKS.name(name)
                return
        catalog, schema = self.schema or self.otherwise
        self._sweep(catalog, schema)
        relation = DATABRICKS.name(catalog, schema, name)
        comment = DATABRICKS.text("Labels of a training set that mlforge is reading. Safe to drop.")
        try:
            self.session.run(f"create table {relation} {definition} comment {comment}")
        except RetrievalError as error:
            if self.session.lost:
                raise
            raise _no_place(f"{catalog}.{schema}", error) from None
        self.relation = relation

    def _sweep(self, catalog: str, schema: str) -> None:
        """Drop what killed runs have left. What cannot be dropped is somebody else's."""
        with contextlib.suppress(RetrievalError):
            pattern = DATABRICKS.text(f"{PREFIX}_*")
            tables = f"show tables in {DATABRICKS.name(catalog, schema)} like {pattern}"
            for row in self.session.rows(tables):
                if is_stale(str(row[1]), datetime.now(UTC)):
                    with contextlib.suppress(RetrievalError):
                        self.session.run(
                            f"drop table if exists {DATABRICKS.name(catalog, schema, row[1])}"
                        )

    def _drop(self) -> None:
        if not self.session.lost:
            with contextlib.suppress(RetrievalError):
                self.session.run(f"drop table if exists {self.relation}")

    def _fill(self, batches: Iterable[pa.RecordBatch]) -> None:
        statement = insertion(self.relation, self.columns)
        for batch in batches:
            for count, columns in chunks(batch):
                self.session.run(statement, {"first": self.rows, **columns})
                self.rows += count


def insertion(relation: str, columns: Sequence[SentColumn]) -> str:
    """The statement that adds a batch.

    Its parameters: ``first``, the number of the first label, and ``c0`` to ``cN``, the columns as
    JSON arrays of one length.

    Args:
        relation: SQL name of the table.
        columns: Its columns after the number; at least one.
    """
    arrays = [
        Sql(f"from_json(:c{at}, 'array<{item.encoded.json}>', map('mode', 'FAILFAST')) as c{at}")
        for at, item in enumerate(columns)
    ]
    values = [
        Sql(item.encoded.value.format(f"label.c{number}")) for number, item in enumerate(columns)
    ]
    return DATABRICKS.sql(
        "insert into {relation}\n"
        "select\n    {values}\n"
        "from (\n    select posexplode(arrays_zip({zipped})) as (place, label)\n"
        "    from (\n        select\n        {arrays}\n    ) as sent\n) as labels",
        relation=Sql(relation),
        values=DATABRICKS.list(Sql("cast(:first as bigint) + place"), *values, by=",\n    "),
        zipped=[Sql(f"c{number}") for number in range(len(columns))],
        arrays=DATABRICKS.list(*arrays, by=",\n        "),
    )


def chunks(batch: pa.RecordBatch) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The batch as parameters of statements, none of them too long: number of rows, and columns."""
    if batch.num_rows == 0:
        return
    texts = {
        f"c{number}": json.dumps(column.to_pylist(), separators=(",", ":"))
        for number, column in enumerate(batch.columns)
    }
    half = batch.num_rows // 2
    if half and sum(map(len, texts.values())) > BATCH_TEXT:
        yield from chunks(batch.slice(0, half))
        yield from chunks(batch.slice(half))
    else:
        yield batch.num_rows, texts


def is_stale(table: str, now: datetime) -> bool:
    """Whether a table is one of uploaded labels whose run is surely over.

    Examples:
        >>> now = datetime(2024, 1, 3, 0, 0, 1, tzinfo=UTC)
        >>> is_stale("mlforge_labels_20240102t000000_0a1b2c3d", now)
        True
        >>> is_stale("mlforge_labels_20240102t000001_0a1b2c3d", now)
        False
        >>> is_stale("mlforge_labels_of_mine", now)
        False
    """
    found = _NAME.fullmatch(table)
    if found is None:
        return False
    return now - datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC) > STALE


def _no_place(schema: str, error: RetrievalError) -> RetrievalError:
    reason = error.diagnostics[0].message
    message = f"local labels cannot be put into `{schema}`: {reason}"
    hint = (
        "have CREATE TABLE granted there, name another schema as `scratch_schema` of the profile's "
        "offline store, or give the labels as a table"
    )
    return RetrievalError([Diagnostic("MF097", message, hint=hint)])
