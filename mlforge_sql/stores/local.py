"""What DuckDB on this machine says: the columns of a relation, and errors without values of rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mlforge_sql.dbt.duckdb_errors import no_room
from mlforge_sql.dialects.quoting import DUCKDB, Sql
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.redaction import without_values
from mlforge_sql.types import ColumnType, parse_type

if TYPE_CHECKING:
    import duckdb

_KIND = re.compile(r"\A[A-Za-z ]+ Error: ")
"""How DuckDB's errors begin."""


def first_line(error: Exception, names: Iterable[str] = ()) -> str:
    """What DuckDB says, without its kind of error and without values of rows.

    Args:
        error: What it raised.
        names: Columns that may be named.
    """
    line = without_values(str(error), names).splitlines()[0]
    return _KIND.sub("", line) or line


def described(
    connection: duckdb.DuckDBPyConnection, relation: str, name: str
) -> dict[str, ColumnType]:
    """The columns of a relation and their types.

    Args:
        connection: Where it is.
        relation: SQL for a from clause.
        name: What the user calls it.

    Raises:
        RetrievalError: It cannot be read.
    """
    import duckdb

    try:
        query = DUCKDB.sql("describe select * from {relation}", relation=Sql(relation))
        rows = connection.execute(query).fetchall()
    except duckdb.Error as error:
        message = f"cannot read `{name}`: {first_line(error)}"
        raise RetrievalError([no_room(error) or Diagnostic("MF063", message)]) from None
    return {str(column): parse_type(str(kind)) for column, kind, *_ in rows}
