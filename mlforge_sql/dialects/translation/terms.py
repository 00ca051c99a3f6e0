"""Terms: pieces of Databricks SQL, each with the type that Databricks gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sqlglot import exp

from mlforge_sql.dialects.translation.type_names import databricks_type
from mlforge_sql.expressions import DIALECT, known_type
from mlforge_sql.types import ColumnType, Kind

_NULL = '"null"'
"""DuckDB's name of the type of an expression that is always NULL."""

MODEL_HINT = "compute it in a dbt model and name that as `model:`"


class Untranslatable(ValueError):  # noqa: N818 - an answer, not a failure
    """SQL that Databricks cannot say with the same value for every row.

    Attributes:
        message: What it is.
        hint: What to write instead.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or MODEL_HINT


@dataclass(frozen=True, slots=True)
class Term:
    """A piece of Databricks SQL.

    Attributes:
        tree: The piece, as a tree of its own.
        type: What Databricks makes of it; None for a bare NULL.
    """

    tree: exp.Expr
    type: ColumnType | None


class Say(Protocol):
    """Translates a part of an expression."""

    def __call__(self, node: exp.Expr) -> Term:
        """The part in Databricks' words."""
        ...


Rule = Callable[[exp.Expr, Say], Term]
"""How to say one kind of node; ``Untranslatable`` where it cannot be said."""


def refuse(node: exp.Expr, why: str, hint: str | None = None) -> Untranslatable:
    """The error for a node, which is shown as the user's dialect writes it."""
    shown = node.sql(DIALECT, comments=False, normalize_functions="lower")
    return Untranslatable(f"`{shown}` has no exact form on Databricks: {why}", hint)


def user_type(node: exp.Expr) -> ColumnType | None:
    """The type that DuckDB gives to a part; None for a bare NULL."""
    node = bare(node)
    if isinstance(node, exp.Null):
        return None
    found = known_type(node)
    if found is None:
        raise refuse(node, "its type is not known")
    if found.text == _NULL:
        return None
    if found.family is Kind.TIMESTAMP and found.text:
        raise refuse(node, f"it is {found}", "write `cast(... as timestamp)` around the column")
    if found.family is Kind.OTHER or (found.family is Kind.INTEGER and found.bits > 64):
        hint = "write `cast(... as bigint)` around it" if found.family is Kind.INTEGER else None
        raise refuse(node, f"it is {found}", hint)
    return found


def kind_of(node: exp.Expr) -> Kind | None:
    """What a part holds; None for a bare NULL."""
    found = user_type(node)
    return found.family if found is not None else None


def require(node: exp.Expr, kind: Kind, what: str, hint: str) -> None:
    """Refuse a part that is not of a kind; a bare NULL is."""
    found = kind_of(node)
    if found is not None and found is not kind:
        raise refuse(node, f"it is {found}, {what}", hint)


def same(left: ColumnType | None, right: ColumnType | None) -> bool:
    """Whether Databricks has one type for both; a bare NULL has every type."""
    return left is None or right is None or databricks_type(left) == databricks_type(right)


def fitted(term: Term, kind: ColumnType | None) -> exp.Expr:
    """The term as a type, cast where it has another one."""
    if same(term.type, kind) or kind is None:
        return term.tree
    return converted(term.tree, term.type, kind)


def converted(tree: exp.Expr, held: ColumnType | None, kind: ColumnType) -> exp.Expr:
    """``cast(tree as kind)`` of a value of a known type."""
    made = cast(tree, kind)
    return marked(made) if narrows(held, kind) else made


_FAILS = "mlforge_fails"
_WHOLE_DIGITS = {8: 2, 16: 4, 32: 9, 64: 18}
"""Digits of which every number fits into an integer of so many bits."""
_MOST_DIGITS = {8: 3, 16: 5, 32: 10, 64: 19}
"""Digits that an integer of so many bits may have."""


