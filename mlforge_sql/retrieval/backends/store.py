"""The offline store of a profile: what is the same on every engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.project.definition import spec_hash
from mlforge_sql.project.model import Requested
from mlforge_sql.retrieval.joining import Join
from mlforge_sql.retrieval.labels import LabelTable

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

METADATA = "_mlforge_metadata"


class Rows(ABC):
    """Labels joined to features: rows that have not been read yet."""

    @abstractmethod
    def reader(self) -> pa.RecordBatchReader:
        """The rows as a stream, in the order of the labels.

        Raises:
            RetrievalError: They cannot be read.
        """

    @abstractmethod
    def table(self) -> pa.Table:
        """The rows as a table, in the order of the labels.

        Raises:
            RetrievalError: They cannot be read.
        """

    @abstractmethod
    def relation(self) -> Any:
        """The rows as a lazy DuckDB relation, which keeps the store open.

        Raises:
            RetrievalError: The engine is another one.
        """

    @abstractmethod
    def write_parquet(self, file: Path) -> None:
        """Write the rows to a parquet file, in the order of the labels.

        Raises:
            RetrievalError: They cannot be read.
            OSError: The file cannot be written.
        """


class Store(ABC):
    """Feature tables of a profile, opened for reading.

    Attributes:
        profile: Name of the profile.
        keeps_versions: Whether older versions of a table can be read.
    """

    keeps_versions: ClassVar[bool] = False
    profile: str

    @property
    @abstractmethod
    def local(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection in UTC, in which local labels are read."""

    @abstractmethod
    def relation(self, model: str) -> str:
        """SQL name of a model's table."""

    @abstractmethod
    def columns(self, table: str) -> list[str]:
        """Names of a table's columns; none when there is no such table."""

    @abstractmethod
    def count(self, table: str) -> int:
        """Number of rows of a table."""

    @abstractmethod
    def first_rows(
        self, relation: str | None, limit: int
    ) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
        """Names of the columns and the first rows of a table, by its full SQL name in dbt.

        Rows are sorted by all columns, so that the first are always the same.
        """

    @abstractmethod
    def built_hashes(self) -> dict[str, str]:
        """The hash of the spec that each feature was last built from, where a build recorded it."""

    @abstractmethod
    def table_labels(self, name: str) -> LabelTable:
        """Labels in a table or view of the store.

        Raises:
            RetrievalError: There is none of this name, or it cannot be read.
        """

    @abstractmethod
    def query_labels(self, query: str) -> LabelTable:
        """Labels that a query of the store gives.

        Raises:
            RetrievalError: The engine takes none, or it cannot run.
        """

    @abstractmethod
    def join(self, labels: LabelTable, join: Join, *, own: bool) -> Rows:
        """Labels with features; nothing has run yet.

        Args:
            labels: The labels: in the store, or local.
            join: What is joined to them.
            own: Whether the rows have the labels' own columns.

        Raises:
            RetrievalError: They cannot be joined.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the store, and of everything that was put there."""

    def check_built(self, requests: Iterable[Requested]) -> None:
        """See that the feature tables are there, from these specs and with the columns wanted.

        Of a table that is read in an older version, the specs and columns may be older too.

        Raises:
            RetrievalError: One is not.
        """
        hashes = self.built_hashes()
        found = (self._request_problem(request, hashes) for request in requests)
        problems = [problem for problem in found if problem]
        if problems:
            raise RetrievalError(problems)

    def settled(self, requests: Iterable[Requested]) -> tuple[Requested, ...]:
        """The requests, each in a version that its table has.

        Raises:
            RetrievalError: A table does not have one.
        """
        return tuple(requests)

    def _request_problem(self, request: Requested, hashes: Mapping[str, str]) -> Diagnostic | None:
        name, current = request.feature.name, spec_hash(request.feature)
        if request.pin is None:
            return self.table_problem(name, request.columns, current, hashes)
        if self.keeps_versions:
            return self.table_problem(name, (), current, {})
        message = f"`{name}` cannot be read in {request.pin}: profile `{self.profile}` keeps no versions of a table"
        return Diagnostic("MF090", message, hint="use a profile with `KIND: unity_catalog`")

    def table_problem(
        self, name: str, columns: Iterable[str], current: str, hashes: Mapping[str, str]
    ) -> Diagnostic | None:
        """What keeps a feature from being read from its table.

        Args:
            name: Name of the feature.
            columns: Its columns that are read.
            current: Hash of its spec.
            hashes: What ``built_hashes`` gives.
        """
        found = self.columns(name)
        missing = [item for item in columns if item not in found]
        if not found:
            message = f"feature `{name}` is not built in profile `{self.profile}`"
        elif missing:
            message = f"the table of feature `{name}` has no column `{missing[0]}` yet"
        elif hashes.get(name, current) != current:
            message = f"the table of feature `{name}` was built from an older definition of it"
        else:
            return None
        return Diagnostic("MF064", message, hint=f"run `mlforge build --profile {self.profile}`")
