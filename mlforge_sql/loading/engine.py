"""The DuckDB that files and expressions are asked of while compiling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mlforge_sql.dialects.quoting import DUCKDB, Name, Sql
from mlforge_sql.engine_settings import required_settings, set_statements
from mlforge_sql.errors import InvalidExpression
from mlforge_sql.formats import WHOLE
from mlforge_sql.isolation import guarded, sealed
from mlforge_sql.types import UNKNOWN, ColumnType, Kind

if TYPE_CHECKING:
    import duckdb


class Engine:
    """Two in-memory DuckDBs, opened when first needed: one sees files, the other none.

    Args:
        files: One that sees files and is open already.
    """

    def __init__(self, files: duckdb.DuckDBPyConnection | None = None) -> None:
        self._files = files
        self._expressions: duckdb.DuckDBPyConnection | None = None

    def close(self) -> None:
        """Let go of both."""
        for connection in (self._files, self._expressions):
            if connection is not None:
                connection.close()

    @property
    def files(self) -> duckdb.DuckDBPyConnection:
        """The one that sees files."""
        if self._files is None:
            self._files = _open(reads_files=True)
        return self._files

    def query(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        """Ask about files."""
        rows: list[tuple[Any, ...]] = self.files.execute(sql, parameters).fetchall()
        return rows

    def query_without_files(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        """Ask about expressions of users, which reach no file."""
        if self._expressions is None:
            self._expressions = _open(reads_files=False)
        rows: list[tuple[Any, ...]] = self._expressions.execute(sql, parameters).fetchall()
        return rows

    def described(self, query: str) -> list[tuple[Any, ...]]:
        """The columns of a query that reads no file.

        Raises:
            InvalidExpression: DuckDB refuses it.
        """
        try:
            return self.query_without_files(f"describe {query}", [])
        except duckdb_error() as error:
            raise InvalidExpression(first_sentence(error)) from error

    def exists(self, full: str) -> bool:
        """Whether DuckDB finds a file, by its own rules for globs."""
        try:
            return bool(self.query("select 1 from glob(?) limit 1", [full]))
        except duckdb_error():
            return False


def duckdb_error() -> type[Exception]:
    """What DuckDB raises."""
    import duckdb

    error: type[Exception] = duckdb.Error
    return error


def first_sentence(error: Exception) -> str:
    """What DuckDB says, without its kind of error and its lists of candidates."""
    line = str(error).splitlines()[0]
    text = line.split(": ", 1)[-1] or line
    return text.split(". ")[0].rstrip(".")


def reading(reader: str, options: Iterable[str] = ()) -> Sql:
    """A reader of the files that are the query's parameter."""
    return Sql(f"{reader}({', '.join(['?', WHOLE, *options])})")


def nothing(columns: Mapping[str, ColumnType]) -> Sql:
    """A relation with columns of the given types, and no meaning in its rows."""
    nulls = [
        DUCKDB.sql(
            "cast(null as {kind}) as {name}", kind=Sql(_engine_type(kind)), name=Name.of(name)
        )
        for name, kind in columns.items()
    ]
    return DUCKDB.sql("(select {nulls})", nulls=nulls or Sql("null as x"))


def _engine_type(kind: ColumnType) -> str:
    if kind.family is Kind.TEXT:
        return "varchar"
    if kind == UNKNOWN:
        return '"NULL"'
    return "timestamptz" if kind.family is Kind.TIMESTAMP_TZ else str(kind)


def _open(*, reads_files: bool) -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect()
    settings = set_statements({"threads": 1, **required_settings()})
    for statement in (*guarded(), *settings, *sealed(reads_files=reads_files)):
        connection.execute(statement)
    return connection
