"""sqlglot's printers, but that an order always says where NULL goes, and that words are shared.

sqlglot leaves out what an engine does anyway. On DuckDB that is a setting. Where both engines know a
word, both are given it, so that a model says most things once.
"""

from __future__ import annotations

from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects import databricks, duckdb
from sqlglot.generator import Generator
from sqlglot.generators.databricks import DatabricksGenerator
from sqlglot.generators.duckdb import DuckDBGenerator

_ROOM = 80

_STRING = dict.fromkeys((exp.DType.TEXT, exp.DType.VARCHAR), "STRING")


class _Shared(Generator):
    """What both engines are told alike."""

    def ordered_sql(self, expression: exp.Ordered) -> str:
        """``x desc nulls last``."""
        return _explicit(super().ordered_sql(expression), expression)

    def values_sql(self, expression: exp.Values, values_as_table: bool = True) -> str:
        """``(values (1), (2)) as name (column)``."""
        alias = self.sql(expression, "alias")
        if not alias or expression.args.get("pivots"):
            return super().values_sql(expression, values_as_table)
        return _values([self.sql(row) for row in expression.expressions], alias)


class DuckDbText(duckdb.DuckDB):
    """DuckDB's SQL."""

    class Generator(_Shared, DuckDBGenerator):  # noqa: D106 - sqlglot finds it by its name
        TYPE_MAPPING: ClassVar = {**DuckDBGenerator.TYPE_MAPPING, **_STRING}


class DatabricksText(databricks.Databricks):
    """Databricks' SQL."""

    class Generator(_Shared, DatabricksGenerator):  # noqa: D106 - sqlglot finds it by its name
        WRAP_DERIVED_VALUES = True


def _values(rows: list[str], alias: str) -> str:
    """``(values (1), (2)) as name (column)``; a row on each line where that is long."""
    named = alias.replace("(", " (", 1)
    text = f"(VALUES {', '.join(rows)}) AS {named}"
    if len(text) <= _ROOM:
        return text
    listed = ",\n".join(f"    {row}" for row in rows)
    return f"(\n    VALUES\n{listed}\n) AS {named}"


def _explicit(text: str, ordered: exp.Ordered) -> str:
    if text.endswith((" NULLS FIRST", " NULLS LAST")):
        return text
    return f"{text} NULLS {'FIRST' if ordered.args.get('nulls_first') else 'LAST'}"
