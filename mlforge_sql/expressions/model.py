"""Expressions that the compiler carries around: equal when their text is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlglot import exp

from mlforge_sql.expressions.names import column
from mlforge_sql.expressions.notes import annotate, known_type
from mlforge_sql.expressions.words import DIALECT

_TEXT = re.compile(r"'(?:[^']|'')*'")

_CALL = re.compile(r'\b([a-z_][a-z0-9_]*)"?\(')


class ExpressionError(ValueError):
    """User SQL that cannot be used. ``code`` is the diagnostic's code, ``hint`` the next step."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Expr:
    """One row-by-row SQL expression.

    Attributes:
        sql: Canonical text in the users' dialect; two expressions are equal when it is.
        tree: The parsed expression. Read-only: copy before changing it.
    """

    sql: str
    tree: exp.Expr = field(compare=False, repr=False)

    @classmethod
    def of(cls, tree: exp.Expr) -> Expr:
        """Wrap a sqlglot tree."""
        return cls(tree.sql(DIALECT, comments=False), tree)

    @classmethod
    def of_column(cls, name: str) -> Expr:
        """A bare column."""
        return cls.of(column(name))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns used, in order of appearance, as the user spelled them."""
        names = (item.name for item in self.tree.find_all(exp.Column, bfs=False))
        return tuple(dict.fromkeys(names))

    @property
    def functions(self) -> tuple[str, ...]:
        """Lower-case names of the functions called in DuckDB's text of the expression."""
        return tuple(dict.fromkeys(_CALL.findall(_TEXT.sub("''", self.sql.lower()))))

    @property
    def column_name(self) -> str | None:
        """The column's name when the expression is nothing but a column."""
        return self.tree.name if isinstance(self.tree, exp.Column) else None

    def substitute(self, values: Mapping[str, Expr]) -> Expr:
        """Replace columns by expressions; names are compared without regard to case."""

        def replace(node: exp.Expr) -> exp.Expr:
            if isinstance(node, exp.Column):
                value = values.get(node.name.casefold())
                if value is not None:
                    tree = value.tree.copy()
                    kind = known_type(node)
                    if kind is not None and known_type(tree) is None:
                        annotate(tree, kind)
                    return tree if isinstance(tree, exp.Column) else exp.paren(tree, copy=False)
            return node

        if isinstance(self.tree, exp.Column):
            return values.get(self.tree.name.casefold(), self)
        return Expr.of(self.tree.copy().transform(replace, copy=False))


@dataclass(frozen=True, slots=True)
class RowQuery:
    """What a feature takes from its source: named expressions and a filter.

    Attributes:
        projections: Output name and expression, in order; None for ``select *``.
        where: Filter, or None.
        source: The relation named in ``from``.
    """

    projections: tuple[tuple[str, Expr], ...] | None
    where: Expr | None
    source: str


def both(one: Expr, other: Expr) -> Expr:
    """Whether both are true."""
    return Expr.of(exp.and_(one.tree.copy(), other.tree.copy(), copy=False))


def is_null(value: Expr) -> Expr:
    """Whether a column is NULL."""
    return Expr.of(exp.Is(this=value.tree.copy(), expression=exp.Null()))


def _literal(value: bool | int | float | str) -> exp.Expr:
    """A literal; of a number with a point, the decimal that is written, never a double."""
    if isinstance(value, float):
        value = f"{Decimal(str(value)):f}"
        negative = value.startswith("-")
        found = exp.Literal.number(value.removeprefix("-"))
        return exp.Neg(this=found) if negative else found
    return exp.convert(value)


def equal(value: Expr, literal: bool | int | float | str) -> Expr:
    """Whether a column has a value."""
    return Expr.of(exp.EQ(this=value.tree.copy(), expression=_literal(literal)))


def is_other(value: Expr, literals: Sequence[bool | int | float | str]) -> Expr:
    """Whether a column has a value, and none of some."""
    if not literals:
        return Expr.of(exp.Not(this=exp.Is(this=value.tree.copy(), expression=exp.Null())))
    listed = [_literal(item) for item in literals]
    return Expr.of(exp.Not(this=exp.In(this=value.tree.copy(), expressions=listed)))
