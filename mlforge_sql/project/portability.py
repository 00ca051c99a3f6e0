"""Whether what users write can be said on Databricks."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from mlforge_sql.errors import InvalidExpression
from mlforge_sql.expressions import DIALECT, Expr, annotate, column
from mlforge_sql.project.type_reader import TypeReader
from mlforge_sql.types import BIGINT, ColumnType, Kind

_NO_VALUES = (exp.DataType, exp.Var, exp.Interval, exp.Identifier)
_STAND = frozenset(
    {Kind.BOOLEAN, Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.TEXT, Kind.DATE, Kind.TIMESTAMP}
)
"""Kinds of parts for which a column can stand: what we call their type is all there is to it."""


def typed(expr: Expr, columns: Mapping[str, ColumnType], types: TypeReader) -> Expr:
    """The expression with the type of each of its parts, as DuckDB infers them.

    The types of a part's own parts are all that its type depends on, so once those are known, columns of
    such types stand for them: what DuckDB is asked stays short however long the expression is. Parts
    without a column stay as they are written; the value of a constant can decide on a type.

        amount + 1 > 0 or flag   ->   amount + 1,   <integer> > 0,   <boolean> or flag

    Args:
        expr: An expression over the columns.
        columns: Columns and their types.
        types: Asks DuckDB.
    """
    tree, rest = expr.tree.copy(), expr.tree.copy()
    asked = _Asked(dict(columns), types)
    for level in _levels(tree, rest):
        kinds = asked.types_of([_text(part) for _, part in level])
        for (node, part), kind in zip(level, kinds, strict=True):
            if kind is None:
                continue
            annotate(node, kind)
            if _can_stand(kind, part):
                part.replace(column(asked.column_of(kind)))
    return Expr.of(tree)


class _Asked:
    """What DuckDB has been asked about one expression, and what it said."""

    def __init__(self, columns: dict[str, ColumnType], types: TypeReader) -> None:
        self._columns = columns
        self._types = types
        self._known: dict[str, ColumnType | None] = {}
        self._names: dict[ColumnType, str] = {}

    def column_of(self, kind: ColumnType) -> str:
        """Name of a column that stands for any part of a type."""
        if kind not in self._names:
            name = f"mlforge_part_{len(self._names)}"
            while name in self._columns:
                name += "_"
            self._names[kind] = name
            self._columns[name] = kind
        return self._names[kind]

    def types_of(self, texts: list[str]) -> list[ColumnType | None]:
        """Types by text; None for one that has none on its own."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._ask(new)
        return [self._known[text] for text in texts]

    def _ask(self, texts: list[str]) -> None:
        if not texts:
            return
        try:
            found = self._types.infer_all(texts, self._columns)
        except InvalidExpression:
            if len(texts) == 1:
                self._known[texts[0]] = None
                return
            half = len(texts) // 2
            self._ask(texts[:half])
            self._ask(texts[half:])
        else:
            self._known |= dict(zip(texts, found, strict=True))


def _can_stand(kind: ColumnType, part: exp.Expr) -> bool:
    """Whether a column of a type says all that the rest of an expression sees of a part."""
    if kind.family not in _STAND or isinstance(part, exp.Column):
        return False
    if part.parent is None or isinstance(part.parent, exp.Escape):
        return False
    if kind.family is Kind.INTEGER and kind.bits > BIGINT.bits:  # of UBIGINT and HUGEINT
        return False
    casts = part.find_all(exp.DataType)
    if any(cast.this in exp.DataType.UNSIGNED_INTEGER_TYPES for cast in casts):
        return False
    return part.find(exp.Column) is not None


def _text(node: exp.Expr) -> str:
    return node.sql(DIALECT, comments=False, copy=False)


def _levels(tree: exp.Expr, rest: exp.Expr) -> list[list[tuple[exp.Expr, exp.Expr]]]:
    """The parts that have a value, each with its twin in a copy: the innermost ones first."""
    pairs = list(zip(tree.walk(), rest.walk(), strict=True))
    heights: dict[int, int] = {}
    levels: dict[int, list[tuple[exp.Expr, exp.Expr]]] = {}
    for node, twin in reversed(pairs):  # children come before their parents
        height = heights.get(id(node), 0)
        if _has_value(node):
            levels.setdefault(height, []).append((node, twin))
            height += 1
        if node.parent is not None:
            above = id(node.parent)
            heights[above] = max(heights.get(above, 0), height)
    return [levels[height] for height in sorted(levels)]


def _has_value(node: exp.Expr) -> bool:
    branch = isinstance(node, exp.If) and isinstance(node.parent, exp.Case)
    return isinstance(node, exp.Condition) and not branch and not isinstance(node, _NO_VALUES)
