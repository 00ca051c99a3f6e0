"""The columns of parquet files, which say their types themselves, each file its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from mlforge_sql.dialects.quoting import DUCKDB
from mlforge_sql.errors import SchemaUnreadable
from mlforge_sql.formats import PARQUET_COLUMNS, PARQUET_SIGNATURES, only, parquet_problem
from mlforge_sql.loading.csv_forms import shown
from mlforge_sql.loading.engine import Engine, reading
from mlforge_sql.loading.unreadable import SAME_COLUMNS
from mlforge_sql.types import ColumnType, FileSchema, Kind, StoredColumn, held_type, plain_type

_MENDED = ("rename one of them", "write it with at most 38 digits, or as text")
"""What to do about two names, and about a wide decimal."""


def parquet_schema(
    engine: Engine, root: Path, files: tuple[str, str], declared: Mapping[str, ColumnType]
) -> FileSchema:
    """The types of all files, one file of each schema looked at.

    Args:
        engine: What they are read with.
        root: Project folder.
        files: The files: as the user names them, and where they are.
        declared: Columns whose types the user says, by case-folded name.

    Raises:
        SchemaUnreadable: The files cannot be read as one table.
    """
    path, full = files
    found = [str(row[0]) for row in engine.query(PARQUET_SIGNATURES, [full])]
    schemas = {shown(root, file): _described(engine, file) for file in found}
    for file in found:
        raw = engine.query(PARQUET_COLUMNS, [only(file)])
        kept = [(name, False, wide) for name, _, wide in raw]
        problem = parquet_problem(kept, schemas[shown(root, file)])
        if problem:
            text = f"cannot read `{path}`: in `{shown(root, file)}`, {problem}"
            raise SchemaUnreadable(text, hint=_MENDED[any(wide for *_, wide in raw)])
    mixed = _mixed(path, schemas, declared)
    options = ("union_by_name = true",) if mixed else ()
    relation = reading("read_parquet", options)
    rows = engine.query(DUCKDB.sql("describe select * from {relation}", relation=relation), [full])
    columns: dict[str, StoredColumn] = {}
    for name, kind, *_ in rows:
        folded = str(name).casefold()
        if str(name) not in schemas[shown(root, found[0])]:
            continue  # only later files have it
        columns[str(name)] = _stored(str(kind), declared.get(folded), mixed=folded in mixed)
    return FileSchema(columns, options)


def _described(engine: Engine, file: str) -> dict[str, str]:
    query = DUCKDB.sql("describe select * from {relation}", relation=reading("read_parquet"))
    rows = engine.query(query, [only(file)])
    return {str(name): str(kind) for name, kind, *_ in rows}


def _mixed(
    path: str, schemas: Mapping[str, Mapping[str, str]], declared: Mapping[str, ColumnType]
) -> set[str]:
    """Columns, case-folded, that are different types of numbers in different files and declared as one.

    Args:
        path: The files.
        schemas: By file, types by name: one file of each schema that there is.
        declared: Types that the user says, by case-folded name.

    Raises:
        SchemaUnreadable: The files differ otherwise.
    """
    folded = {
        file: {name.casefold(): kind for name, kind in schema.items()}
        for file, schema in schemas.items()
    }
    first, *_ = schemas.values()  # its columns are what is read
    names = {name.casefold(): name for name in first}
    names |= {key: key for key in declared if any(key in schema for schema in folded.values())}
    mixed: set[str] = set()
    for key in names:
        name = next(
            name for schema in schemas.values() for name in schema if name.casefold() == key
        )
        kinds = [schema[key] for schema in folded.values() if key in schema]
        if len(kinds) < len(folded):
            file = next(file for file, schema in folded.items() if key not in schema)
            text = f"cannot read `{path}`: `{file}` has no column `{name}`, other files have"
            raise SchemaUnreadable(text, code="MF112", hint=SAME_COLUMNS)
        if len(set(kinds)) > 1:
            numbers = all(held_type(kind).is_numeric for kind in kinds)
            wanted = declared.get(key)
            if not numbers or wanted is None or not wanted.is_numeric:
                text = f"cannot read `{path}`: column `{name}` does not have the same type in all files"
                hint = f"say what it is, such as `columns: {{{name}: {_common(kinds)}}}`; every value is checked"
                raise SchemaUnreadable(
                    text, code="MF112", hint=hint if numbers else "write it with one type"
                )
            mixed.add(key)
    return mixed


def _common(kinds: Iterable[str]) -> str:
    """A type for numbers of several types: exact where no file holds floats and one has room."""
    found = [held_type(kind) for kind in kinds]
    if not all(item.is_numeric for item in found) or any(
        item.family is Kind.FLOAT for item in found
    ):
        return "double"
    if all(item.family is Kind.INTEGER and item.bits <= 64 for item in found):
        return "bigint"
    return f"decimal(38,{max(item.scale for item in found)})"


def _stored(text: str, declared: ColumnType | None, *, mixed: bool) -> StoredColumn:
    """A column of parquet files: a number becomes the number that it is declared to be."""
    found = held_type(text)
    wanted = declared if declared and declared.is_numeric and found.is_numeric else found
    return StoredColumn(wanted, plain_type(text), mixed=mixed)
