"""How csv and json labels are written: looked at as a source's files are, before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlforge_sql.dbt.duckdb_errors import no_room
from mlforge_sql.errors import Diagnostic, RetrievalError, SchemaUnreadable
from mlforge_sql.loading.csv_forms import CsvForms
from mlforge_sql.loading.engine import Engine
from mlforge_sql.loading.json_keys import check_keys
from mlforge_sql.stores.local import first_line

if TYPE_CHECKING:
    import duckdb


def text_options(
    connection: duckdb.DuckDBPyConnection, reader: str, path: Path, pattern: str
) -> tuple[str, ...]:
    """Arguments of the reader that leave nothing of the form of csv files to be guessed anew.

    Args:
        connection: Where they are read.
        reader: DuckDB's table function; parquet needs no arguments.
        path: The labels, as the user calls them.
        pattern: What the reader is given for them.

    Raises:
        RetrievalError: They cannot be read, or two columns have one name, in whatever case.
    """
    import duckdb

    if reader == "read_parquet":
        return ()
    engine, root = Engine(connection), path.absolute().parent
    try:
        if reader == "read_csv":
            return _csv_options(engine, CsvForms(engine, root), path, pattern)
        check_keys(engine, root, (str(path), pattern))
    except duckdb.Error as error:
        message = f"cannot read `{path}`: {first_line(error)}"
        problem = no_room(error) or Diagnostic("MF063", message)
    except SchemaUnreadable as error:
        problem = Diagnostic("MF063", str(error), hint=error.hint)
    else:
        return ()
    # raised out here: a traceback would show what DuckDB said, and with it lines of the files
    raise RetrievalError([problem])


def _csv_options(engine: Engine, forms: CsvForms, path: Path, pattern: str) -> tuple[str, ...]:
    import duckdb

    rows = engine.query("select file from glob(?) order by file", [pattern])
    files = [str(row[0]) for row in rows]
    if not files:  # readers say so
        return ()
    try:
        form = forms.form(str(path), files[0])
        names: set[str] = set()
        for file in files if form.header else ():
            found = forms.names(str(path), file, form)
            names = names or found
            _check_same(names, found, files[0], file)
    except duckdb.Error:
        for file in files:
            forms.check_rows(str(path), file)
        raise
    return form.options


def _check_same(first: set[str], found: set[str], one: str, other: str) -> None:
    """DuckDB leaves out what the first file has not, and nobody would know.

    Raises:
        SchemaUnreadable: Two files have different columns.
    """
    # of names, the first file's first: what another has may be no header, but somebody's values
    for names, without in ((first - found, other), (found - first, one)):
        if names:
            text = f"`{Path(without).name}` has no column `{min(names)}`, which other files have"
            raise SchemaUnreadable(text, hint="write all files with the same columns")
