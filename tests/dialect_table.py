"""The dialect table: what users write, and what Databricks is told, line by line.

Files in ``tests/dialects`` hold DuckDB's text and, indented below it, Databricks' text, or after a ``!``
why there is none. ``python tests/dialect_table.py`` writes what is said now; review it as a diff.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dialect_values import column_types

from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.dialects.translation import Untranslatable, translate
from mlforge_sql.expressions import parse_expression
from mlforge_sql.loading.schemas import SchemaReader
from mlforge_sql.project.portability import typed
from mlforge_sql.sql.text import sql_text
from mlforge_sql.types import ColumnType
from mlforge_sql.workflows.compile import schema_reader

TABLES = Path(__file__).parent / "dialects"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        duckdb: What a user writes.
        said: Databricks' text, or after ``! `` why there is none.
    """

    duckdb: str
    said: str

    @property
    def refused(self) -> bool:
        """Whether Databricks cannot say it."""
        return self.said.startswith("!")


def read_table(file: Path) -> list[Row]:
    """The rows of one file."""
    rows: list[Row] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            rows[-1] = Row(rows[-1].duckdb, line.strip())
        elif line and not line.startswith("#"):
            rows.append(Row(line, ""))
    return rows


@cache
def _reader() -> SchemaReader:
    return schema_reader(TABLES)


def duckdb_type(text: str) -> ColumnType:
    """The type that DuckDB gives to an expression over the columns of values."""
    return _reader().infer(parse_expression(text).sql, column_types())


def databricks(text: str) -> str:
    """What Databricks is told for an expression over the columns of values, or why nothing is."""
    expr = typed(parse_expression(text), column_types(), _reader())
    try:
        tree = translate(expr.tree)
    except Untranslatable as error:
        return f"! {error.message}; {error.hint}"
    return " ".join(sql_text(tree, Databricks(), in_jinja=True).split())


def _rewrite(file: Path) -> None:
    lines: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            continue
        lines.append(line)
        if line and not line.startswith("#"):
            lines.append(f"    {databricks(line)}")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":  # python tests/dialect_table.py
    for path in sorted(TABLES.glob("*.sql")):
        _rewrite(path)
