"""Functions of text. Characters are code points on both engines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlglot import exp

from mlforge_sql.dialects.translation.casts import as_text
from mlforge_sql.dialects.translation.operators import whole_literal
from mlforge_sql.dialects.translation.patterns import java_pattern
from mlforge_sql.dialects.translation.terms import (
    Rule,
    Say,
    Term,
    bare,
    binary,
    call,
    number,
    operand,
    refuse,
    require,
    text,
)
from mlforge_sql.types import BOOLEAN, TEXT, ColumnType, Kind

INT = ColumnType(Kind.INTEGER, bits=32)

SPACES = r"' \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000'"
"""What DuckDB trims, as a literal: Unicode's space separators. Databricks trims the first alone."""

LOWER_FROM, LOWER_TO = "\u0130\u03a3", "i\u03c3"
"""Letters whose lower case depends on the word, or has two characters, on Databricks alone."""


def _text(*parts: exp.Expr) -> None:
    for part in parts:
        require(part, Kind.TEXT, "not text", "write `cast(... as varchar)` around it")


def _literal(node: exp.Expr | None) -> str | None:
    """The value of a text literal; None for anything else."""
    inner = bare(node) if node is not None else None
    return inner.name if isinstance(inner, exp.Literal) and inner.is_string else None


def plain(node: exp.Expr, say: Say, *, name: str, kind: ColumnType) -> Term:
    """A function of text that is the same on both engines."""
    given = [node.this, node.args.get("expression"), node.args.get("replacement")]
    parts = [item for item in given if isinstance(item, exp.Expr)]
    if set(node.args) - {"this", "expression", "replacement", "length"}:
        extra = [key for key, value in node.args.items() if value not in (None, False)]
        if set(extra) - {"this", "expression", "replacement", "length"}:
            raise refuse(node, "it has an argument that is not known there")
    _text(*parts)
    return Term(call(name, *(say(part).tree for part in parts)), kind)


def lower(node: exp.Expr, say: Say) -> Term:
    """``lower``, letter by letter."""
    return Term(lowered(node.this, say), TEXT)


def lowered(node: exp.Expr, say: Say) -> exp.Expr:
    """Text in lower case as DuckDB has it."""
    _text(node)
    written = _literal(node)
    if written is not None and written.isascii():
        return text(written.lower())
    return call("lower", call("translate", say(node).tree, text(LOWER_FROM), text(LOWER_TO)))


def upper(node: exp.Expr, _: Say) -> Term:
    """There is no exact ``upper``."""
    raise refuse(node, "some letters become two there, such as `ß`", "use `lower()`")


def trim(node: exp.Expr, say: Say) -> Term:
    """``trim``, ``ltrim`` and ``rtrim``."""
    characters = node.args.get("expression")
    _text(node.this, *([characters] if characters is not None else []))
    if node.args.get("collation"):
        raise refuse(node, "it has a collation")
    what = exp.Var(this=SPACES) if characters is None else say(characters).tree
    position = node.args.get("position") or "BOTH"
    return Term(exp.Trim(this=say(node.this).tree, expression=what, position=position), TEXT)


def length(node: exp.Expr, say: Say) -> Term:
    """Length in characters."""
    _text(node.this)
    return Term(call("char_length", say(node.this).tree), INT)


def byte_length(node: exp.Expr, say: Say) -> Term:
    """Length in bytes."""
    (value,) = node.expressions
    _text(value)
    return Term(call("octet_length", say(value).tree), INT)


def substring(node: exp.Expr, say: Say) -> Term:
    """``substring`` from a literal place, counted from the start or, negative, from the end."""
    _text(node.this)
    start, size = whole_literal(node.args["start"]), node.args.get("length")
    count = whole_literal(size)
    if start is None or (size is not None and count is None):
        raise refuse(node, "its places are not literals", "use `left` or `right`")
    if count is not None and count < 0:
        raise refuse(node, "its length is negative", "write a length of 0 or more")
    if start == 0:  # DuckDB counts a character in front of the first
        start, count = 1, None if count is None else max(count - 1, 0)
    counts = [] if count is None else [number(count)]
    return Term(call("substring", say(node.this).tree, number(start), *counts), TEXT)


def side(node: exp.Expr, say: Say, *, name: str) -> Term:
    """``left`` and ``right``; a negative number leaves out so many on the other side."""
    _text(node.this)
    count = whole_literal(node.expression)
    if count is None:
        raise refuse(node, "the number of characters is not a literal")
    value = say(node.this).tree
    size = number(count)
    if count < 0:
        size = exp.Sub(this=call("char_length", value.copy()), expression=number(-count))
    return Term(call(name, value, size), TEXT)


