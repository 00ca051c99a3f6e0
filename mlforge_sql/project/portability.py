"""Whether what users write can be said on Databricks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from sqlglot import exp

from mlforge_sql.errors import InvalidExpression
from mlforge_sql.expressions import DIALECT, Expr, annotate
from mlforge_sql.types import ColumnType

if TYPE_CHECKING:
    from mlforge_sql.project.scope import TypeReader

_NO_VALUES = (exp.DataType, exp.Var, exp.Interval, exp.Identifier)


def typed(expr: Expr, columns: Mapping[str, ColumnType], types: TypeReader) -> Expr:
    """The expression with the type of each of its parts, as DuckDB infers them.

    Args:
        expr: An expression over the columns.
        columns: Columns and their types.
        types: Asks DuckDB.
    """
    tree = expr.tree.copy()
    parts: dict[str, list[exp.Expr]] = {}
    for node in _values(tree):
        parts.setdefault(node.sql(DIALECT, comments=False), []).append(node)
    for text, kind in _types_of(list(parts), columns, types).items():
        for node in parts[text]:
            annotate(node, kind)
    return Expr.of(tree)


def _values(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of an expression that have a value."""
    for node in tree.walk():
        branch = isinstance(node, exp.If) and isinstance(node.parent, exp.Case)
        if isinstance(node, exp.Condition) and not branch and not isinstance(node, _NO_VALUES):
            yield node


def _types_of(
    texts: list[str], columns: Mapping[str, ColumnType], types: TypeReader
) -> dict[str, ColumnType]:
    """Types by text; one that has none on its own is left out."""
    try:
        return dict(zip(texts, types.infer_all(texts, columns), strict=True))
    except InvalidExpression:
        if len(texts) == 1:
            return {}
    return {text: kind for one in texts for text, kind in _types_of([one], columns, types).items()}
