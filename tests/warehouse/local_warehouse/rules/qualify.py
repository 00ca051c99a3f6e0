"""QUALIFY, which Spark 4.0 does not have: sqlglot writes it as a subquery."""

from __future__ import annotations

from warehouse.local_warehouse.lexer import tokens


def without_qualify(sql: str) -> str:
    """The same statement when it has no QUALIFY."""
    if not any(token.kind == "word" and token.upper == "QUALIFY" for token in tokens(sql)):
        return sql
    import sqlglot

    return sqlglot.transpile(sql, read="databricks", write="spark")[0]
