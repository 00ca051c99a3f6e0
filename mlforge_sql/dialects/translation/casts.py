"""Casts. DuckDB rounds where Databricks cuts off."""

from __future__ import annotations

from sqlglot import exp

from mlforge_sql.dialects.translation.terms import (
    Rule,
    Say,
    Term,
    call,
    cast,
    converted,
    fitted,
    marked,
    refuse,
    user_type,
)
from mlforge_sql.dialects.translation.times import literal_time
from mlforge_sql.expressions import known_type
from mlforge_sql.types import DATE, TEXT, TIMESTAMP, ColumnType, Kind

_NUMBERS = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL})
_WITH_ONE_TEXT = frozenset({Kind.INTEGER, Kind.BOOLEAN, Kind.DATE, Kind.DECIMAL, Kind.TIMESTAMP})


def cast_to(node: exp.Expr, say: Say) -> Term:
    """``cast``, and ``try_cast`` between numbers."""
    value = node.this
    target = _target(node)
    if _from_elsewhere(node):
        return Term(cast(value.copy(), target), target)
    if isinstance(value, exp.Literal) and value.is_string and target.family is not Kind.TEXT:
        if target.family in {Kind.DATE, Kind.TIMESTAMP}:
            return Term(literal_time(value, target), target)
        raise refuse(node, f"text is read as {target} in another way", "write the literal itself")
    held, term = user_type(value), say(value)
    if held is None:
        return Term(cast(term.tree, target), target)
    if held == target:
        return Term(fitted(term, target), target)
    made = _converted(node, term, held, target)
    if isinstance(node, exp.TryCast) and isinstance(made, exp.Cast) and target.family in _NUMBERS:
        made = exp.TryCast(this=made.this, to=made.args["to"])
    return Term(made, target)


def _from_elsewhere(node: exp.Expr) -> bool:
    """A column of a type that Databricks does not have, made one that it has.

    There, it is a timestamp of microseconds, or a number without a fraction.
    """
    held, to = known_type(node.this), known_type(node)
    if not isinstance(node.this, exp.Column) or held is None or to is None:
        return False
    if held.family is Kind.TIMESTAMP and held.text:
        return to == TIMESTAMP
    return held.family is Kind.INTEGER and held.bits > 64 and to.family in _NUMBERS


def _target(node: exp.Expr) -> ColumnType:
    if node.args["to"].this.name.startswith("U"):
        hint = "cast to a type that has negative numbers too"
        raise refuse(node, "Databricks has no type without negative numbers", hint)
    target = user_type(node)
    if target is None:
        raise refuse(node, "its type is not known")
    return target


def _converted(node: exp.Expr, term: Term, held: ColumnType, target: ColumnType) -> exp.Expr:
    """The tree of a value of one type as a value of another."""
    numeric = held.family in _NUMBERS | {Kind.BOOLEAN}
    match target.family:
        case Kind.TEXT if held.family in _WITH_ONE_TEXT:
            return _text_of(node, term, held)
        case Kind.INTEGER if held.family is Kind.FLOAT:
            return marked(cast(call("rint", term.tree), target))
        case Kind.INTEGER if held.family is Kind.DECIMAL:
            return converted(call("round", term.tree), term.type, target)
        case Kind.DECIMAL if held.family is Kind.FLOAT:
            hint = "round it in a dbt model, or leave it a double"
            raise refuse(node, "binary fractions are rounded in another way", hint)
        case Kind.FLOAT if target.bits < held.bits and held.family is Kind.FLOAT:
            raise refuse(node, "what is too large becomes infinite there", "leave it a double")
        case Kind.FLOAT if held.family is Kind.BOOLEAN or held.family in _NUMBERS:
            return cast(term.tree, target)
        case Kind.INTEGER | Kind.DECIMAL | Kind.BOOLEAN if numeric:
            return converted(term.tree, term.type, target)
        case Kind.DATE if held.family is Kind.TIMESTAMP:
            return cast(term.tree, DATE)
        case Kind.TIMESTAMP if held.family is Kind.DATE:
            return cast(term.tree, TIMESTAMP)
    how = f"{held} becomes {target} in another way there"
    raise refuse(node, how, "cast it in a dbt model and declare the type of its column")


def _text_of(node: exp.Expr, term: Term, held: ColumnType) -> exp.Expr:
    if held.family is Kind.DECIMAL and held.precision == held.scale:
        raise refuse(node, "DuckDB leaves out the zero in front of its point", "widen the decimal")
    exact = term.tree if held.family is Kind.INTEGER else fitted(term, held)
    return cast(exact, TEXT)


def as_text(part: exp.Expr, say: Say) -> exp.Expr:
    """A part of text that is put together; other types become text as a cast would make it."""
    held, term = user_type(part), say(part)
    if held is None or held.family is Kind.TEXT:
        return term.tree
    if held.family not in _WITH_ONE_TEXT:
        raise refuse(part, f"the text of {held} is not the same there", "cast it to a decimal")
    return _text_of(part, term, held)


RULES: dict[type[exp.Expr], Rule] = {exp.Cast: cast_to, exp.TryCast: cast_to}
