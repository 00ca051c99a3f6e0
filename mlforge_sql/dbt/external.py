"""How dbt-duckdb finds the rows of a source: a table function over files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from mlforge_sql.dbt.paths import is_absolute, project_dir
from mlforge_sql.formats import WHOLE, reader_of
from mlforge_sql.sql.dialects.duckdb import DuckDb
from mlforge_sql.types import ColumnType


def external_location(path: str, schema: Mapping[str, ColumnType], dbt_project_dir: str) -> str:
    """``read_parquet('...')`` and its like, for dbt-duckdb's ``formatter: oldstyle``.

    The types of csv and json columns are written down, so that what was checked is what is read.
    """
    reader = reader_of(path) or "read_parquet"
    located = f"'{_location(path, dbt_project_dir)}'"
    match reader:
        case "read_csv":
            return f"read_csv({located}, types = {_types(schema)}, {WHOLE})"
        case "read_json":
            return f"read_json({located}, columns = {_types(schema)}, {WHOLE})"
        case _:
            return f"{reader}({located}, {WHOLE})"


def _location(path: str, dbt_project_dir: str) -> str:
    literal = _percent(_text(PurePosixPath(path).as_posix() if not is_absolute(path) else path))
    if is_absolute(path):
        return literal
    root = project_dir(dbt_project_dir)
    return f"""{{{{ {root} | replace('%', '%%') | replace("'", "''") }}}}/{literal}"""


def _types(schema: Mapping[str, ColumnType]) -> str:
    dialect = DuckDb()
    pairs = (
        f"'{_percent(_text(name))}': '{_percent(_text(dialect.type_name(kind)))}'"
        for name, kind in schema.items()
    )
    return "{" + ", ".join(pairs) + "}"


def _text(text: str) -> str:
    doubled = text.replace("'", "''")
    for mark in ("{{", "{%", "{#"):
        doubled = doubled.replace(mark, f"{{{{ '{mark}' }}}}")
    return doubled


def _percent(text: str) -> str:
    return text.replace("%", "%%")