def narrows(held: ColumnType | None, to: ColumnType | None) -> bool:
    """Whether a number of one type may have no room in another.

    Examples:
        >>> narrows(ColumnType(Kind.INTEGER, bits=64), ColumnType(Kind.INTEGER, bits=32))
        True
        >>> narrows(
        ...     ColumnType(Kind.INTEGER, bits=16), ColumnType(Kind.DECIMAL, precision=7, scale=2)
        ... )
        False
    """
    if held is None or to is None or not held.is_numeric:
        return False
    if to.family is Kind.INTEGER:
        if held.family is Kind.INTEGER:
            return held.bits > to.bits
        if held.family is Kind.FLOAT:
            return True
        carried = 1 if held.scale else 0
        return held.precision - held.scale + carried > _WHOLE_DIGITS[to.bits]
    if to.family is not Kind.DECIMAL:
        return False
    room = to.precision - to.scale
    if held.family is Kind.INTEGER:
        return _MOST_DIGITS.get(held.bits, 39) > room
    if held.family is Kind.FLOAT:
        return True
    carried = 1 if held.scale > to.scale else 0
    return held.precision - held.scale + carried > room


def marked(tree: exp.Expr) -> exp.Expr:
    """Note that an operation shows values when it fails; ``guards`` says it so that it does not."""
    tree.meta[_FAILS] = True
    return tree


def is_marked(tree: exp.Expr) -> bool:
    """Whether an operation shows values when it fails."""
    return bool(tree.meta.get(_FAILS))


def bare(tree: exp.Expr) -> exp.Expr:
    """The tree without parentheses around it."""
    while isinstance(tree, exp.Paren):
        tree = tree.this
    return tree


def cast(tree: exp.Expr, kind: ColumnType) -> exp.Expr:
    """``cast(tree as kind)``."""
    to = exp.DataType.build(databricks_type(kind), dialect="databricks")
    return exp.Cast(this=bare(tree), to=to)


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A call of Databricks' function, as named."""
    return exp.Anonymous(this=name, expressions=[bare(item) for item in arguments])


def number(value: int | str) -> exp.Expr:
    """A number literal."""
    text = str(value)
    literal = exp.Literal.number(text.removeprefix("-"))
    return exp.Neg(this=literal) if text.startswith("-") else literal


def text(value: str) -> exp.Expr:
    """A text literal."""
    return exp.Literal.string(value)


def special(value: str) -> exp.Expr:
    """The double ``nan``, ``infinity`` or ``-infinity``."""
    return cast(text(value), ColumnType(Kind.FLOAT, bits=64))


def either(condition: exp.Expr, then: exp.Expr, otherwise: exp.Expr | None) -> exp.Expr:
    """``case when condition then ... else ... end``."""
    return exp.Case(ifs=[exp.If(this=condition, true=then)], default=otherwise)


_LEVELS: tuple[tuple[int, tuple[type[exp.Expr], ...]], ...] = (
    (1, (exp.Or,)),
    (2, (exp.And,)),
    (3, (exp.Not,)),
    (4, (exp.Is, exp.In, exp.Between, exp.Like, exp.Escape, exp.Predicate)),
    (5, (exp.DPipe,)),
    (6, (exp.Add, exp.Sub)),
    (7, (exp.Mul, exp.Div, exp.IntDiv, exp.Mod)),
    (8, (exp.Neg,)),
)
_ATOM = 9


def level(tree: exp.Expr) -> int:
    """How tightly a tree's outermost operator binds."""
    if isinstance(tree, (exp.Func, exp.Case)) and not isinstance(tree, (exp.And, exp.Or)):
        return _ATOM
    return next((rank for rank, kinds in _LEVELS if isinstance(tree, kinds)), _ATOM)


def operand(tree: exp.Expr, above: int, *, right: bool = False) -> exp.Expr:
    """A tree as an operand, in parentheses unless it binds more tightly than what is around it."""
    rank = level(tree)
    loose = rank < above or (rank == above and (right or above in {3, 4, 8}))
    mixed = {rank, above} == {5, 6}  # the engines do not agree which binds more tightly
    return exp.Paren(this=tree) if loose or mixed else tree


def binary(kind: type[exp.Expr], left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """``left <operator> right``, with the parentheses that it needs."""
    made = kind()
    above = level(made)
    made.set("this", operand(left, above))
    made.set("expression", operand(right, above, right=True))
    return made
