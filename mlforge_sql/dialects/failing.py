"""Which expressions of users can fail on a row in DuckDB, with a text that shows the row's value."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from mlforge_sql.expressions import DIALECT, known_type
from mlforge_sql.types import BIGINT, BOOLEAN, DOUBLE, TEXT, ColumnType, Kind, parse_type

_LOGIC = (exp.And, exp.Or, exp.Not, exp.Is)
_COMPARED = (
    exp.EQ,
    exp.NEQ,
    exp.LT,
    exp.LTE,
    exp.GT,
    exp.GTE,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.Between,
    exp.In,
)
_CHOICES = (exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least)
_OF_TEXT = (exp.Lower, exp.Upper, exp.Trim, exp.Concat, exp.DPipe)
_LENGTHS = (exp.Length,)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Mod)
_OF_DOUBLES = (exp.Abs, exp.Floor, exp.Ceil, exp.Round, exp.Sqrt, exp.Ln, exp.Exp, exp.Neg)
_PARTS_OF_MOMENTS = (
    exp.Extract,
    exp.Year,
    exp.Quarter,
    exp.Month,
    exp.Day,
    exp.DayOfMonth,
    exp.DayOfWeek,
    exp.DayOfYear,
    exp.Hour,
    exp.Minute,
    exp.Second,
)
_OF_MOMENTS = (*_PARTS_OF_MOMENTS, exp.TimestampTrunc, exp.DateTrunc)
_WITHIN = frozenset(["microsecond", "millisecond", "second", "minute", "hour", "day"])
"""Units of which the first timestamp begins one; it has no whole week, month, quarter or year."""

_PLAIN = (exp.Column, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Identifier, exp.Var)
_NO_VALUES = (exp.DataType, exp.Identifier, exp.Var)


def may_fail(tree: exp.Expr) -> bool:
    """Whether a row may make an expression fail: anything that is not known to have a value for each.

    What is implied counts: a comparison of a number and a text is a cast.
    """
    return any(_fails(node) for node in tree.walk() if not isinstance(node, _NO_VALUES))


def _fails(node: exp.Expr) -> bool:  # noqa: PLR0911 - one line for each kind of node
    """Whether a part may fail when none of the parts inside of it does."""
    if isinstance(node, (*_PLAIN, *_LOGIC, *_OF_TEXT, exp.TryCast)):
        return False
    if isinstance(node, exp.If) and isinstance(node.parent, exp.Case):
        return False
    if isinstance(node, (*_COMPARED, *_CHOICES)):
        return not _alike(_values(node))
    if isinstance(node, exp.Cast):
        return not _widens(_type(node.this), _type(node))
    if isinstance(node, _LENGTHS):
        return _type(node.this) != TEXT
    if isinstance(node, exp.Like):
        return _type(node.this) != TEXT or not isinstance(node.expression, exp.Literal)
    if isinstance(node, exp.Div):
        return not _numbers(_values(node))
    if isinstance(node, (*_ARITHMETIC, *_OF_DOUBLES)):
        return not _doubles(_values(node))
    if isinstance(node, _OF_MOMENTS):
        return _has_no_moment(node)
    return True


def _has_no_moment(node: exp.Expr) -> bool:
    """Whether a part or the beginning of a time may be out of range, or the time be none."""
    found = _type(node.args["expression"] if isinstance(node, exp.Extract) else node.this)
    if isinstance(node, (exp.TimestampTrunc, exp.DateTrunc)):
        moment = found is not None and found.family is Kind.TIMESTAMP
        return not moment or _unit(node) not in _WITHIN
    return found is None or found.family not in {Kind.DATE, Kind.TIMESTAMP}


def _unit(node: exp.Expr) -> str:
    unit = node.args.get("unit")
    return unit.name.casefold().partition("(")[0] if isinstance(unit, exp.Expr) else ""


def _values(node: exp.Expr) -> list[exp.Expr]:
    """The parts of an operator that meet: for a choice, what is chosen from."""
    if isinstance(node, exp.Case):
        branches = node.args["ifs"]
        asked = [branch.this for branch in branches] if node.this is not None else []
        if asked and not _alike([node.this, *asked]):
            return [node.this, *asked]
        return [branch.args["true"] for branch in branches] + _given(node.args.get("default"))
    if isinstance(node, exp.If):
        return _given(node.args.get("true"), node.args.get("false"))
    if isinstance(node, exp.Between):
        return _given(node.this, node.args.get("low"), node.args.get("high"))
    if isinstance(node, exp.Round):
        return _given(node.this)
    return _given(node.this, node.args.get("expression"), *node.args.get("expressions") or ())


def _given(*nodes: exp.Expr | None) -> list[exp.Expr]:
    return [node for node in nodes if isinstance(node, exp.Expr)]


def _alike(nodes: Iterable[exp.Expr]) -> bool:
    """Whether values meet without a cast that may fail; a literal is cast while compiling."""
    nodes = [_bare(node) for node in nodes]
    types = [_type(node) for node in nodes if not isinstance(node, exp.Null) and not _is_text(node)]
    if any(item is None for item in types):
        return False
    known = [item for item in types if item is not None]
    if any(_is_text(node) for node in nodes) and not known:
        return True
    if _numeric(known):
        return not any(_is_text(node) for node in nodes) and _fit(known)
    return len(set(known)) <= 1 and all(item.family is not Kind.OTHER for item in known)


def _numeric(types: Iterable[ColumnType]) -> bool:
    return all(item.is_numeric for item in types)


def _fit(types: Iterable[ColumnType]) -> bool:
    """Whether DuckDB's common type of numbers has room for all of them."""
    types = list(types)
    if any(item.family is Kind.FLOAT for item in types):
        return all(item.family is not Kind.FLOAT or item == DOUBLE for item in types)
    decimals = [item for item in types if item.family is Kind.DECIMAL]
    if not decimals:
        return True
    if any(item.bits > 64 for item in types):
        return False
    whole = max([item.precision - item.scale for item in decimals], default=0)
    if len(decimals) < len(types):
        whole = max(whole, 19)
    return whole + max(item.scale for item in decimals) <= 38


