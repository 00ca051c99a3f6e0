"""Labels as users give them. Local ones, a frame, a file or a stream, end as a relation in DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlforge_sql.dbt.duckdb_errors import no_room
from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.dialects.quoting import DUCKDB, Sql
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.formats import ALL_VALUES, PARQUET_COLUMNS, WHOLE, only, parquet_problem, reader_of
from mlforge_sql.loading.near_files import near_file
from mlforge_sql.loading.patterns import named
from mlforge_sql.project.labels import is_uuid
from mlforge_sql.retrieval.arrow_types import held_columns, held_schema
from mlforge_sql.retrieval.exact import exact_columns
from mlforge_sql.retrieval.frames import check_names, is_stream
from mlforge_sql.retrieval.joining import Join
from mlforge_sql.retrieval.label_texts import text_options
from mlforge_sql.retrieval.label_types import csv_types, json_text, json_types
from mlforge_sql.stores.local import described, first_line
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


def numbered(labels: LabelTable, join: Join, added: Mapping[str, str]) -> Sql:
    """DuckDB's query of local labels with further columns, name to SQL.

    Untyped NULLs get a type, and UUIDs of keys are text, as the features' keys are.
    """
    replaced = [f"{sql} as {DUCKDB.name(name)}" for name, sql in labels.casts.items()]
    replaced += [
        f"cast({DUCKDB.name(name)} as varchar) as {DUCKDB.name(name)}"
        for name, kind in labels.columns.items()
        if is_uuid(kind) and name.casefold() in join.needed
    ]
    replaced += [
        f"cast(null as {DuckDb().type_name(kind)}) as {DUCKDB.name(name)}"
        for name, kind in join.without_type(labels.columns).items()
    ]
    star = f"* replace ({', '.join(replaced)})" if replaced else "*"
    more = (f"{sql} as {DUCKDB.name(name)}" for name, sql in added.items())
    return DUCKDB.sql(
        "select {columns} from {labels}",
        columns=map(Sql, (star, *more)),
        labels=Sql(labels.relation),
    )


def file_labels(connection: duckdb.DuckDBPyConnection, path: Path, join: Join) -> LabelTable:
    """Labels in a parquet, csv or json file.

    Keys in csv and json are read as text and cast to the types of the features' keys, so that
    ``007`` stays what it is and ``0.6`` is no whole number; the label time is read as text. Columns
    that are only passed on get types in which they stay what the file says.

    Raises:
        RetrievalError: The file cannot be read.
    """
    reader = reader_of(str(path))
    if reader is None:
        message = f"cannot tell the format of `{path}`"
        hint = "use a file that ends in .parquet, .csv or .json"
        raise RetrievalError([Diagnostic("MF063", message, hint=hint)])
    remote = "://" in str(path)
    located = path if remote else path.absolute()
    if not remote and not set("*?[") & set(str(path)) and not path.is_file():
        message = f"there is no file `{path}`"
        near = near_file(Path(), str(path))
        hint = f"did you mean `{near}`?" if near else "check the path"
        raise RetrievalError([Diagnostic("MF063", message, hint=hint)])
    pattern = named(Path("/"), str(located))
    options = () if remote else text_options(connection, reader, path, pattern)
    arguments = (DUCKDB.text(pattern), *options, WHOLE)
    looked = ALL_VALUES["read_json"] if reader == "read_json" else ()
    plain = f"{reader}({', '.join([*arguments, *looked])})"
    found = described(connection, plain, str(path))
    if reader == "read_parquet":
        _check_parquet(connection, pattern, str(path), found)
        return LabelTable(plain, found, path.absolute())
    return _text_labels(connection, path, join, (reader, arguments, found))


def _text_labels(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    join: Join,
    read: tuple[str, Sequence[str], Mapping[str, ColumnType]],
) -> LabelTable:
    """Labels in csv or json: all is read as text, and becomes what it is."""
    import duckdb

    reader, arguments, found = read
    wanted = {name.casefold(): kind for name, kind in join.key_types.items()}
    dialect = DuckDb()
    keys = {name: wanted[name.casefold()] for name in found if name.casefold() in wanted}
    named = join.timestamp.columns if join.timestamp and not join.timestamp.unit else ()
    times = {name.casefold() for name in named}
    passed = [name for name in found if name not in keys and name.casefold() not in times]
    types = dict.fromkeys(found, "varchar")
    if reader == "read_json":
        nested = {name: found[name] for name in passed if _is_nested(found[name])}
        passed = [name for name in passed if name not in nested]
        types |= {name: dialect.type_name(kind) for name, kind in nested.items()}
        types |= dict.fromkeys(passed, "json")
    listed = ", ".join(f"{DUCKDB.text(name)}: {DUCKDB.text(kind)}" for name, kind in types.items())
    typing = "types" if reader == "read_csv" else "columns"
    typed = f"{reader}({', '.join([*arguments, f'{typing} = {{{listed}}}'])})"
    columns = described(connection, typed, str(path))
    infer = json_types if reader == "read_json" else csv_types
    try:
        inferred = infer(connection, typed, passed)
    except duckdb.Error as error:
        message = f"cannot read `{path}`: {first_line(error)}"
        raise RetrievalError([no_room(error) or Diagnostic("MF063", message)]) from None
    casts = {name: _exact_cast(name, kind) for name, kind in keys.items() if kind != TEXT}
    for name, kind in inferred.items():
        text = json_text(name) if reader == "read_json" else DUCKDB.name(name)
        if reader == "read_json" or kind != TEXT:
            casts[name] = f"cast({text} as {dialect.type_name(kind)})"
    return LabelTable(typed, {**columns, **inferred, **keys}, path.absolute(), casts)


def _is_nested(kind: ColumnType) -> bool:
    """Whether a column of json has lists or objects: those are as DuckDB reads them."""
    return kind.family is Kind.OTHER and kind.text.casefold() not in {
        "json",
        "null",
        "bignum",
        "uuid",
    }


_EXACT = {
    Kind.INTEGER: r"[+-]?[0-9]+([.]0*)?",
    Kind.DATE: r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    Kind.BOOLEAN: r"(?i)true|false",
}
"""How text of a type is written when nothing of it is lost."""


def _exact_cast(name: str, kind: ColumnType) -> str:
    """SQL of text as another type; text that would lose something is an error."""
    pattern = _EXACT.get(kind.family, rf"[+-]?[0-9]*([.][0-9]{{0,{kind.scale}}}0*)?")
    text = DUCKDB.name(name)
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
    problem = _differing(connection, location) or parquet_problem(raw, columns)
    if problem:
        message = f"cannot read `{path}`: {problem}"
        hint = "write the files with columns of one name and type, and of at most 38 digits"
        raise RetrievalError([Diagnostic("MF063", message, hint=hint)])


def _differing(connection: duckdb.DuckDBPyConnection, location: str) -> str | None:
    """The first column that one file of a glob has and another has not, or has in another type."""
    files = [str(row[0]) for row in connection.execute("from glob(?)", [location]).fetchall()]
    first: dict[str, str] = {}
    for file in files if len(files) > 1 else ():
        rows = connection.execute(f"describe from read_parquet({DUCKDB.text(only(file))}, {WHOLE})")
        found = {str(name): str(kind) for name, kind, *_ in rows.fetchall()}
        first = first or found
        for name in {**first, **found}:
            shown = Path(file).name
            if name not in found:
                return f"`{shown}` has no column `{name}`, which other files have"
            if name not in first:
                return f"`{Path(files[0]).name}` has no column `{name}`, which other files have"
            if first[name] != found[name]:
                return f"column `{name}` is {found[name].lower()} in `{shown}` and {first[name].lower()} in other files"
    return None


def arrow_labels(connection: duckdb.DuckDBPyConnection, table: pa.Table) -> LabelTable:
    """Labels in an Arrow table."""
    connection.register(LABEL_FRAME, held_columns(_plain(table)))
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


def _exact(relation: Any) -> Any:
    """A relation of the user's DuckDB whose columns Arrow holds exactly."""
    types = (str(kind) for kind in relation.types)
    return relation.project(f"* {exact_columns(zip(relation.columns, types, strict=True))}")


