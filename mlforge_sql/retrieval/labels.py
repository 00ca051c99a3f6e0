"""Labels as users give them. Local ones, a frame, a file or a stream, end as a relation in DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.formats import PARQUET_COLUMNS, WHOLE, parquet_problem, reader_of
from mlforge_sql.retrieval.frames import check_names, is_stream
from mlforge_sql.retrieval.joining import Join
from mlforge_sql.retrieval.local import described, first_line, literal, quoted
from mlforge_sql.sql.dialects.duckdb import DuckDb
from mlforge_sql.types import TEXT, ColumnType, Kind

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

LABEL_FRAME = "mlforge_labels"
"""Name of a registered frame."""


@dataclass(frozen=True)
class LabelTable:
    """Labels that can be read.

    Attributes:
        relation: SQL for a from clause.
        columns: Their columns and types.
        file: The file they are in.
        casts: SQL of columns that are read as text and have another type.
        local: Whether they are in the store's local DuckDB, and not in a table or query of it.
    """

    relation: str
    columns: Mapping[str, ColumnType]
    file: Path | None = None
    casts: Mapping[str, str] = field(default_factory=dict)
    local: bool = True


def numbered(labels: LabelTable, join: Join, added: Mapping[str, str]) -> str:
    """DuckDB's query of local labels with further columns, name to SQL; untyped NULLs get a type."""
    replaced = [f"{sql} as {quoted(name)}" for name, sql in labels.casts.items()]
    replaced += [
        f"cast(null as {DuckDb().type_name(kind)}) as {quoted(name)}"
        for name, kind in join.without_type(labels.columns).items()
    ]
    star = f"* replace ({', '.join(replaced)})" if replaced else "*"
    more = "".join(f", {sql} as {quoted(name)}" for name, sql in added.items())
    return f"select {star}{more} from {labels.relation}"  # noqa: S608 - names are quoted


def file_labels(connection: duckdb.DuckDBPyConnection, path: Path, join: Join) -> LabelTable:
    """Labels in a parquet, csv or json file.

    Keys in csv and json are read as text and cast to the types of the features' keys, so that
    ``007`` stays what it is and ``0.6`` is no whole number; the label time is read as text.

    Raises:
        RetrievalError: The file cannot be read.
    """
    reader = reader_of(str(path))
    if reader is None:
        message = f"cannot tell the format of `{path}`"
        hint = "use a file that ends in .parquet, .csv or .json"
        raise RetrievalError([Diagnostic("MF063", message, hint=hint)])
    located = path if "://" in str(path) else path.absolute()
    if "://" not in str(path) and not set("*?[") & set(str(path)) and not path.is_file():
        message = f"there is no file `{path}`"
        raise RetrievalError([Diagnostic("MF063", message, hint="check the path")])
    location = literal(str(located))
    plain = f"{reader}({location}, {WHOLE})"
    found = described(connection, plain, str(path))
    if reader == "read_parquet":
        _check_parquet(connection, str(located), str(path), found)
        return LabelTable(plain, found, path.absolute())
    wanted = {name.casefold(): kind for name, kind in join.key_types.items()}
    dialect = DuckDb()
    keys = {name: wanted[name.casefold()] for name in found if name.casefold() in wanted}
    types = {name: dialect.type_name(kind) for name, kind in found.items()}
    types |= dict.fromkeys(keys, "varchar")
    if join.timestamp is not None and join.timestamp.unit is None:
        times = {name.casefold() for name in join.timestamp.columns}
        types |= {name: "varchar" for name in found if name.casefold() in times}
    listed = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in types.items())
    argument = "types" if reader == "read_csv" else "columns"
    typed = f"{reader}({location}, {argument} = {{{listed}}}, {WHOLE})"
    columns = {**described(connection, typed, str(path)), **keys}
    casts = {name: _exact_cast(name, kind) for name, kind in keys.items() if kind != TEXT}
    return LabelTable(typed, columns, path.absolute(), casts)


_EXACT = {
    Kind.INTEGER: r"[+-]?[0-9]+([.]0*)?",
    Kind.DATE: r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    Kind.BOOLEAN: r"(?i)true|false",
}
"""How text of a type is written when nothing of it is lost."""


def _exact_cast(name: str, kind: ColumnType) -> str:
    """SQL of text as another type; text that would lose something is an error."""
    pattern = _EXACT.get(kind.kind, rf"[+-]?[0-9]*([.][0-9]{{0,{kind.scale}}}0*)?")
    text = quoted(name)
    column = name.replace("'", "''")
    return (
        f"case when {text} is null then null when regexp_full_match({text}, '{pattern}') "
        f"then cast({text} as {DuckDb().type_name(kind)}) "
        f"else error('column `{column}` has a value that is no {kind}') end"
    )


def _check_parquet(
    connection: duckdb.DuckDBPyConnection,
    location: str,
    path: str,
    columns: Mapping[str, ColumnType],
) -> None:
    raw = connection.execute(PARQUET_COLUMNS, [location]).fetchall()
    problem = parquet_problem(raw, columns)
    if problem:
        message = f"cannot read `{path}`: {problem}"
        hint = "write the files with columns of one name and type"
        raise RetrievalError([Diagnostic("MF063", message, hint=hint)])


def arrow_labels(connection: duckdb.DuckDBPyConnection, table: pa.Table) -> LabelTable:
    """Labels in an Arrow table."""
    connection.register(LABEL_FRAME, _plain(table))
    return LabelTable(LABEL_FRAME, described(connection, LABEL_FRAME, "the labels"))


def _plain(table: pa.Table) -> pa.Table:
    """The table without dictionaries, and without a type for columns that hold only NULLs.

    pandas gives an empty column of any kind the type of floats.
    """
    import pyarrow as pa

    for number, item in enumerate(table.schema):
        column = table.column(number)
        if pa.types.is_dictionary(item.type):
            column = column.cast(item.type.value_type)
        elif column.null_count == len(column):
            column = pa.nulls(len(column))
        table = table.set_column(number, item.name, column)
    return table


def stored_labels(connection: duckdb.DuckDBPyConnection, labels: Any) -> LabelTable:
    """Labels in something that can be read once: they are kept in a temporary table.

    Raises:
        RetrievalError: They cannot be read, or two columns differ by case alone.
    """
    import duckdb
    import pyarrow as pa

    try:
        stream = labels if is_stream(labels) else labels.to_arrow_reader()
        check_names(stream.schema.names)
        connection.register("mlforge_stream", stream)
        connection.execute(f"create temp table {LABEL_FRAME} as from mlforge_stream")
        connection.unregister("mlforge_stream")
    except (duckdb.Error, pa.ArrowException) as error:
        message = f"the labels cannot be read: {first_line(error)}"
        raise RetrievalError([Diagnostic("MF063", message)]) from None
    return LabelTable(LABEL_FRAME, described(connection, LABEL_FRAME, "the labels"))
