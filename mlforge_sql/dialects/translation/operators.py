"""Columns, literals, logic, comparison and choice."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sqlglot import exp

from mlforge_sql.dialects.translation.terms import (
    Rule,
    Say,
    Term,
    bare,
    binary,
    either,
    fitted,
    kind_of,
    number,
    operand,
    refuse,
    require,
    text,
    user_type,
)
from mlforge_sql.dialects.translation.times import interval_comparison, literal_time
from mlforge_sql.types import BOOLEAN, DOUBLE, TEXT, ColumnType, Kind

FLOAT = ColumnType(Kind.FLOAT, bits=32)
EXACT_DIGITS = 15
"""Decimals of up to so many digits become the same double in every engine."""


def column(node: exp.Expr, _: Say) -> Term:
    """A column is itself."""
    return Term(node.copy(), user_type(node))


def literal(node: exp.Expr, _: Say) -> Term:
    """Numbers and text; Databricks gives decimals no digit in front of the point that they lack."""
    if node.args["is_string"]:
        return Term(text(node.name), TEXT)
    found = user_type(node)
    if found is None or found.family is not Kind.DECIMAL:
        if found == DOUBLE and "e" not in node.name.lower():
            raise refuse(node, "it has too many digits", "write fewer digits")
        return Term(number(node.name), found)
    whole, _point, part = node.name.partition(".")
    digits = max(len(whole.lstrip("0")) + len(part), 1)
    kind = ColumnType(Kind.DECIMAL, precision=digits, scale=len(part))
    return Term(number(node.name), kind)


def boolean(node: exp.Expr, _: Say) -> Term:
    """``true`` and ``false``."""
    return Term(node.copy(), BOOLEAN)


def null(node: exp.Expr, _: Say) -> Term:
    """``null``."""
    return Term(node.copy(), None)


def paren(node: exp.Expr, say: Say) -> Term:
    """Parentheses stay as the user wrote them, unless nothing is left to hold together."""
    inner = say(node.this)
    bare = isinstance(inner.tree, (exp.Case, exp.Func, exp.Paren))
    return inner if bare else Term(exp.Paren(this=inner.tree), inner.type)


def connective(node: exp.Expr, say: Say) -> Term:
    """``and`` and ``or``: three-valued on both engines."""
    sides = [_condition(side, say) for side in (node.this, node.expression)]
    return Term(binary(type(node), *sides), BOOLEAN)


def negation(node: exp.Expr, say: Say) -> Term:
    """``not``."""
    return Term(exp.Not(this=operand(_condition(node.this, say), 3)), BOOLEAN)


def is_(node: exp.Expr, say: Say) -> Term:
    """``is null``, ``is true``, ``is false``."""
    what = node.args["expression"]
    if isinstance(what, exp.Boolean):
        return Term(
            exp.Is(this=operand(_condition(node.this, say), 4), expression=what.copy()), BOOLEAN
        )
    if not isinstance(what, exp.Null):
        raise refuse(node, "`is` stands in front of null, true and false only", "use parentheses")
    inner = _null_test(node.this) or say(node.this).tree
    return Term(exp.Is(this=operand(inner, 4), expression=what.copy()), BOOLEAN)


def _null_test(node: exp.Expr) -> exp.Expr | None:
    """A bare column: whether it is null can be asked for every type."""
    return node.copy() if isinstance(node, exp.Column) else None


def comparison(node: exp.Expr, say: Say) -> Term:
    """``=``, ``<`` and the others: NaN equals itself and is greater than every number."""
    spans = interval_comparison(node, say)
    if spans is not None:
        return spans
    left, right = comparable(node, (node.this, node.expression), say)
    return Term(binary(type(node), left, right), BOOLEAN)


def membership(node: exp.Expr, say: Say) -> Term:
    """``in`` with a list."""
    if not node.expressions or any(value for key, value in node.args.items() if key not in _IN):
        raise refuse(node, "only a list of values can stand after `in`")
    value, *items = comparable(node, (node.this, *node.expressions), say)
    return Term(exp.In(this=operand(value, 4), expressions=items), BOOLEAN)


_IN = {"this", "expressions"}


def between(node: exp.Expr, say: Say) -> Term:
    """``between``: both ends belong to it."""
    if node.args.get("symmetric"):
        raise refuse(node, "`symmetric` is not known there", "write both comparisons")
    parts = comparable(node, (node.this, node.args["low"], node.args["high"]), say)
    value, low, high = (operand(part, 4) for part in parts)
    return Term(exp.Between(this=value, low=low, high=high), BOOLEAN)


def comparable(node: exp.Expr, parts: Sequence[exp.Expr], say: Say) -> list[exp.Expr]:
    """The parts, such that Databricks compares them as DuckDB does."""
    types = [user_type(part) for part in parts]
    known = [item for item, part in zip(types, parts, strict=True) if item and not _is_text(part)]
    kinds = {item.family for item in known}
    instants = {Kind.DATE, Kind.TIMESTAMP}
    if kinds and kinds <= instants:
        kind = ColumnType(Kind.TIMESTAMP if Kind.TIMESTAMP in kinds else Kind.DATE)
        return [literal_time(part, kind) if _is_text(part) else say(part).tree for part in parts]
    literals = any(_is_text(part) for part in parts)
    if kinds and all(item.is_numeric for item in known) and not literals:
        return _comparable_numbers(node, parts, say)
    if len(kinds | ({Kind.TEXT} if literals else set())) > 1:
        names = " and ".join(dict.fromkeys(str(item) for item in types if item))
        raise refuse(node, f"it compares {names}", "cast one side, or write its literal as it is")
    return [say(part).tree for part in parts]


def _comparable_numbers(node: exp.Expr, parts: Sequence[exp.Expr], say: Say) -> list[exp.Expr]:
    terms = [say(part) for part in parts]
    types = [item for part in parts if (item := user_type(part)) is not None]
    if DOUBLE in types:
        if any(item.family is Kind.DECIMAL and item.precision > EXACT_DIGITS for item in types):
            why = "a decimal of so many digits is another double there"
            raise refuse(node, why, "cast both sides to one type")
        mixed = len({item.family for item in types}) > 1 and len(parts) > 2
        return [fitted(term, DOUBLE) if mixed else term.tree for term in terms]
    if FLOAT in types:
        if any(item.precision > EXACT_DIGITS for item in types):
            raise refuse(node, "it compares a float with a decimal", "cast both to double")
        return [fitted(term, FLOAT) for term in terms]
    _check_digits(node, terms)
    return [term.tree for term in terms]


def _check_digits(node: exp.Expr, terms: Sequence[Term]) -> None:
    """Databricks compares decimals in a type that must have room for all of them."""
    shapes = [digits(term.type) for term in terms if term.type is not None]
    whole = max((precision - scale for precision, scale in shapes), default=0)
    if whole + max((scale for _, scale in shapes), default=0) > 38:
        why = "its numbers together need more than 38 digits"
        raise refuse(node, why, "cast the wider one to fewer digits, or both to double")


_INTEGER_DIGITS = {8: 3, 16: 5, 32: 10, 64: 20}


def digits(kind: ColumnType) -> tuple[int, int]:
    """Precision and scale of the decimal that Databricks makes of an exact number."""
    if kind.family is Kind.DECIMAL:
        return kind.precision, kind.scale
    return _INTEGER_DIGITS[kind.bits], 0


def _is_text(node: exp.Expr) -> bool:
    """A text literal, which DuckDB reads as whatever it is compared with."""
    return isinstance(node, exp.Literal) and node.is_string


def case(node: exp.Expr, say: Say) -> Term:
    """``case``, and ``if()``, which is one."""
    branches = node.args["ifs"] if isinstance(node, exp.Case) else [node]
    default = node.args.get("default" if isinstance(node, exp.Case) else "false")
    values = [branch.args["true"] for branch in branches]
    results, kind = _alike(node, [*values, *([default] if default is not None else [])], say)
    subject = node.this if isinstance(node, exp.Case) else None
    if subject is not None:
        value, *asked = comparable(node, (subject, *(branch.this for branch in branches)), say)
    else:
        value, asked = None, [_condition(branch.this, say) for branch in branches]
    ifs = [
        exp.If(this=condition, true=result)
        for condition, result in zip(asked, results, strict=False)
    ]
    last = results[-1] if default is not None else None
    return Term(exp.Case(this=value, ifs=ifs, default=last), kind)


def _condition(node: exp.Expr, say: Say) -> exp.Expr:
    require(node, Kind.BOOLEAN, "not true or false", "write a comparison")
    return say(node).tree


def coalesce(node: exp.Expr, say: Say) -> Term:
    """The first value that is not null."""
    (first, *rest), kind = _alike(node, [node.this, *node.expressions], say)
    return Term(exp.Coalesce(this=first, expressions=rest), kind)


def nullif(node: exp.Expr, say: Say) -> Term:
    """NULL for one value."""
    value_node = node.this
    term = say(value_node)

    def said(node: exp.Expr) -> Term:  # once only: what is nested would double at each level
        return Term(term.tree.copy(), term.type) if node is value_node else say(node)

    value, other = comparable(node, (node.this, node.expression), said)
    if value == term.tree:
        return Term(exp.Nullif(this=value, expression=other), term.type)
    return Term(either(binary(exp.EQ, value, other), exp.Null(), term.tree), term.type)


def extreme(node: exp.Expr, say: Say) -> Term:
    """``greatest`` and ``least``: NULLs are passed over, NaN is the greatest number."""
    if kind_of(node) is Kind.BOOLEAN:
        raise refuse(node, "there is no greatest of true and false", "use `and` and `or`")
    (first, *rest), kind = _alike(node, [node.this, *node.expressions], say)
    if not rest:
        return Term(first, kind)
    name = exp.Greatest if isinstance(node, exp.Greatest) else exp.Least
    return Term(name(this=first, expressions=rest), kind)


def _alike(
    node: exp.Expr, parts: Sequence[exp.Expr], say: Say
) -> tuple[list[exp.Expr], ColumnType | None]:
    """Values that Databricks gives one type, and that type; they are cast where it needs help."""
    kind = user_type(node)
    if kind is not None and kind.family in {Kind.DATE, Kind.TIMESTAMP}:
        return [_moment(node, part, kind, say) for part in parts], kind
    for part in parts:
        found = user_type(part)
        if found is None or kind is None or found.family is kind.family:
            continue
        if not (found.is_numeric and kind.is_numeric):
            hint = "cast them to one type, and write literals as they are"
            raise refuse(node, f"it mixes {found} and {kind}", hint)
    terms = [say(part) for part in parts]
    shared = _shared([term.type for term in terms if term.type is not None], kind)
    if shared is not None:
        return [term.tree for term in terms], shared
    return [fitted(term, kind) for term in terms], kind


def _moment(node: exp.Expr, part: exp.Expr, kind: ColumnType, say: Say) -> exp.Expr:
    """A value among dates and timestamps."""
    if _is_text(part):
        return literal_time(part, kind)
    found = user_type(part)
    if found is not None and found.family not in {Kind.DATE, Kind.TIMESTAMP}:
        raise refuse(node, f"it mixes {found} and {kind}", "cast them to one type")
    return fitted(say(part), kind)


def _shared(types: Sequence[ColumnType], kind: ColumnType | None) -> ColumnType | None:
    """The type that Databricks finds by itself for values that are to be of a type; None for none."""
    if kind is None or not types or not kind.is_numeric:
        return kind
    if kind.family is Kind.FLOAT:
        same = all(item == kind for item in types)
        return kind if same or (kind == DOUBLE and DOUBLE in types) else None
    if kind.family is Kind.INTEGER:
        return ColumnType(Kind.INTEGER, bits=max(item.bits for item in types))
    shapes = [digits(item) for item in types]
    whole = max(precision - scale for precision, scale in shapes)
    scale = max(scale for _, scale in shapes)
    if whole + scale > 38:
        return None
    return ColumnType(Kind.DECIMAL, precision=whole + scale, scale=scale)


def exact_literal(node: exp.Expr) -> Decimal | None:
    """The value of a number literal, with its sign; None for anything else."""
    node = bare(node)
    if isinstance(node, exp.Neg):
        value = exact_literal(node.this)
        return -value if value is not None else None
    if isinstance(node, exp.Literal) and not node.is_string:
        return Decimal(node.name)
    return None


def whole_literal(node: exp.Expr | None) -> int | None:
    """The value of an integer literal; None for anything else."""
    value = exact_literal(node) if node is not None else None
    return int(value) if value is not None and value == value.to_integral_value() else None


RULES: dict[type[exp.Expr], Rule] = {
    exp.Column: column,
    exp.Literal: literal,
    exp.Boolean: boolean,
    exp.Null: null,
    exp.Paren: paren,
    exp.And: connective,
    exp.Or: connective,
    exp.Not: negation,
    exp.Is: is_,
    **dict.fromkeys([exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE], comparison),
    exp.NullSafeEQ: comparison,
    exp.NullSafeNEQ: comparison,
    exp.In: membership,
    exp.Between: between,
    exp.Case: case,
    exp.If: case,
    exp.Coalesce: coalesce,
    exp.Nullif: nullif,
    exp.Greatest: extreme,
    exp.Least: extreme,
}