def position(node: exp.Expr, say: Say) -> Term:
    """The place of a text in another, from 1; 0 when it is not there."""
    needle = node.args["substr"]
    if node.args.get("position") or node.args.get("occurrence"):
        raise refuse(node, "it has more than two arguments")
    _text(node.this, needle)
    return Term(call("instr", say(node.this).tree, say(needle).tree), INT)


def pad(node: exp.Expr, say: Say) -> Term:
    """``lpad`` and ``rpad`` with literals."""
    _text(node.this)
    size, fill = whole_literal(node.expression), _literal(node.args.get("fill_pattern"))
    if size is None or size < 0 or not fill:
        raise refuse(node, "its length or its filling is not a literal")
    name = "lpad" if node.args.get("is_left") else "rpad"
    return Term(call(name, say(node.this).tree, number(size), text(fill)), TEXT)


def repeat(node: exp.Expr, say: Say) -> Term:
    """``repeat`` a literal number of times."""
    _text(node.this)
    times = whole_literal(node.args["times"])
    if times is None:
        raise refuse(node, "the number of times is not a literal")
    return Term(call("repeat", say(node.this).tree, number(max(times, 0))), TEXT)


def split_part(node: exp.Expr, say: Say) -> Term:
    """``split_part`` with literals."""
    _text(node.this)
    delimiter, index = _literal(node.args["delimiter"]), whole_literal(node.args["part_index"])
    if not delimiter or not index:
        raise refuse(node, "its delimiter or its number is empty or not a literal")
    return Term(call("split_part", say(node.this).tree, text(delimiter), number(index)), TEXT)


def translate(node: exp.Expr, say: Say) -> Term:
    """``translate`` with literals that name every character once."""
    _text(node.this)
    old, new = _literal(node.args["from_"]), _literal(node.args["to"])
    if not old or new is None or len(set(old)) < len(old):
        raise refuse(node, "its characters are not literals, each once")
    return Term(call("translate", say(node.this).tree, text(old), text(new)), TEXT)


def sha256(node: exp.Expr, say: Say) -> Term:
    """SHA-256 of text, in hex."""
    if whole_literal(node.args.get("length")) != 256:
        raise refuse(node, "only `sha256` agrees")
    _text(node.this)
    return Term(call("sha2", say(node.this).tree, number(256)), TEXT)


def joined(node: exp.Expr, say: Say) -> Term:
    """``||``: NULL when a side is."""
    sides = [as_text(part, say) for part in (node.this, node.expression)]
    return Term(binary(exp.DPipe, *sides), TEXT)


def concat(node: exp.Expr, say: Say) -> Term:
    """``concat`` passes over NULLs; Databricks' does not."""
    parts: list[exp.Expr] = []
    for part in node.expressions:
        said = as_text(part, say)
        whole = isinstance(said, exp.Literal)
        parts.append(said if whole else exp.Coalesce(this=said, expressions=[text("")]))
    return Term(call("concat", *parts), TEXT)


def concat_ws(node: exp.Expr, say: Say) -> Term:
    """``concat_ws`` passes over NULLs on both engines."""
    separator, *parts = node.expressions
    _text(separator)
    said = [as_text(part, say) for part in parts]
    return Term(call("concat_ws", say(separator).tree, *said), TEXT)


def like(node: exp.Expr, say: Say) -> Term:
    """``like``: DuckDB has no escape character unless one is given, Databricks has the backslash."""
    return _like(node, node, None, say)


def escaped_like(node: exp.Expr, say: Say) -> Term:
    """``like ... escape ...``."""
    escape = _literal(node.expression)
    if escape is None or len(escape) != 1 or not isinstance(node.this, (exp.Like, exp.ILike)):
        raise refuse(node, "the escape character is not one literal character")
    return _like(node, node.this, escape, say)


def _like(node: exp.Expr, inner: exp.Expr, escape: str | None, say: Say) -> Term:
    value, pattern = inner.this, inner.expression
    folded = isinstance(inner, exp.ILike)
    written = _literal(pattern)
    _text(value, pattern)
    if written is None:
        raise refuse(node, "the pattern is not a literal", "use `contains` or `starts_with`")
    if folded and not written.isascii():
        raise refuse(node, "its pattern has letters outside of ASCII", "use `like`")
    if escape is not None and not _escapes_well(written, escape):
        raise refuse(node, "the escape character is in front of what needs none")
    tree = lowered(value, say) if folded else say(value).tree
    shown = text(written.lower() if folded else written)
    made: exp.Expr = exp.Like(this=operand(tree, 4), expression=shown)
    escape = (escape.lower() if folded else escape) if escape is not None else _unused(written)
    if escape is not None:
        made = exp.Escape(this=made, expression=text(escape))
    if inner.args.get("negate"):
        made = exp.Not(this=made)
    return Term(made, BOOLEAN)


