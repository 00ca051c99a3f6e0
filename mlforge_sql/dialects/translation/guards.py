"""Operations that fail on Databricks with a text that shows the row's value, made to fail without it.

Databricks has no ``try`` of a whole expression. It shows values where a number does not fit a
narrower type and where bytes overflow; sums of wider integers, divisions by zero and times out of
range it tells without. Rules mark the first two while they know the types, and each marked operation
becomes its form with ``try_``, and an error of ours where that has no value for one.
"""

from __future__ import annotations

from itertools import islice

from sqlglot import exp

from mlforge_sql.dialects.translation.terms import call, either, is_marked, text
from mlforge_sql.expressions import failure_text

_MOST_NODES = 2_000
"""Parts of a guarded expression; what is inside of a guarded operation is said twice."""

_TRIED: dict[type[exp.Expr], str] = {
    exp.Add: "try_add",
    exp.Sub: "try_subtract",
    exp.Mul: "try_multiply",
}


def guarded(tree: exp.Expr, owner: str | None) -> exp.Expr:
    """The expression with its marked operations guarded, as a tree of its own.

    Args:
        tree: A translated expression.
        owner: Whose it is, for the message.
    """
    tree = tree.copy()
    size = sum(1 for _ in tree.walk())
    for node in reversed(list(tree.walk(bfs=False))):  # what is inside first
        if not is_marked(node):
            continue
        parts = _operands(node)
        size += sum(_size(part) for part in parts) + 12
        if size > _MOST_NODES:
            break
        made = _guarded(node, parts, failure_text(node, owner))
        if node is tree:
            return made
        node.replace(made)
    return tree


def _size(tree: exp.Expr) -> int:
    return sum(1 for _ in islice(tree.walk(), _MOST_NODES))


def _operands(node: exp.Expr) -> list[exp.Expr]:
    parts = [node.this, node.args.get("expression")]
    return [part for part in parts if isinstance(part, exp.Expr)]


def _guarded(node: exp.Expr, parts: list[exp.Expr], said: str) -> exp.Expr:
    """``coalesce(try_..., case when <the operands have values> then raise_error(...) end)``."""
    known = [call("isnotnull", part.copy()) for part in parts if part.find(exp.Column)]
    if not known:
        return node.copy()  # of constants: it shows no row's value
    condition = known[0] if len(known) == 1 else exp.and_(*known, copy=False)
    failed = either(condition, call("raise_error", text(said)), None)
    tried: exp.Expr
    if isinstance(node, exp.Cast):
        tried = exp.TryCast(this=node.this.copy(), to=node.args["to"].copy())
    else:
        tried = call(_TRIED[type(node)], *(part.copy() for part in parts))
    return exp.Coalesce(this=tried, expressions=[failed])
