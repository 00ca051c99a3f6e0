"""Rows of csv files that cannot be read: counted, told by their line, and not shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlforge_sql.dialects.quoting import DUCKDB, Sql
from mlforge_sql.formats import WHOLE, CsvForm

if TYPE_CHECKING:
    import duckdb

MOST = 1000
"""How many rows are counted: more are more than anybody needs to know."""

_BEGINNING = 1 << 24

_FIELDS = 1000
"""How many fields of a first row are looked for at first."""

NO_NULLS = "nullstr = 'no text is read as null'"
"""Argument of a reader: a field that is empty is not one that is missing."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Rows of a csv file that cannot be read.

    Attributes:
        fault: DuckDB's word for what most of them have.
        rows: How many there are, at most ``MOST``.
        line: The line of the first, from 1.
        readable: How many rows can be read.
    """

    fault: str
    rows: int
    line: int
    readable: int


def header_fields(
    connection: duckdb.DuckDBPyConnection, file: str, form: CsvForm
) -> tuple[str, ...]:
    """The fields of the first row of a csv file, whatever its other rows are, as DuckDB calls columns.

    It takes away spaces around them. Those after the first ten thousand are left out.
    """
    found = _first_fields(connection, file, form, _FIELDS)
    if len(found) < _FIELDS:
        return found
    return _first_fields(connection, file, form, 10 * _FIELDS)


def _first_fields(
    connection: duckdb.DuckDBPyConnection, file: str, form: CsvForm, most: int
) -> tuple[str, ...]:
    reader = _reader(
        replace(form, header=False),
        f"columns = {_columns(most)}",
        NO_NULLS,
        "null_padding = true",
        "ignore_errors = true",
        "strict_mode = false",
        "parallel = false",  # a field may have several lines
    )
    query = DUCKDB.sql(
        "select trim(text) from "
        "(unpivot (from {reader} limit 1) on columns(*) into name place value text)",
        reader=Sql(reader),
    )
    return tuple(str(row[0]) for row in connection.execute(query, [file]).fetchall())


def has_mixed_ends(file: str) -> bool:
    """Whether some lines of a file end in CRLF and others in LF, as far as its beginning says."""
    with Path(file).open("rb") as stream:
        begin = stream.read(_BEGINNING)
    both = begin.count(b"\r\n")
    return 0 < both < begin.count(b"\n")


def has_comments(file: str) -> bool:
    """Whether a line of a file begins with ``#``, as far as its beginning says."""
    with Path(file).open("rb") as stream:
        return b"\n#" in b"\n" + stream.read(_BEGINNING)


def in_apostrophes(
    connection: duckdb.DuckDBPyConnection, file: str, form: CsvForm, fields: int
) -> bool:
    """Whether each column of a csv file has apostrophes around all of its values, or around none.

    Args:
        connection: Reads files.
        file: One file.
        form: How it is written, if apostrophes are text.
        fields: How many fields its header has.

    Raises:
        duckdb.Error: Its rows have other numbers of fields if apostrophes are text.
    """
    within = [
        f"starts_with(c{number}, chr(39)) and ends_with(c{number}, chr(39))"
        for number in range(fields)
    ]
    query = DUCKDB.sql(
        "select {tests} from {reader}",
        tests=[Sql(f"coalesce(bool_and({one}) or not bool_or({one}), true)") for one in within],
        reader=Sql(_reader(form, f"columns = {_columns(fields)}")),
    )
    (found,) = connection.execute(query, [file]).fetchall()
    return all(found)


def unreadable_rows(
    connection: duckdb.DuckDBPyConnection, file: str, form: CsvForm
) -> Unreadable | None:
    """What is wrong with rows of a csv file; None when every row can be read.

    Args:
        connection: Reads files; tables of rejected rows are made in it, and dropped.
        file: One file.
        form: How it is written.
    """
    fields = len(header_fields(connection, file, form))
    if not fields:
        return None
    columns = _columns(fields)
    limit = f"rejects_limit = {MOST}"
    reader = _reader(form, f"columns = {columns}", "store_rejects = true", limit)
    counts = [Sql(f"count(c{number})") for number in range(fields)]  # else they are not looked at
    query = DUCKDB.sql("select count(*), {counts} from {reader}", counts=counts, reader=Sql(reader))
    read = connection.execute(query, [file]).fetchall()
    found = connection.execute(
        "select lower(mode(cast(error_type as varchar))), count(distinct line), min(line) from reject_errors"
    ).fetchall()
    for table in ("reject_errors", "reject_scans"):
        connection.execute(f"drop table temp.{table}")
    word, rows, line = found[0]
    return Unreadable(str(word), int(rows), int(line), int(read[0][0])) if rows else None


def _columns(count: int) -> str:
    return "{" + ", ".join(f"'c{number}': 'varchar'" for number in range(count)) + "}"


def _reader(form: CsvForm, *options: str) -> str:
    """A reader of the file that is the query's parameter, which takes no look at it first."""
    said = ["?", WHOLE, *form.options, "auto_detect = false", *options]
    return f"read_csv({', '.join(said)})"