def _held(stream: pa.RecordBatchReader, problems: list[RetrievalError]) -> pa.RecordBatchReader:
    """The stream in types that DuckDB holds exactly.

    Args:
        stream: What was given.
        problems: Where what ends it early goes: DuckDB says of it only that it ended.
    """
    import pyarrow as pa

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in stream:
            try:
                yield held_columns(batch)
            except RetrievalError as error:
                problems.append(error)
                raise

    return pa.RecordBatchReader.from_batches(held_schema(stream.schema), batches())


def stored_labels(connection: duckdb.DuckDBPyConnection, labels: Any) -> LabelTable:
    """Labels in something that can be read once: they are kept in a temporary table.

    Raises:
        RetrievalError: They cannot be read, or two columns differ by case alone.
    """
    import duckdb
    import pyarrow as pa

    problems: list[RetrievalError] = []
    try:
        stream = labels if is_stream(labels) else _exact(labels).to_arrow_reader()
        check_names(stream.schema.names)
        connection.register("mlforge_stream", _held(stream, problems))
        connection.execute(f"create temp table {LABEL_FRAME} as from mlforge_stream")
        connection.unregister("mlforge_stream")
    except (duckdb.Error, pa.ArrowException) as error:
        if problems:
            raise problems[0] from None
        message = f"the labels cannot be read: {first_line(error)}"
        raise RetrievalError([no_room(error) or Diagnostic("MF063", message)]) from None
    return LabelTable(LABEL_FRAME, described(connection, LABEL_FRAME, "the labels"))
