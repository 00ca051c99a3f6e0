"""What users write, said in Databricks SQL with the same value for every row.

There is a rule for each kind of node and each function, and none for what is not listed: that is
refused, by name. The rules were found by running both engines; ``tests/dialects/test_dialect_table.py`` does it
again for every one of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from sqlglot import exp

from mlforge_sql.dialects.translation import casts, numbers, operators, texts, times
from mlforge_sql.dialects.translation.guards import guarded
from mlforge_sql.dialects.translation.terms import (
    Rule,
    Term,
    Untranslatable,
    fitted,
    refuse,
    user_type,
)
from mlforge_sql.dialects.translation.type_names import databricks_type, has_databricks_type
from mlforge_sql.expressions import DEEPEST, DIALECT

_RULES: dict[type[exp.Expr], Rule] = {
    **operators.RULES,
    **numbers.RULES,
    **times.RULES,
    **texts.RULES,
    **casts.RULES,
}
_NAMED: dict[str, Rule] = {**numbers.NAMED, **times.NAMED, **texts.NAMED}

_MOST_NODES = 2_000
"""Parts of a translated expression; a divisor, for one, is said three times."""


def translate(tree: exp.Expr) -> exp.Expr:
    """An expression in Databricks' words, as a tree of its own.

    Args:
        tree: A parsed expression whose parts know their types (``expressions.annotate``).

    Raises:
        Untranslatable: Databricks cannot say it exactly, or we do not know that it can.
    """
    if isinstance(tree, exp.Column):
        return tree.copy()
    with _deep():
        return fitted(_say(tree), user_type(tree))


@contextmanager
def _deep() -> Iterator[None]:
    """Room for expressions as deep as they may be: a rule takes some calls for each level."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, DEEPEST * 10))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _say(node: exp.Expr) -> Term:
    rule = _RULES.get(type(node))
    if isinstance(node, exp.Anonymous):
        rule = _NAMED.get(node.name.lower())
    if rule is None:
        raise refuse(node, f"{_name(node)} is not among what both engines compute alike")
    term = rule(node, _say)
    if next(islice(term.tree.walk(), _MOST_NODES, None), None) is not None:
        why = "it becomes too long, because parts of it are said several times"
        raise refuse(node, why, "take it apart in a dbt model and name that as `model:`")
    return term


def _name(node: exp.Expr) -> str:
    """What a user calls a node."""
    if isinstance(node, exp.Func):
        return f"`{node.sql(DIALECT).partition('(')[0].lower()}()`"
    return "it"


__all__ = ["Untranslatable", "databricks_type", "guarded", "has_databricks_type", "translate"]
