"""The offline store of a profile: what is the same on every engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from mlforge_sql.dialects.quoting import Sql
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.project.definition import spec_hash
from mlforge_sql.project.model import Requested

if TYPE_CHECKING:
    import duckdb

METADATA = "_mlforge_metadata"

BUILT_EMPTY = "empty"
"""What the metadata have in the place of a hash where dbt ran with ``--empty``."""


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
        """A DuckDB connection in UTC, for what is on this machine."""

    @abstractmethod
    def relation(self, model: str) -> Sql:
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
        elif hashes.get(name) == BUILT_EMPTY:
            message = f"the table of feature `{name}` has no rows: dbt was last run with --empty"
        elif hashes.get(name, current) != current:
            message = f"the table of feature `{name}` was built from an older definition of it"
        else:
            return None
        return Diagnostic("MF064", message, hint=f"run `mlforge build --profile {self.profile}`")
