"""User SQL: parsed once, here, into expressions that the rest of the compiler can carry around.

An expression must be *row by row*: its value depends on one row of the source and nothing else, so
it can neither look into the future nor change from run to run.
"""

from __future__ import annotations

from mlforge_sql.expressions.model import (
    Expr,
    ExpressionError,
    RowQuery,
    both,
    equal,
    is_null,
    is_other,
)
from mlforge_sql.expressions.names import column, identifier, needs_quotes
from mlforge_sql.expressions.notes import annotate, failure_text, known_type, own, owner_of
from mlforge_sql.expressions.parsing import (
    DEEPEST,
    LONGEST,
    MOST_PARTS,
    parse_expression,
    parse_row_query,
)
from mlforge_sql.expressions.words import DIALECT, RESERVED

__all__ = [
    "DEEPEST",
    "DIALECT",
    "LONGEST",
    "MOST_PARTS",
    "RESERVED",
    "Expr",
    "ExpressionError",
    "RowQuery",
    "annotate",
    "both",
    "column",
    "equal",
    "failure_text",
    "identifier",
    "is_null",
    "is_other",
    "known_type",
    "needs_quotes",
    "own",
    "owner_of",
    "parse_expression",
    "parse_row_query",
]
