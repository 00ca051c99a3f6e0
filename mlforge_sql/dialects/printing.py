"""sqlglot's printers, but that an order always says where NULL goes, and that words are shared.

sqlglot leaves out what an engine does anyway. On DuckDB that is a setting. Where both engines know a
word, both are given it, so that a model says most things once.
"""

from __future__ import annotations

from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects import databricks, duckdb
from sqlglot.generators.databricks import DatabricksGenerator
from sqlglot.generators.duckdb import DuckDBGenerator

_STRING = dict.fromkeys((exp.DType.TEXT, exp.DType.VARCHAR), "STRING")


class DuckDbText(duckdb.DuckDB):
    """DuckDB's SQL."""

    class Generator(DuckDBGenerator):  # noqa: D106 - sqlglot finds it by its name
        TYPE_MAPPING: ClassVar = {**DuckDBGenerator.TYPE_MAPPING, **_STRING}

        def ordered_sql(self, expression: exp.Ordered) -> str:
            """``x desc nulls last``."""
            return _explicit(super().ordered_sql(expression), expression)


class DatabricksText(databricks.Databricks):
    """Databricks' SQL."""

    class Generator(DatabricksGenerator):  # noqa: D106 - sqlglot finds it by its name
        WRAP_DERIVED_VALUES = True

        def ordered_sql(self, expression: exp.Ordered) -> str:
            """``x desc nulls last``."""
            return _explicit(super().ordered_sql(expression), expression)


def _explicit(text: str, ordered: exp.Ordered) -> str:
    if text.endswith((" NULLS FIRST", " NULLS LAST")):
        return text
    return f"{text} NULLS {'FIRST' if ordered.args.get('nulls_first') else 'LAST'}"
