"""Small pieces of sqlglot trees that every model needs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

from sqlglot import exp

from mlforge_sql.expressions import column, identifier

_CALL = 76
"""Characters of a call of a macro that stands on one line."""

_JINJA_PART = re.compile(r"'(?:[^'\\]|\\.)*'|[(){}\[\],]", re.DOTALL)


def func(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A function call, as named."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def number(value: int) -> exp.Expr:
    """An integer literal, negative ones included."""
    literal = exp.Literal.number(abs(value))
    return exp.Neg(this=literal) if value < 0 else literal


def literal(value: bool | int | float | str) -> exp.Expr:
    """A literal of a Python value."""
    return exp.convert(value)


def plus(tree: exp.Expr, value: int) -> exp.Expr:
    """``tree + value``, without a zero."""
    if value == 0:
        return tree
    if value < 0:
        return exp.Sub(this=tree, expression=exp.Literal.number(-value))
    return exp.Add(this=tree, expression=exp.Literal.number(value))


def times(tree: exp.Expr, value: int) -> exp.Expr:
    """``tree * value``, without a one."""
    return tree if value == 1 else exp.Mul(this=tree, expression=exp.Literal.number(value))


def aliased(tree: exp.Expr, name: str) -> exp.Expr:
    """``tree as name``; a column that already has the name stays bare."""
    if isinstance(tree, exp.Column) and tree.name == name:
        return tree
    return exp.Alias(this=tree, alias=identifier(name))


def select(*projections: exp.Expr) -> exp.Select:
    """A select of the given columns."""
    return exp.Select(expressions=list(projections))


def ref(model: str) -> exp.Expr:
    """Dbt's ``ref`` to a model, as a table."""
    return _jinja_table(f"{{{{ ref('{model}') }}}}")


def source(group: str, table: str) -> exp.Expr:
    """Dbt's ``source``, as a table."""
    return _jinja_table(f"{{{{ source('{group}', '{table}') }}}}")


def jinja(text: str) -> exp.Expr:
    """An expression that dbt fills in."""
    return exp.Var(this=f"{{{{ {wrapped(text)} }}}}")


def wrapped(call: str) -> str:
    """A call in Jinja on one line, or with a line for each argument where that would be long.

    Examples:
        >>> wrapped("f('a', b=1)")
        "f('a', b=1)"
    """
    name, bracket, rest = call.partition("(")
    if len(call) <= _CALL or not bracket or not rest.endswith(")"):
        return call
    lines = (_broken(item) for item in _split(rest[:-1]))
    return f"{name}(\n{_indented(lines)}\n)"


def _broken(argument: str) -> str:
    """An argument; a long mapping or list with a line for each item."""
    start = argument.find("{") if argument.endswith("}") else argument.find("[")
    if len(argument) <= _CALL or start < 0 or argument[-1] not in "}]":
        return argument
    items = _split(argument[start + 1 : -1])
    return f"{argument[: start + 1]}\n{_indented(items)}\n{argument[-1]}"


def _indented(items: Iterable[str]) -> str:
    return textwrap.indent(",\n".join(items), "    ")


def _split(text: str) -> list[str]:
    """Where commas separate arguments, outside of quotes and brackets."""
    parts, depth, start = [], 0, 0
    for found in _JINJA_PART.finditer(text):
        part = found[0]
        depth += (part in "([{") - (part in ")]}")
        if part == "," and depth == 0:
            parts.append(text[start : found.start()].strip())
            start = found.end()
    return [*parts, text[start:].strip()]


def jinja_string(text: str) -> str:
    r"""A string in Jinja, in which nothing looks like the end of an expression.

    Examples:
        >>> print(jinja_string("it's"), jinja_string("a}}b"))
        'it\'s' 'a}' ~ '}b'
    """
    escaped = (
        text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    )
    for mark in ("}}", "{{", "{%", "%}", "{#", "#}"):
        escaped = escaped.replace(mark, f"{mark[0]}' ~ '{mark[1]}")
    return f"'{escaped}'"


def _jinja_table(text: str) -> exp.Expr:
    return exp.Table(this=exp.Var(this=text))


def star_from(relation: exp.Expr) -> exp.Select:
    """``select * from relation``."""
    return from_table(select(exp.Star()), relation)


def from_step(query: exp.Select, name: str) -> exp.Select:
    """Add ``from <step>``."""
    return from_table(query, exp.Table(this=identifier(name)))


def from_table(query: exp.Select, relation: exp.Expr) -> exp.Select:
    """Add ``from <relation>``."""
    return query.from_(relation, copy=False)


def enclosed(tree: exp.Expr) -> exp.Expr:
    """The tree in parentheses, where an operator beside it could tear it apart."""
    return exp.Paren(this=tree) if isinstance(tree, exp.Binary | exp.Unary) else tree


def without_point(text: exp.Expr) -> exp.Expr:
    """The text of a decimal without its point: the number of its smallest units."""
    return func("replace", text, exp.Literal.string("."), exp.Literal.string(""))


def not_null(tree: exp.Expr) -> exp.Expr:
    """``tree is not null``."""
    return exp.Not(this=exp.Is(this=tree, expression=exp.Null()))


def all_of(conditions: Iterable[exp.Expr]) -> exp.Expr:
    """Conditions joined with ``and``."""
    return exp.and_(*conditions, copy=False)


def columns(names: Iterable[str], table: str | None = None) -> list[exp.Expr]:
    """References to columns."""
    return [column(name, table) for name in names]


def only_when(tree: exp.Expr, condition: exp.Expr | None) -> exp.Expr:
    """``case when condition then tree end``, or the tree when there is no condition."""
    if condition is None:
        return tree
    return exp.Case(ifs=[exp.If(this=condition, true=tree)])


def union(queries: list[exp.Select], *, distinct: bool) -> exp.Query:
    """The rows of several selects."""
    first, *rest = queries
    combined: exp.Query = first
    for query in rest:
        combined = exp.Union(this=combined, expression=query, distinct=distinct)
    return combined


def descending(tree: exp.Expr) -> exp.Expr:
    """``tree desc nulls last``."""
    return exp.Ordered(this=tree, desc=True, nulls_first=False)


def rank_over(partition_by: Iterable[str], order_by: list[exp.Expr]) -> exp.Expr:
    """``row_number() over (partition by ... order by ...)``."""
    return exp.Window(
        this=exp.RowNumber(),
        partition_by=columns(partition_by),
        order=exp.Order(expressions=order_by),
    )
