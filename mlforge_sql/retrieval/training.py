"""Training data: any labels, with features as of each label's time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from mlforge_sql.dbt.macros import MacroError, Macros
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.formats import reader_of
from mlforge_sql.plan.nodes import TimeKind
from mlforge_sql.plan.stagings import event_time
from mlforge_sql.project.labels import LabelColumns, check_labels, is_null_type
from mlforge_sql.project.model import Requested
from mlforge_sql.project.requests import resolve_requests
from mlforge_sql.retrieval.frames import LabelFrame, Output, label_frame, to_pandas
from mlforge_sql.retrieval.labels import (
    LabelTable,
    arrow_labels,
    file_labels,
    key_types,
    stored_labels,
    table_labels,
)
from mlforge_sql.retrieval.store import DuckDbStore, first_line, quoted
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.spec.training_set import FeatureSpec, requested
from mlforge_sql.sql.dialects.duckdb import DuckDb
from mlforge_sql.sql.joins import LABELS, instant_text
from mlforge_sql.types import TIMESTAMP

if TYPE_CHECKING:
    import pyarrow as pa

    from mlforge_sql.project.model import Project

Wanted = str | FeatureSpec | Feature


@dataclass(frozen=True)
class TrainingData:
    """Labels joined to features: a query that has not run yet.

    Attributes:
        store: Where the features are.
        query: SQL of every label once, in order, with the feature columns; of the feature columns
            alone where there is a frame to put them beside.
        names: Feature and column by the name of the feature column.
        frame: The labels, when the features are put beside them.
        timestamp: The label time's column; None for values as of now.
        inputs: Files and globs that the rows come from, which an output must not replace.
    """

    store: DuckDbStore
    query: str = field(repr=False)  # it has the salt of surrogate keys
    names: Mapping[str, tuple[str, str]]
    frame: LabelFrame | None
    timestamp: str | None
    inputs: frozenset[Path] = frozenset()

    def is_input(self, file: Path) -> bool:
        """Whether a file is one of those that the rows come from, or would become one."""
        found = str(file.resolve())
        return any(fnmatch(found, str(path.resolve())) for path in self.inputs)

    def relation(self) -> Any:
        """A lazy DuckDB relation; it keeps the store open."""
        return self._sql(self.query)

    def reader(self) -> pa.RecordBatchReader:
        """The rows as a stream of Arrow record batches, in the order of the labels."""
        import duckdb

        try:
            return self._sql(self.query).to_arrow_reader()
        except (duckdb.Error, RuntimeError) as error:
            raise self.problem(error) from error

    def table(self) -> pa.Table:
        """The rows as an Arrow table."""
        return self._run(self.query)

    def close(self) -> None:
        """Let go of the store."""
        self.store.connection.close()

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

    def _run(self, query: str) -> pa.Table:
        import duckdb

        try:
            return self._sql(query).to_arrow_table()
        except (duckdb.Error, RuntimeError) as error:
            raise self.problem(error) from error

    def _sql(self, query: str) -> Any:
        import duckdb

        try:
            return self.store.connection.sql(query)
        except duckdb.Error as error:
            raise self.problem(error) from error

    def problem(self, error: Exception) -> BaseException:
        """What DuckDB says of the labels' values; an interrupt is the user's."""
        if isinstance(error, RuntimeError) and "interrupt" in str(error).casefold():
            return KeyboardInterrupt()
        hint = None
        if self.timestamp and f"source column {self.timestamp}" in str(error):
            hint = f"`{self.timestamp}` must be ISO text, such as 2024-01-31T12:00:00+02:00"
        elif type(error).__name__ == "OutOfMemoryException":
            hint = "write to a file, or raise `memory_limit` in the profile's settings"
        return RetrievalError([Diagnostic("MF063", first_line(error), hint=hint)])


class TrainingDataBuilder:
    """Joins labels to features of one project.

    Args:
        project: The project.
        macros: Files of its macros.
        store: Where the features are.
        root: Folder of ``mlforge.yaml``.
    """

    def __init__(
        self, project: Project, macros: Mapping[PurePosixPath, str], store: DuckDbStore, root: Path
    ) -> None:
        self._project = project
        self._root = root
        self._store = store
        self._macros = Macros(macros, "duckdb", store.relation)

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
            labels: A frame, a path, or the name of a table.
            timestamp: The label's time; None for values as of now.
            whole: Whether the query has the labels' own columns when they are a frame in memory;
                if not, the features are put beside the frame, which stays as it is.

        Raises:
            RetrievalError: Something does not fit; nothing has run.
        """
        requests = self._requests(wanted)
        self._store.check_built(requests)
        frame, table = self._labels(labels, requests, timestamp, whole=whole)
        problems: list[Diagnostic] = []
        unread = dict.fromkeys(frame.names if frame else (), TIMESTAMP)
        columns = LabelColumns({**unread, **table.columns})
        check_labels(columns, timestamp, requests, _nowhere, problems)
        if problems:
            raise RetrievalError(problems)
        return self._joined(requests, frame, table, timestamp)

    def _requests(self, wanted: Iterable[Wanted]) -> tuple[Requested, ...]:
        specs = [_feature_spec(item) for item in wanted]
        if not specs:
            message = "no features are asked for"
            raise RetrievalError([Diagnostic("MF051", message, hint="name at least one")])
        problems: list[Diagnostic] = []
        known = {feature.name: feature for feature in self._project.features}
        requests = resolve_requests(specs, known, _nowhere, problems)
        if problems:
            raise RetrievalError(problems)
        return requests

    def _labels(
        self,
        labels: Any,
        requests: Sequence[Requested],
        timestamp: Timestamp | None,
        *,
        whole: bool,
    ) -> tuple[LabelFrame | None, LabelTable]:
        if isinstance(labels, str) and _is_table_name(labels):
            return None, table_labels(self._store, labels)
        if isinstance(labels, (str, Path)):
            return None, file_labels(self._store, Path(labels), requests, timestamp)
        frame = label_frame(labels)
        if frame is None:
            return None, stored_labels(self._store, labels)
        if whole:
            return None, arrow_labels(self._store, frame.columns(frame.names))
        wanted = {name.casefold() for name in key_types(requests)}
        wanted |= {timestamp.column.casefold()} if timestamp else set()
        needed = [name for name in frame.names if name.casefold() in wanted]
        table = arrow_labels(self._store, frame.columns(needed)) if needed else LabelTable("", {})
        return frame, table

    def _joined(
        self,
        requests: Sequence[Requested],
        frame: LabelFrame | None,
        table: LabelTable,
        timestamp: Timestamp | None,
    ) -> TrainingData:
        row = _free("mlforge_row", table)
        added = {row: "row_number() over ()"}
        instant = _instant(table, timestamp)
        if timestamp is None:
            now = datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ")
            added[_free("mlforge_now", table)] = f"timestamp '{now}'"
            instant = f"{LABELS}.{quoted(_free('mlforge_now', table))}"
        wanted = {name.casefold(): kind for name, kind in key_types(requests).items()}
        if timestamp is not None:
            wanted[timestamp.column.casefold()] = TIMESTAMP
        typed = {
            name: str(wanted.get(name.casefold(), kind) if is_null_type(kind) else kind)
            for name, kind in table.columns.items()
        }
        names = {
            f"{item.feature.name}__{column}": (item.feature.name, column)
            for item in requests
            for column in item.columns
        }
        try:
            joined = self._macros.call(
                "training_set",
                labels=table.numbered(requests, timestamp.column if timestamp else None, added),
                label_time=timestamp.column if timestamp else None,
                features=[
                    {"name": item.feature.name, "columns": list(item.columns)} for item in requests
                ],
                label_columns=typed,
                label_instant=instant,
            )
        except MacroError as error:
            raise RetrievalError([Diagnostic("MF063", str(error))]) from error
        kept = ", ".join(quoted(name) for name in names)
        if frame is None:
            kept = f"* exclude ({', '.join(quoted(name) for name in added)})"
        query = f"select {kept} from ({joined}\n) as joined order by {quoted(row)}"  # noqa: S608 - compiled, or quoted
        time = timestamp.column if timestamp else None
        return TrainingData(self._store, query, names, frame, time, self._inputs(table))

    def _inputs(self, table: LabelTable) -> frozenset[Path]:
        paths = [item.spec.path for item in self._project.sources if item.spec.path is not None]
        sources = (self._root / path for path in paths)
        return frozenset((*sources, *((table.file,) if table.file else ())))