def _unused(pattern: str) -> str | None:
    """An escape character that leaves the backslashes of a pattern alone; None without any."""
    if "\\" not in pattern:
        return None
    return next(item for item in "!#$^~|\x01" if item not in pattern)


def _escapes_well(pattern: str, escape: str) -> bool:
    """Whether the escape character escapes wildcards and itself, and nothing else."""
    position = 0
    while (position := pattern.find(escape, position)) >= 0:
        if pattern[position + 1 : position + 2] not in {"%", "_", escape}:
            return False
        position += 2
    return True


def matches(node: exp.Expr, say: Say) -> Term:
    """``regexp_matches``: the pattern is found somewhere."""
    if node.args.get("flag"):
        raise refuse(node, "it has options", "write `(?i)` in front of the pattern")
    return _matched(node, lambda found: found, say)


def matches_whole(node: exp.Expr, say: Say) -> Term:
    """``regexp_full_match``: the pattern is all of it."""
    if node.args.get("options"):
        raise refuse(node, "it has options", "write `(?i)` in front of the pattern")
    return _matched(node, lambda found: rf"\A(?:{found})\z", say)


def _matched(node: exp.Expr, whole: Callable[[str], str], say: Say) -> Term:
    _text(node.this, node.expression)
    pattern = whole(_pattern(node, node.expression))
    value = operand(say(node.this).tree, 4)
    return Term(exp.RegexpLike(this=value, expression=text(pattern)), BOOLEAN)


def _pattern(node: exp.Expr, pattern: exp.Expr) -> str:
    written = _literal(pattern)
    if written is None:
        raise refuse(node, "the pattern is not a literal")
    return java_pattern(written)


def extracted(node: exp.Expr, say: Say) -> Term:
    """``regexp_extract``: what a group matched first, empty when nothing did."""
    group = node.args.get("group")
    index = 0 if group is None else whole_literal(group)
    if index is None or index < 0 or node.args.get("parameters"):
        raise refuse(node, "the group is not a number, or there are options")
    _text(node.this)
    pattern = _pattern(node, node.expression)
    return Term(call("regexp_extract", say(node.this).tree, text(pattern), number(index)), TEXT)


def replaced(node: exp.Expr, say: Say) -> Term:
    """``regexp_replace`` of every match with plain text."""
    options, new = _literal(node.args.get("modifiers")), _literal(node.args["replacement"])
    if options != "g":
        hint = "write `regexp_replace(x, pattern, text, 'g')`, which replaces every match"
        raise refuse(node, "it replaces the first match alone", hint)
    if new is None or set(new) & {"\\", "$"}:
        raise refuse(node, "what it puts in is not plain text", "write text without `\\` and `$`")
    _text(node.this)
    pattern = _pattern(node, node.expression)
    return Term(call("regexp_replace", say(node.this).tree, text(pattern), text(new)), TEXT)


RULES: dict[type[exp.Expr], Rule] = {
    exp.Lower: lower,
    exp.Upper: upper,
    exp.Trim: trim,
    exp.Length: length,
    exp.Substring: substring,
    exp.Left: partial(side, name="left"),
    exp.Right: partial(side, name="right"),
    exp.Replace: partial(plain, name="replace", kind=TEXT),
    exp.StartsWith: partial(plain, name="startswith", kind=BOOLEAN),
    exp.Contains: partial(plain, name="contains", kind=BOOLEAN),
    exp.EndsWith: partial(plain, name="endswith", kind=BOOLEAN),
    exp.StrPosition: position,
    exp.Pad: pad,
    exp.Repeat: repeat,
    exp.SplitPart: split_part,
    exp.Translate: translate,
    exp.MD5: partial(plain, name="md5", kind=TEXT),
    exp.SHA2: sha256,
    exp.Ascii: partial(plain, name="ascii", kind=INT),
    exp.DPipe: joined,
    exp.Concat: concat,
    exp.ConcatWs: concat_ws,
    exp.Like: like,
    exp.ILike: like,
    exp.Escape: escaped_like,
    exp.RegexpLike: matches,
    exp.RegexpFullMatch: matches_whole,
    exp.RegexpExtract: extracted,
    exp.RegexpReplace: replaced,
}


def prefix(node: exp.Expr, say: Say, *, name: str) -> Term:
    """``prefix`` and ``suffix``: whether a text starts or ends with another."""
    _text(*node.expressions)
    return Term(call(name, *(say(part).tree for part in node.expressions)), BOOLEAN)


NAMED: dict[str, Rule] = {
    "strlen": byte_length,
    "prefix": partial(prefix, name="startswith"),
    "suffix": partial(prefix, name="endswith"),
}
