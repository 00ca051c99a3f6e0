"""What DuckDB makes of expressions: their types, whether they change from run to run, their patterns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mlforge_sql.dialects.quoting import DUCKDB, Sql
from mlforge_sql.loading.engine import Engine, duckdb_error, first_sentence, nothing
from mlforge_sql.types import ColumnType, Kind, is_unsigned, parse_type

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


class ExpressionTypes:
    """Asks an engine about expressions, each once.

    Args:
        engine: The engine.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._types: dict[tuple[str, tuple[tuple[str, str], ...]], ColumnType] = {}
        self._stable: frozenset[str] | None = None

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
        named = [Sql(f"({text}) as x{number}") for number, text in enumerate(sql)]
        query = DUCKDB.sql("select {named} from {rows}", named=named, rows=nothing(columns))
        rows = self._engine.described(query)
        return [parse_type(str(row[1])) for row in rows]

    def pattern_problem(self, pattern: str) -> str | None:
        """What is wrong with a regular expression; None when DuckDB can read it."""
        try:
            self._engine.query_without_files("select regexp_matches('', ?)", [pattern])
        except duckdb_error() as error:
            return first_sentence(error)
        return None

    def volatile(self, functions: Iterable[str]) -> list[str]:
        """Those of the functions whose result differs from call to call or run to run."""
        if self._stable is None:
            rows = self._engine.query_without_files(
                "select distinct function_name from duckdb_functions() "
                "where stability is not null and stability <> 'CONSISTENT'",
                [],
            )
            self._stable = NOT_STABLE | {str(row[0]) for row in rows}
        return [name for name in functions if name in self._stable]

    def _infer(self, sql: str, columns: Mapping[str, ColumnType]) -> ColumnType:
        query = "select ({sql}) as x from {rows} where ({sql}) is not null"
        rows = self._engine.described(DUCKDB.sql(query, sql=Sql(sql), rows=nothing(columns)))
        text = str(rows[0][1])
        if is_unsigned(text):  # no feature can hold it as it is
            return ColumnType(Kind.OTHER, text=text)
        return parse_type(text)