def _feature_spec(item: Wanted) -> FeatureSpec:
    if isinstance(item, FeatureSpec):
        return item
    values = requested(item)
    if isinstance(item, dict) or not isinstance(values, dict):
        message = f"a feature cannot be a {type(item).__name__}"
        hint = "name it, or give a FeatureSpec"
        raise RetrievalError([Diagnostic("MF051", message, hint=hint)])
    columns = values.get("columns")
    return FeatureSpec.model_construct(  # a name that cannot be one is simply not known
        name=values["name"], columns=tuple(columns) if columns else None
    )


def _nowhere(*_path: str | int) -> None:
    return None


def _free(name: str, table: LabelTable) -> str:
    """A name that no column of the labels has."""
    while name in LabelColumns(table.columns):
        name += "_"
    return name


def _is_table_name(text: str) -> bool:
    """Whether text names a table rather than a file."""
    return reader_of(text) is None and not {"/", "\\"} & set(text)


def _instant(table: LabelTable, timestamp: Timestamp | None) -> str | None:
    """SQL of the label's time, where the macros cannot tell it from the column's type."""
    if timestamp is None:
        return None
    columns = LabelColumns(table.columns)
    kind = columns.type(timestamp.column)
    if is_null_type(kind):
        return None
    time = event_time(columns.spelling(timestamp.column), kind, timestamp)
    if time.kind not in {TimeKind.TEXT, TimeKind.EPOCH}:
        return None
    return instant_text(time, f"{LABELS}.{quoted(time.column)}", DuckDb())
