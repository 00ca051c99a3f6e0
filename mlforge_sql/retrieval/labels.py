"""Labels as users give them: a frame, a file, a table; all end as a relation in DuckDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.formats import PARQUET_COLUMNS, WHOLE, parquet_problem, reader_of
from mlforge_sql.project.labels import is_null_type
from mlforge_sql.project.model import KeyColumn, Requested
from mlforge_sql.retrieval.frames import check_names, is_stream
from mlforge_sql.retrieval.store import DuckDbStore, first_line, quoted
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.sql.dialects.duckdb import DuckDb
from mlforge_sql.types import TEXT, TIMESTAMP, ColumnType, Kind, parse_type

if TYPE_CHECKING:
    import pyarrow as pa

LABEL_FRAME = "mlforge_labels"
"""Name of a registered frame."""


@dataclass(frozen=True)
class LabelTable:
    """Labels in DuckDB.

    Attributes:
        relation: SQL for a from clause.
        columns: Their columns and types.
        file: The file they are in.
        casts: SQL of columns that are read as text and have another type.
    """

    relation: str
    columns: Mapping[str, ColumnType]
    file: Path | None = None
    casts: Mapping[str, str] = field(default_factory=dict)

    def numbered(
        self, requests: Sequence[Requested], timestamp: str | None, added: Mapping[str, str]
    ) -> str:
        """A query of the labels with further columns, name to SQL; untyped NULLs get a type."""
        wanted = {key.casefold(): kind for key, kind in key_types(requests).items()}
        if timestamp is not None:
            wanted[timestamp.casefold()] = TIMESTAMP
        replaced = [f"{sql} as {quoted(name)}" for name, sql in self.casts.items()]
        replaced += [
            f"cast(null as {DuckDb().type_name(wanted[name.casefold()])}) as {quoted(name)}"
            for name, kind in self.columns.items()
            if is_null_type(kind) and name.casefold() in wanted
        ]
        star = f"* replace ({', '.join(replaced)})" if replaced else "*"
        more = "".join(f", {sql} as {quoted(name)}" for name, sql in added.items())
        return f"select {star}{more} from {self.relation}"  # noqa: S608 - names are quoted


def key_types(requests: Sequence[Requested]) -> dict[str, ColumnType]:
    """The columns that features are joined on: join keys, and what they are computed from."""
    keys: list[KeyColumn] = [key for item in requests for key in item.feature.keys]
    found = {key.name: key.type for key in keys}
    return {**found, **{name: kind for key in keys for name, kind in key.parts}}


def file_labels(
    store: DuckDbStore, path: Path, requests: Sequence[Requested], timestamp: Timestamp | None
) -> LabelTable:
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
    location = "'" + str(located).replace("'", "''") + "'"
    plain = f"{reader}({location}, {WHOLE})"
    found = _described(store, plain, str(path))
    if reader == "read_parquet":
        _check_parquet(store, str(located), str(path), found)
        return LabelTable(plain, found, path.absolute())
    wanted = {name.casefold(): kind for name, kind in key_types(requests).items()}
    dialect = DuckDb()
    keys = {name: wanted[name.casefold()] for name in found if name.casefold() in wanted}
    types = {name: dialect.type_name(kind) for name, kind in found.items()}
    types |= dict.fromkeys(keys, "varchar")
    if timestamp is not None and timestamp.unit is None:
        time = timestamp.column.casefold()
        types |= {name: "varchar" for name in found if name.casefold() == time}
    listed = ", ".join(f"{_literal(name)}: {_literal(kind)}" for name, kind in types.items())
    argument = "types" if reader == "read_csv" else "columns"
    typed = f"{reader}({location}, {argument} = {{{listed}}}, {WHOLE})"
    columns = {**_described(store, typed, str(path)), **keys}
    casts = {name: _exact_cast(name, kind) for name, kind in keys.items() if kind != TEXT}
    return LabelTable(typed, columns, path.absolute(), casts)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


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
    literal = name.replace("'", "''")
    return (
        f"case when {text} is null then null when regexp_full_match({text}, '{pattern}') "
        f"then cast({text} as {DuckDb().type_name(kind)}) "
        f"else error('column `{literal}` has a value that is no {kind}: ' || {text}) end"
    )


def _check_parquet(
    store: DuckDbStore, location: str, path: str, columns: Mapping[str, ColumnType]
) -> None:
    raw = store.connection.execute(PARQUET_COLUMNS, [location]).fetchall()
    problem = parquet_problem(raw, columns)
    if problem:
        message = f"cannot read `{path}`: {problem}"
        hint = "write the files with columns of one name and type"
        raise RetrievalError([Diagnostic("MF063", message, hint=hint)])


def table_labels(store: DuckDbStore, name: str) -> LabelTable:
    """Labels in a table or view of the store.

    Raises:
        RetrievalError: There is none of this name, or it cannot be read.
    """
    relation = store.find_table(name)
    return LabelTable(relation, _described(store, relation, name))


def arrow_labels(store: DuckDbStore, table: pa.Table) -> LabelTable:
    """Labels in an Arrow table."""
    store.connection.register(LABEL_FRAME, _plain(table))
    return LabelTable(LABEL_FRAME, _described(store, LABEL_FRAME, "the labels"))


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


def stored_labels(store: DuckDbStore, labels: Any) -> LabelTable:
    """Labels in something that can be read once: they are kept in a temporary table.

    Raises:
        RetrievalError: They cannot be read, or two columns differ by case alone.
    """
    import duckdb
    import pyarrow as pa

    try:
        stream = labels if is_stream(labels) else labels.to_arrow_reader()
        check_names(stream.schema.names)
        store.connection.register("mlforge_stream", stream)
        store.connection.execute(f"create temp table {LABEL_FRAME} as from mlforge_stream")
        store.connection.unregister("mlforge_stream")
    except (duckdb.Error, pa.ArrowException) as error:
        message = f"the labels cannot be read: {first_line(error)}"
        raise RetrievalError([Diagnostic("MF063", message)]) from error
    return LabelTable(LABEL_FRAME, _described(store, LABEL_FRAME, "the labels"))


def _described(store: DuckDbStore, relation: str, name: str) -> dict[str, ColumnType]:
    import duckdb

    try:
        rows = store.connection.execute(f"describe select * from {relation}").fetchall()  # noqa: S608 - ours, or quoted
    except duckdb.Error as error:
        message = f"cannot read `{name}`: {first_line(error)}"
        raise RetrievalError([Diagnostic("MF063", message)]) from error
    return {str(column): parse_type(str(kind)) for column, kind, *_ in rows}
