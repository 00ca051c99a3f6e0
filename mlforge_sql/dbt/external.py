"""How dbt-duckdb finds the rows of a source: a table function over files."""

from __future__ import annotations

from pathlib import PurePosixPath

from mlforge_sql.dbt.paths import is_absolute, project_dir
from mlforge_sql.formats import WHOLE, is_glob, reader_of
from mlforge_sql.types import FileSchema


def external_location(path: str, files: FileSchema, dbt_project_dir: str) -> str:
    """``read_parquet('...')`` and its like, for dbt-duckdb's ``formatter: oldstyle``.

    Nothing is guessed when rows are read: csv is text in a form that is written down, json is json, and
    staging makes of them what the project was compiled for.
    """
    reader = reader_of(path) or "read_parquet"
    arguments = [
        f"'{_location(files.pattern or path, dbt_project_dir)}'",
        WHOLE,
        *map(_percent, files.options),
    ]
    if reader == "read_json":
        held = (f"'{_percent(_text(name))}': 'JSON'" for name in files.columns)
        arguments.append(f"columns = {{{', '.join(held)}}}")
    return f"{reader}({', '.join(arguments)})"


def _location(path: str, dbt_project_dir: str) -> str:
    literal = _percent(_text(PurePosixPath(path).as_posix() if not is_absolute(path) else path))
    if is_absolute(path):
        return literal
    root = project_dir(dbt_project_dir)
    for mark in "[*?" if is_glob(path) else "":  # the first stands in what the others become
        root += f" | replace('{mark}', '[{mark}]')"
    return f"""{{{{ {root} | replace('%', '%%') | replace("'", "''") }}}}/{literal}"""


def _text(text: str) -> str:
    doubled = text.replace("'", "''")
    for mark in ("{{", "{%", "{#"):
        doubled = doubled.replace(mark, f"{{{{ '{mark}' }}}}")
    return doubled


def _percent(text: str) -> str:
    return text.replace("%", "%%")
