"""Rows of csv files that cannot be read: counted, told by their line, and not shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlforge_sql.formats import WHOLE, CsvForm

if TYPE_CHECKING:
    import duckdb

MOST = 1000
"""How many rows are counted: more are more than anybody needs to know."""

_FIELDS = 1000
"""How many fields of a first row are looked for."""


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


def header_fields(connection: duckdb.DuckDBPyConnection, file: str, form: CsvForm) -> int:
    """How many fields the first row of a csv file has, whatever its other rows are."""
    columns = _columns(_FIELDS)
    plain = replace(form, header=False)
    reader = _reader(plain, f"columns = {columns}", "null_padding = true", "ignore_errors = true")
    query = f"select count(*) from (unpivot (from {reader} limit 1) on columns(*) into name place value text)"  # noqa: S608 - ours
    row = connection.execute(query, [file]).fetchone()
    return int(row[0]) if row else 0


def unreadable_rows(
    connection: duckdb.DuckDBPyConnection, file: str, form: CsvForm
) -> Unreadable | None:
    """What is wrong with rows of a csv file; None when every row can be read.

    Args:
        connection: Reads files; tables of rejected rows are made in it, and dropped.
        file: One file.
        form: How it is written.
    """
    fields = header_fields(connection, file, form)
    columns = _columns(fields)
    limit = f"rejects_limit = {MOST}"
    reader = _reader(form, f"columns = {columns}", "store_rejects = true", limit)
    counts = ", ".join(
        f"count(c{number})" for number in range(fields)
    )  # what is not read is not looked at
    read = connection.execute(f"select count(*), {counts} from {reader}", [file]).fetchall()  # noqa: S608 - ours
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
