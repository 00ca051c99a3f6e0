"""Training data: any labels, with features as of each label's time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlforge_sql.dbt.files import FileSet
from mlforge_sql.dialects.base import Dialect
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.formats import reader_of
from mlforge_sql.project.labels import LabelColumns, check_labels
from mlforge_sql.retrieval.frames import LabelFrame, Output, label_frame, to_pandas
from mlforge_sql.retrieval.joiner import Rows
from mlforge_sql.retrieval.joiners import joiner_of
from mlforge_sql.retrieval.joining import Join
from mlforge_sql.retrieval.label_times import local_sources
from mlforge_sql.retrieval.labels import LabelTable, arrow_labels, file_labels, stored_labels
from mlforge_sql.retrieval.wanted import Wanted, nowhere, resolve_wanted
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.stores.store import Store
from mlforge_sql.types import TIMESTAMP

if TYPE_CHECKING:
    import pyarrow as pa

    from mlforge_sql.project.model import Project


@dataclass(frozen=True)
class TrainingData:
    """Labels joined to features: rows that have not been read yet.

    Attributes:
        store: Where the features are.
        rows: Every label once, in order, with the feature columns; the feature columns alone where
            there is a frame to put them beside.
        names: Feature and column by the name of the feature column.
        frame: The labels, when the features are put beside them.
        timestamp: The label time's column; None for values as of now.
        inputs: Files and globs that the rows come from, which an output must not replace.
        local_sources: Zones of the sources with local times, where those of labels are read as UTC.
    """

    store: Store
    rows: Rows
    names: Mapping[str, tuple[str, str]]
    frame: LabelFrame | None
    timestamp: str | None
    inputs: frozenset[Path] = frozenset()
    local_sources: Mapping[str, str] = field(default_factory=dict)

    def is_input(self, file: Path) -> bool:
        """Whether a file is one of those that the rows come from, or would become one."""
        found = str(file.resolve())
        return any(fnmatch(found, str(path.resolve())) for path in self.inputs)

    def relation(self) -> Any:
        """A lazy DuckDB relation; it keeps the store open."""
        return self.rows.relation()

    def reader(self) -> pa.RecordBatchReader:
        """The rows as a stream of Arrow record batches, in the order of the labels."""
        return self.rows.reader()

    def table(self) -> pa.Table:
        """The rows as an Arrow table."""
        return self.rows.table()

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    def as_output(self, output: Output) -> Any:
        """The rows as what was asked for."""
        match output:
            case "relation":
                return self.relation()
            case "reader":
                return self.reader()
            case "same" if self.frame is not None:
                return self.frame.with_columns(self.table())
            case "pandas":
                return to_pandas(self.table())
            case "polars":
                import polars as pl

                return pl.from_arrow(self.table())
            case _:
                return self.table()


class TrainingDataBuilder:
    """Joins labels to features of one project.

    Args:
        project: The project.
        macros: Files of its macros in the words of an engine.
        store: Where the features are.
        root: Folder of ``mlforge.yaml``.
    """

    def __init__(
        self, project: Project, macros: Callable[[Dialect], FileSet], store: Store, root: Path
    ) -> None:
        self._project = project
        self._root = root
        self._store = store
        self._joiner = joiner_of(store)
        self._macros = macros

    def build(
        self,
        wanted: Iterable[Wanted],
        labels: Any,
        timestamp: Timestamp | None,
        *,
        whole: bool = True,
    ) -> TrainingData:
        """Check everything, then say what to run.

        Args:
            wanted: Features.
            labels: A frame, a path, the name of a table, or a query.
            timestamp: The label's time; None for values as of now.
            whole: Whether the query has the labels' own columns when they are a frame in memory;
                if not, the features are put beside the frame, which stays as it is.

        Raises:
            RetrievalError: Something does not fit; nothing has run.
        """
        requests = resolve_wanted(self._project, wanted)
        self._store.check_built(requests)
        requests = self._store.settled(requests)
        join = Join.of(requests, timestamp, self._macros)
        frame, table = self._labels(labels, join, whole=whole)
        problems: list[Diagnostic] = []
        unread = dict.fromkeys(frame.names if frame else (), TIMESTAMP)
        columns = LabelColumns({**unread, **table.columns})
        check_labels(columns, timestamp, requests, nowhere, problems)
        if problems:
            raise RetrievalError(problems)
        rows = self._joiner.join(table, join, own=frame is None)
        return TrainingData(
            self._store,
            rows,
            join.names,
            frame,
            join.time,
            self._inputs(table),
            local_sources(timestamp, columns, requests),
        )

    def _labels(
        self, labels: Any, join: Join, *, whole: bool
    ) -> tuple[LabelFrame | None, LabelTable]:
        if isinstance(labels, str) and is_query(labels):
            return None, self._joiner.query_labels(labels)
        if isinstance(labels, str) and _is_table_name(labels):
            return None, self._joiner.table_labels(labels)
        local = self._store.local
        if isinstance(labels, (str, Path)):
            return None, file_labels(local, Path(labels), join)
        frame = label_frame(labels)
        if frame is None:
            return None, stored_labels(local, labels)
        if whole:
            return None, arrow_labels(local, frame.columns(frame.names))
        needed = [name for name in frame.names if name.casefold() in join.needed]
        table = arrow_labels(local, frame.columns(needed)) if needed else LabelTable("", {})
        return frame, table

    def _inputs(self, table: LabelTable) -> frozenset[Path]:
        paths = [item.spec.path for item in self._project.sources if item.spec.path is not None]
        sources = (self._root / path for path in paths)
        return frozenset((*sources, *((table.file,) if table.file else ())))


_QUERY = re.compile(
    r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(?:select|with|values)(?:\s|[(*'\"`])",
    re.DOTALL | re.IGNORECASE,
)


def is_query(text: str) -> bool:
    """Whether text is a query rather than the name of a table or file: by its first word.

    Examples:
        >>> is_query("select * from labels"), is_query("/* mine */ (WITH x as (select 1) ...")
        (True, True)
        >>> is_query("main.raw.labels"), is_query("select.csv"), is_query("with")
        (False, False, False)
    """
    return _QUERY.match(text) is not None


def _is_table_name(text: str) -> bool:
    """Whether text names a table rather than a file."""
    return reader_of(text) is None and not {"/", "\\"} & set(text)
