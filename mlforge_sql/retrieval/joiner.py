"""Labels meet the features of a store: what every engine's joiner understands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlforge_sql.retrieval.joining import Join
from mlforge_sql.retrieval.labels import LabelTable

if TYPE_CHECKING:
    import pyarrow as pa


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


class Joiner(ABC):
    """Finds labels in a store, and joins labels to its features."""

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