def _numbers(nodes: Iterable[exp.Expr]) -> bool:
    return _are_numeric([_type(node) for node in nodes])


def _are_numeric(types: Iterable[ColumnType | None]) -> bool:
    return all(item is not None and item.is_numeric for item in types)


def _doubles(nodes: Iterable[exp.Expr]) -> bool:
    """Whether numbers are computed as doubles, which become infinite rather than overflow."""
    types = [_type(node) for node in nodes]
    return DOUBLE in types and _are_numeric(types)


def _widens(held: ColumnType | None, to: ColumnType | None) -> bool:
    """Whether each value of a type is a value of the other."""
    if to == TEXT or (held is not None and held == to and held.family is not Kind.OTHER):
        return True
    if held is None or to is None:
        return False
    if held.family in {Kind.INTEGER, Kind.BOOLEAN} and to.family is Kind.INTEGER:
        return held.bits <= to.bits
    if to == DOUBLE:
        return held.is_numeric or held.family is Kind.BOOLEAN
    if to.family is Kind.DECIMAL and held.family is Kind.DECIMAL:
        room = to.precision - to.scale >= held.precision - held.scale
        return room and to.scale >= held.scale
    return to.family is Kind.DATE and held.family is Kind.TIMESTAMP and not held.text


def _type(node: exp.Expr) -> ColumnType | None:  # noqa: PLR0911 - one line for each kind of node
    """The type of a part; None where it is not known."""
    node = _bare(node)
    known = known_type(node)
    if known is not None:
        return known
    if isinstance(node, exp.Literal):
        return TEXT if node.is_string else _number(node.name)
    if isinstance(node, (exp.Boolean, *_LOGIC, *_COMPARED, exp.Like)):
        return BOOLEAN
    if isinstance(node, _OF_TEXT):
        return TEXT
    if isinstance(node, (*_LENGTHS, *_PARTS_OF_MOMENTS)):
        return BIGINT
    if isinstance(node, (exp.Cast, exp.TryCast)):
        return parse_type(node.args["to"].sql(DIALECT))
    if isinstance(node, _CHOICES):
        return _shared(_values(node))
    if isinstance(node, (exp.Div, *_ARITHMETIC, *_OF_DOUBLES)):
        types = [_type(part) for part in _values(node)]  # once: parts have parts
        doubles = isinstance(node, exp.Div) or DOUBLE in types
        return DOUBLE if doubles and _are_numeric(types) else None
    return None


def _shared(nodes: Iterable[exp.Expr]) -> ColumnType | None:
    types = {_type(node) for node in nodes if not isinstance(_bare(node), exp.Null)}
    if DOUBLE in types and all(item is not None and item.is_numeric for item in types):
        return DOUBLE
    return types.pop() if len(types) == 1 else None


def _number(text: str) -> ColumnType:
    if "e" in text.lower():
        return DOUBLE
    whole, _, part = text.partition(".")
    if not part:
        return BIGINT if len(whole) < 19 else ColumnType(Kind.INTEGER, bits=128)
    return ColumnType(Kind.DECIMAL, precision=len(whole) + len(part), scale=len(part))


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _is_text(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and node.is_string
