"""What columns the sources really have: DuckDB describes files and checks expressions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlforge_sql.errors import InvalidExpression, SchemaUnreadable
from mlforge_sql.formats import (
    PARQUET_COLUMNS,
    READERS,
    TEXT_READERS,
    WHOLE,
    parquet_problem,
    reader_of,
)
from mlforge_sql.isolation import guarded, sealed
from mlforge_sql.types import ColumnType, Kind, parse_type

if TYPE_CHECKING:
    import duckdb


NOT_STABLE = frozenset(
    {
        "age",
        "ago",
        "current_localtime",
        "current_localtimestamp",
        "pg_conf_load_time",
        "pg_postmaster_start_time",
        "version",
    }
)
"""Functions that look at the clock or the engine although DuckDB calls them consistent."""


@dataclass
class SchemaReader:
    """Reads schemas with two in-memory DuckDBs, opened when first needed: one sees files.

    Attributes:
        root: Project folder; paths are relative to it.
    """

    root: Path
    _connection: duckdb.DuckDBPyConnection | None = field(default=None, init=False, repr=False)
    _without_files: duckdb.DuckDBPyConnection | None = field(default=None, init=False, repr=False)
    _types: dict[tuple[str, tuple[tuple[str, str], ...]], ColumnType] = field(
        default_factory=dict, init=False, repr=False
    )
    _stable: frozenset[str] | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> SchemaReader:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in (self._connection, self._without_files):
            if connection is not None:
                connection.close()

    def read(self, path: str) -> dict[str, ColumnType]:
        """Column names and types of a file or glob, in the file's order.

        Raises:
            SchemaUnreadable: No such file, an unknown ending, or a broken file.
        """
        reader = reader_of(path)
        if reader is None:
            known = ", ".join(sorted(READERS))
            raise SchemaUnreadable(f"cannot tell the format of `{path}`; known endings: {known}")
        if "://" in path:
            raise SchemaUnreadable(f"`{path}` is not read while compiling")
        full = str(self.root / path)
        if not self._exists(full):
            raise SchemaUnreadable(f"no file matches `{path}`")
        try:
            # types of text are guessed: from all rows, because what is guessed is what is read
            sample = ", sample_size = -1" if reader in TEXT_READERS else ""
            query = f"describe select * from {reader}(?, {WHOLE}{sample})"  # noqa: S608 - the names are ours
            rows = self._query(query, [full])
            if reader == "read_parquet":
                raw = self._query(PARQUET_COLUMNS, [full])
                problem = parquet_problem(raw, (str(row[0]) for row in rows))
                if problem:
                    raise SchemaUnreadable(f"cannot read `{path}`: {problem}")
        except self._duckdb_error() as error:
            text = str(error).splitlines()[0].replace(full, path)
            raise SchemaUnreadable(f"cannot read `{path}`: {text}") from error
        return {str(name): parse_type(str(kind)) for name, kind, *_ in rows}

    def infer(self, sql: str, columns: Mapping[str, ColumnType]) -> ColumnType:
        """The type of an expression over columns of the given types.

        Raises:
            InvalidExpression: DuckDB refuses it, or it is an aggregate.
        """
        key = (sql, tuple((name, str(kind)) for name, kind in columns.items()))
        if key not in self._types:
            self._types[key] = self._infer(sql, columns)
        return self._types[key]

    def infer_all(self, sql: Sequence[str], columns: Mapping[str, ColumnType]) -> list[ColumnType]:
        """The types of expressions over columns of the given types.

        Raises:
            InvalidExpression: DuckDB refuses one of them.
        """
        named = ", ".join(f"({text}) as x{number}" for number, text in enumerate(sql))
        rows = self._described(f"select {named} from {_nothing(columns)}")  # noqa: S608 - parsed expressions
        return [parse_type(str(row[1])) for row in rows]

    def pattern_problem(self, pattern: str) -> str | None:
        """What is wrong with a regular expression; None when DuckDB can read it."""
        try:
            self._query_without_files("select regexp_matches('', ?)", [pattern])
        except self._duckdb_error() as error:
            return _first_sentence(error)
        return None

    def volatile(self, functions: Iterable[str]) -> list[str]:
        """Those of the functions whose result differs from call to call or run to run."""
        if self._stable is None:
            rows = self._query_without_files(
                "select distinct function_name from duckdb_functions() "
                "where stability is not null and stability <> 'CONSISTENT'",
                [],
            )
            self._stable = NOT_STABLE | {str(row[0]) for row in rows}
        return [name for name in functions if name in self._stable]

    def _infer(self, sql: str, columns: Mapping[str, ColumnType]) -> ColumnType:
        rows = self._described(
            f"select ({sql}) as x from {_nothing(columns)} where ({sql}) is not null"  # noqa: S608 - parsed, one expression
        )
        return parse_type(str(rows[0][1]))

    def _described(self, query: str) -> list[tuple[Any, ...]]:
        try:
            return self._query_without_files(f"describe {query}", [])
        except self._duckdb_error() as error:
            raise InvalidExpression(_first_sentence(error)) from error

    def _exists(self, full: str) -> bool:
        """True when DuckDB finds a file, by its own rules for globs."""
        try:
            return bool(self._query("select 1 from glob(?) limit 1", [full]))
        except self._duckdb_error():
            return False

    def _query(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        """Ask about files."""
        if self._connection is None:
            self._connection = _open(reads_files=True)
        rows: list[tuple[Any, ...]] = self._connection.execute(sql, parameters).fetchall()
        return rows

    def _query_without_files(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        """Ask about expressions of users, which reach no file."""
        if self._without_files is None:
            self._without_files = _open(reads_files=False)
        rows: list[tuple[Any, ...]] = self._without_files.execute(sql, parameters).fetchall()
        return rows

    @staticmethod
    def _duckdb_error() -> type[Exception]:
        import duckdb

        error: type[Exception] = duckdb.Error
        return error


def _open(*, reads_files: bool) -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect()
    settings = ("set threads = 1", "set TimeZone = 'UTC'")
    for statement in (*guarded(), *settings, *sealed(reads_files=reads_files)):
        connection.execute(statement)
    return connection


def _nothing(columns: Mapping[str, ColumnType]) -> str:
    """A relation with columns of the given types."""
    nulls = ", ".join(
        f"cast(null as {_engine_type(kind)}) as {_quoted(name)}" for name, kind in columns.items()
    )
    return f"(select {nulls or 'null as x'})"


def _first_sentence(error: Exception) -> str:
    """What DuckDB says, without its kind of error and its lists of candidates."""
    line = str(error).splitlines()[0]
    text = line.split(": ", 1)[-1] or line
    return text.split(". ")[0].rstrip(".")


def _engine_type(kind: ColumnType) -> str:
    if kind.kind is Kind.TEXT:
        return "varchar"
    return "timestamptz" if kind.kind is Kind.TIMESTAMP_TZ else str(kind)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
