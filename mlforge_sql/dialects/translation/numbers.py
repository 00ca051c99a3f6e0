"""Arithmetic and functions of numbers.

Databricks fails where a divisor is zero and has no NaN and no infinity as results of its own: those
are said explicitly. Whole numbers that overflow fail on both engines.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlglot import exp

from mlforge_sql.dialects.translation.operators import FLOAT, digits, exact_literal, whole_literal
from mlforge_sql.dialects.translation.terms import (
    Rule,
    Say,
    Term,
    bare,
    binary,
    call,
    cast,
    converted,
    either,
    fitted,
    kind_of,
    marked,
    number,
    operand,
    refuse,
    special,
    user_type,
)
from mlforge_sql.dialects.translation.times import time_difference, time_shift
from mlforge_sql.types import BIGINT, BOOLEAN, DOUBLE, TEXT, ColumnType, Kind

WHOLE_FROM = 2**52
"""Doubles of this size and more are whole numbers."""

NUMBERS = frozenset({Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL})
_NEGATED = 34
"""Digits of a decimal whose opposite Spark computes exactly."""

TINYINT = ColumnType(Kind.INTEGER, bits=8)


def _numbers(*parts: exp.Expr) -> None:
    for part in parts:
        found = user_type(part)
        if found is not None and found.family not in NUMBERS:
            raise refuse(part, f"it is {found}, not a number", "cast it, or write a number")


def arithmetic(node: exp.Expr, say: Say) -> Term:
    """``+``, ``-`` and ``*`` of numbers; ``+`` and ``-`` of dates and timestamps."""
    shifted = time_shift(node, say)
    if shifted is not None:
        return shifted
    _numbers(node.this, node.expression)
    kind = user_type(node)
    left, right = say(node.this), say(node.expression)
    if kind is None:
        return Term(binary(type(node), left.tree, right.tree), None)
    if kind.family is Kind.INTEGER:
        return _whole(node, left, right, kind)
    if kind.family is Kind.DECIMAL:
        return _decimal(node, left, right)
    if kind == FLOAT:
        return Term(binary(type(node), fitted(left, FLOAT), fitted(right, FLOAT)), FLOAT)
    if DOUBLE not in (left.type, right.type):
        left = Term(cast(left.tree, DOUBLE), DOUBLE)
    return Term(binary(type(node), left.tree, right.tree), DOUBLE)


def _whole(node: exp.Expr, left: Term, right: Term, kind: ColumnType) -> Term:
    """Whole numbers, computed in at least as many bits as on DuckDB."""
    bits = max(item.type.bits for item in (left, right) if item.type is not None)
    if bits < kind.bits:
        left, bits = Term(cast(left.tree, kind), kind), kind.bits
    made = binary(type(node), left.tree, right.tree)
    return Term(marked(made) if bits < 32 else made, ColumnType(Kind.INTEGER, bits=bits))


def _decimal(node: exp.Expr, left: Term, right: Term) -> Term:
    """Exact decimals: Databricks drops digits of a result of more than 38, so there is none."""
    shape = _shape(node, left, right)
    if shape.precision > 38:
        left = _narrowed(node.this, left)
        right = _narrowed(node.expression, right)
        shape = _shape(node, left, right)
    if shape.precision > 38:
        why = f"its result needs {shape.precision} digits, and Databricks keeps 38"
        raise refuse(node, why, "cast the decimals to fewer digits, or to double")
    return Term(binary(type(node), left.tree, right.tree), shape)


def _narrowed(node: exp.Expr, term: Term) -> Term:
    kind = user_type(node)
    if kind is None or kind.family is not Kind.DECIMAL:
        return term
    return Term(fitted(term, kind), kind)


def _shape(node: exp.Expr, left: Term, right: Term) -> ColumnType:
    """The decimal that Databricks computes."""
    (p1, s1), (p2, s2) = (_digits(item) for item in (left, right))
    if isinstance(node, exp.Mul):
        return ColumnType(Kind.DECIMAL, precision=p1 + p2 + 1, scale=s1 + s2)
    scale = max(s1, s2)
    whole = min(p1 - s1, p2 - s2) if isinstance(node, exp.Mod) else max(p1 - s1, p2 - s2) + 1
    return ColumnType(Kind.DECIMAL, precision=max(whole + scale, 1), scale=scale)


def _digits(term: Term) -> tuple[int, int]:
    """Precision and scale of a side: of a whole literal, the digits that it has."""
    if term.type is None:
        return 1, 0
    tree = bare(term.tree)
    literal = bare(tree.this) if isinstance(tree, exp.Neg) else tree
    if isinstance(literal, exp.Literal) and term.type.family is Kind.INTEGER:
        return len(literal.name), 0
    return digits(term.type)


def minus(node: exp.Expr, say: Say) -> Term:
    """``-x``."""
    _numbers(node.this)
    inner = say(node.this)
    long = _long(inner)
    if long:
        return Term(opposite_text(inner.tree, long), long)
    return Term(exp.Neg(this=operand(inner.tree, 8)), inner.type)


def opposite_text(tree: exp.Expr, kind: ColumnType) -> exp.Expr:
    """The opposite of a decimal, said digit by digit."""
    signed = call("concat", exp.Literal.string("-"), cast(tree, TEXT))
    twice = call("replace", signed, exp.Literal.string("--"), exp.Literal.string(""))
    return cast(twice, kind)


def is_long(kind: ColumnType) -> bool:
    """Whether Spark would round the opposite of a decimal: it keeps 34 digits there (Java's DECIMAL128)."""
    return kind.family is Kind.DECIMAL and kind.precision > _NEGATED


def _long(term: Term) -> ColumnType | None:
    """The type of a decimal whose opposite Spark would round."""
    return term.type if term.type and is_long(term.type) else None


def divide(node: exp.Expr, say: Say) -> Term:
    """``/`` of doubles: by zero it is infinite, or NaN for zero and NaN."""
    _numbers(node.this, node.expression)
    kind = user_type(node) or DOUBLE
    left, right = say(node.this), say(node.expression)
    if kind == FLOAT:
        left, right = (Term(fitted(item, FLOAT), FLOAT) for item in (left, right))
    elif left.type is not None and left.type.family is Kind.DECIMAL:
        left = Term(cast(left.tree, DOUBLE), DOUBLE)
    elif right.type is not None and right.type.family is Kind.DECIMAL and left.type != DOUBLE:
        right = Term(cast(right.tree, DOUBLE), DOUBLE)
    made = binary(exp.Div, left.tree, right.tree)
    if not exact_literal(node.expression):
        infinite = call("power", right.tree.copy(), number(-1))
        by_zero = binary(exp.Mul, left.tree.copy(), infinite)
        made = either(_equals(right.tree.copy(), number(0)), by_zero, made)
    return Term(cast(made, FLOAT), FLOAT) if kind == FLOAT else Term(made, DOUBLE)


def _equals(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return binary(exp.EQ, left, right)


def whole_division(node: exp.Expr, say: Say) -> Term:
    """``//`` of whole numbers rounds towards zero; by zero both engines fail."""
    kind = user_type(node)
    if kind is not None and kind.family is not Kind.INTEGER:
        raise refuse(node, "`//` is of whole numbers there", "write `floor(a / b)`")
    _numbers(node.this, node.expression)
    return Term(binary(exp.IntDiv, say(node.this).tree, say(node.expression).tree), BIGINT)


def remainder(node: exp.Expr, say: Say) -> Term:
    """``%`` has the sign of its left side; of doubles and zero it is NaN."""
    _numbers(node.this, node.expression)
    kind = user_type(node)
    left, right = say(node.this), say(node.expression)
    if kind is None or kind.family is Kind.INTEGER:
        whole = kind or BIGINT
        bits = max(whole.bits, *(item.type.bits for item in (left, right) if item.type))
        made = binary(exp.Mod, left.tree, right.tree)
        return Term(made, ColumnType(Kind.INTEGER, bits=bits))
    if kind.family is Kind.DECIMAL:
        return _decimal(node, left, right)
    trees = [item.tree if item.type == kind else cast(item.tree, kind) for item in (left, right)]
    plain = binary(exp.Mod, *trees)
    if exact_literal(node.expression):
        return Term(plain, kind)
    nan = binary(exp.Mul, trees[0].copy(), special("nan"))
    made = either(_equals(trees[1].copy(), number(0)), nan, plain)
    return Term(cast(made, FLOAT) if kind == FLOAT else made, kind)


def power(node: exp.Expr, say: Say) -> Term:
    """``power``: one to the power of NaN is one, as everywhere but on the Java machine."""
    base, exponent = node.this, node.expression
    _numbers(base, exponent)
    left, right = say(base).tree, say(exponent).tree
    plain = call("power", left, right)
    whole = kind_of(exponent) is not Kind.FLOAT
    if whole or exact_literal(exponent) is not None or abs(exact_literal(base) or 1) != 1:
        return Term(plain, DOUBLE)
    infinite = exp.In(
        this=operand(right.copy(), 4), expressions=[special("infinity"), special("-infinity")]
    )
    minus_one = exp.and_(_equals(left.copy(), number(-1)), infinite, copy=False)
    known = exp.Not(this=exp.Is(this=operand(right.copy(), 4), expression=exp.Null()))
    one = exp.and_(_equals(left.copy(), number(1)), known, copy=False)
    either_one = exp.or_(one, exp.Paren(this=minus_one), copy=False)
    return Term(either(either_one, call("double", number(1)), plain), DOUBLE)


def absolute(node: exp.Expr, say: Say) -> Term:
    """``abs``."""
    _numbers(node.this)
    inner = say(node.this)
    long = _long(inner)
    if long:
        digits_only = call(
            "replace", cast(inner.tree, TEXT), exp.Literal.string("-"), exp.Literal.string("")
        )
        return Term(cast(digits_only, long), long)
    return Term(call("abs", inner.tree), inner.type)


def sign(node: exp.Expr, say: Say) -> Term:
    """``sign``: -1, 0 or 1, and 0 for NaN."""
    _numbers(node.this)
    inner = say(node.this)
    made: exp.Expr = call("sign", inner.tree)
    if inner.type is not None and inner.type.family is Kind.FLOAT:
        is_nan = _equals(inner.tree.copy(), special("nan"))
        made = either(is_nan, number(0), made)
    return Term(cast(made, TINYINT), TINYINT)


def towards(node: exp.Expr, say: Say, *, name: str) -> Term:
    """``floor`` and ``ceil``: of doubles they are bigint there, so large ones stay as they are."""
    _numbers(node.this)
    if any(value for key, value in node.args.items() if key != "this"):
        raise refuse(node, "it has one argument")
    inner = say(node.this)
    if inner.type is None or inner.type.family is Kind.INTEGER:
        return inner
    if inner.type.family is Kind.DECIMAL:
        shape = ColumnType(
            Kind.DECIMAL, precision=min(inner.type.precision - inner.type.scale + 1, 38)
        )
        return Term(call(name, inner.tree), shape)
    return _small(inner, lambda value: cast(call(name, value), DOUBLE))


def _small(inner: Term, make: Callable[[exp.Expr], exp.Expr]) -> Term:
    """What is computed of a double that has a fraction; other ones stay as they are."""
    size = call("abs", inner.tree.copy())
    below = binary(exp.LT, size, number(WHOLE_FROM))
    return Term(either(below, make(inner.tree.copy()), inner.tree), DOUBLE)


def truncate(node: exp.Expr, say: Say) -> Term:
    """``trunc``: towards zero."""
    _numbers(node.this)
    if any(value for key, value in node.args.items() if key != "this"):
        raise refuse(node, "it has one argument")
    inner = say(node.this)
    if inner.type is None or inner.type.family is Kind.INTEGER:
        return inner
    if inner.type.family is Kind.DECIMAL:
        shape = ColumnType(Kind.DECIMAL, precision=max(inner.type.precision - inner.type.scale, 1))
        below = binary(exp.LT, inner.tree.copy(), number(0))
        made = either(below, call("ceil", inner.tree.copy()), call("floor", inner.tree))
        return Term(cast(made, shape), shape)
    return _small(inner, lambda value: cast(cast(value, BIGINT), DOUBLE))


def round_(node: exp.Expr, say: Say) -> Term:
    """``round``: half away from zero; of doubles by scaling them, as DuckDB does."""
    _numbers(node.this)
    places = node.args.get("decimals")
    scale = 0 if places is None else whole_literal(places)
    kind, inner = user_type(node), say(node.this)
    if scale is None or abs(scale) > 15:
        raise refuse(node, "the number of digits is not a literal from -15 to 15")
    if inner.type is None or kind is None:
        return inner
    if inner.type.family is Kind.INTEGER and scale >= 0:
        return inner
    if inner.type.family is not Kind.FLOAT:
        return Term(converted(call("round", inner.tree, number(scale)), inner.type, kind), kind)
    if kind == FLOAT and scale != 0:
        raise refuse(node, "floats are scaled in another way", "cast it to double first")
    factor = number("1" + "0" * abs(scale))

    def scaled(value: exp.Expr) -> exp.Expr:
        if scale == 0:
            return call("round", value)
        up, down = (exp.Mul, exp.Div) if scale > 0 else (exp.Div, exp.Mul)
        return binary(down, call("round", binary(up, value, factor.copy())), factor.copy())

    made = _small(inner, scaled)
    return Term(made.tree, kind if scale == 0 else DOUBLE)


def of_double(node: exp.Expr, say: Say, *, name: str) -> Term:
    """A function of a double that both engines have."""
    arguments = [node.this, node.args.get("expression")]
    given = [item for item in arguments if isinstance(item, exp.Expr)]
    _numbers(*given)
    return Term(call(name, *(_double(say(item)) for item in given)), DOUBLE)


def _double(term: Term) -> exp.Expr:
    return fitted(term, DOUBLE) if term.type == FLOAT else term.tree


def logarithm(node: exp.Expr, say: Say) -> Term:
    """``ln``, ``log10``, ``log2``, ``log``: NULL there for what is not positive, not so on DuckDB."""
    name, value = "ln", node.this
    if isinstance(node, exp.Log):
        value = node.args.get("expression") or node.this
        base = whole_literal(node.this) if node.args.get("expression") is not None else 10
        names = {2: "log2", 10: "log10"}
        if base not in names:
            raise refuse(node, "only logarithms to base 2, 10 and e agree", "write `ln(x) / ln(b)`")
        name = names[base]
    _numbers(value)
    inner = say(value).tree
    ifs = [
        exp.If(this=binary(kind, inner.copy(), number(0)), true=true)
        for kind, true in (
            (exp.GT, call(name, inner.copy())),
            (exp.EQ, special("-infinity")),
            (exp.LT, special("nan")),
        )
    ]
    if exact_literal(value) is not None:
        return Term(call(name, inner), DOUBLE)
    return Term(exp.Case(ifs=ifs), DOUBLE)


def nature(node: exp.Expr, say: Say) -> Term:
    """``isnan``, ``isinf``, ``isfinite`` of numbers: NULL for NULL."""
    value = node.this if not isinstance(node, exp.Anonymous) else node.expressions[0]
    _numbers(value)
    inner = say(value).tree
    if isinstance(node, exp.IsNan):
        return Term(_equals(inner, special("nan")), BOOLEAN)
    infinities = [special("infinity"), special("-infinity")]
    if isinstance(node, exp.IsInf):
        return Term(exp.In(this=operand(inner, 4), expressions=infinities), BOOLEAN)
    strange = exp.In(this=operand(inner, 4), expressions=[special("nan"), *infinities])
    return Term(exp.Not(this=strange), BOOLEAN)


def pi(_: exp.Expr, __: Say) -> Term:
    """``pi()``."""
    return Term(call("pi"), DOUBLE)


def date_difference(node: exp.Expr, say: Say) -> Term:
    """``-``, of dates too."""
    return time_difference(node, say) or arithmetic(node, say)


_OF_DOUBLE: dict[type[exp.Expr], str] = {
    exp.Sqrt: "sqrt",
    exp.Cbrt: "cbrt",
    exp.Exp: "exp",
    exp.Sin: "sin",
    exp.Cos: "cos",
    exp.Tan: "tan",
    exp.Atan: "atan",
    exp.Radians: "radians",
    exp.Degrees: "degrees",
    exp.Tanh: "tanh",
}

RULES: dict[type[exp.Expr], Rule] = {
    exp.Add: arithmetic,
    exp.Sub: date_difference,
    exp.Mul: arithmetic,
    exp.Div: divide,
    exp.IntDiv: whole_division,
    exp.Mod: remainder,
    exp.Neg: minus,
    exp.Pow: power,
    exp.Abs: absolute,
    exp.Sign: sign,
    exp.Floor: partial(towards, name="floor"),
    exp.Ceil: partial(towards, name="ceil"),
    exp.Trunc: truncate,
    exp.Round: round_,
    exp.Ln: logarithm,
    exp.Log: logarithm,
    exp.IsNan: nature,
    exp.IsInf: nature,
    exp.Pi: pi,
    **{kind: partial(of_double, name=name) for kind, name in _OF_DOUBLE.items()},
}

NAMED: dict[str, Rule] = {"isfinite": nature}
