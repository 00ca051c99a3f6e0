"""Names in SQL, in quotes where they have to be."""

from __future__ import annotations

import re

from sqlglot import exp

from mlforge_sql.expressions.words import RESERVED

_SAFE = re.compile(r"[a-z_][a-z0-9_]*")


def identifier(name: str) -> exp.Identifier:
    """An identifier, quoted where it has to be.

    Examples:
        >>> [identifier(name).sql() for name in ("amount", "order", "Amount", 'x"y')]
        ['amount', '"order"', '"Amount"', '"x""y"']
    """
    return exp.to_identifier(name, quoted=needs_quotes(name))


def needs_quotes(name: str) -> bool:
    """True when a name must be quoted in SQL."""
    return not _SAFE.fullmatch(name) or name in RESERVED


def column(name: str, table: str | None = None) -> exp.Column:
    """A reference to a column."""
    return exp.Column(this=identifier(name), table=identifier(table) if table else None)
