"""User SQL to expressions; whatever is not computed from one row is refused."""

from __future__ import annotations

import re
from collections.abc import Callable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError, TokenError
from sqlglot.tokenizer_core import TokenType

from mlforge_sql.expressions.model import Expr, ExpressionError, RowQuery
from mlforge_sql.expressions.words import DIALECT

LONGEST, MOST_PARTS, DEEPEST = 100_000, 2_000, 600
"""Characters of one expression, its parts without literals, and how deep they are nested.

A sum of a hundred terms is nested a hundred deep; DuckDB takes no more than a thousand.
"""

_APART = "take it apart in a dbt model and name that as `model:`"

_QUOTED = re.compile(r'"(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'')

_CLOCK_OR_CHANCE: tuple[type[exp.Expr], ...] = (
    exp.CurrentDate,
    exp.CurrentDatetime,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.CurrentUser,
    exp.CurrentCatalog,
    exp.SessionUser,
    exp.CurrentSchema,
    exp.Localtime,
    exp.Localtimestamp,
    exp.Rand,
    exp.Randn,
    exp.Uuid,
)

_MANY_ROWS: tuple[type[exp.Expr], ...] = (
    exp.AggFunc,
    exp.Columns,
    exp.Window,
    exp.Query,
    exp.Explode,
    exp.Unnest,
)


def parse_expression(text: str) -> Expr:
    """Parse one row-by-row expression.

    Raises:
        ExpressionError: It is empty, not SQL, several statements, or not row by row.

    Examples:
        >>> parse_expression("amount>0 AND kind = 'a'").sql
        "amount > 0 AND kind = 'a'"
    """
    _one_statement(text)
    tree = _parse(lambda: sqlglot.parse_one(text, into=exp.Condition, dialect=DIALECT))
    _small_enough(tree)
    _row_by_row(tree)
    return Expr.of(_unqualified(tree, None))


def parse_row_query(text: str) -> RowQuery:
    """Parse ``select ... from <source> [where ...]``.

    Raises:
        ExpressionError: As ``parse_expression``; also for anything a row-by-row query cannot have
            (joins, grouping, ``distinct``, ``limit``, set operations, CTEs, subqueries).
    """
    _one_statement(text)
    query = _parse(lambda: sqlglot.parse_one(text, dialect=DIALECT))
    for part in query.args.get("expressions") or ():
        _small_enough(part)
    if query.args.get("where") is not None:
        _small_enough(query.args["where"])
    if not isinstance(query, exp.Select):
        raise ExpressionError("MF042", "a feature's query must be one `select`", _ROW_HINT)
    source, qualifier = _source_of(query)
    where = query.args.get("where")
    if where is not None:
        _row_by_row(where.this)
    return RowQuery(
        _projections(query, qualifier),
        Expr.of(_unqualified(where.this, qualifier)) if where is not None else None,
        source,
    )


_ROW_HINT = "use columns, expressions and `where`; put anything else into a dbt model and name it as `model:`"

_QUERY_PARTS = {"expressions", "from", "from_", "where", "kind", "hint", "distinct"}


def _source_of(query: exp.Select) -> tuple[str, str]:
    """The relation a query reads, and what its columns may be qualified with."""
    for part, value in query.args.items():
        if value and part not in _QUERY_PARTS - {"distinct", "kind", "hint"}:
            name = part.rstrip("_").replace("_", " ")
            raise ExpressionError("MF042", f"a feature's query cannot have `{name}`", _ROW_HINT)
    from_ = query.find(exp.From)
    table = from_.this if from_ is not None else None
    if not isinstance(table, exp.Table):
        raise ExpressionError("MF042", "a feature's query must read from its source", _ROW_HINT)
    for part, value in table.args.items():
        if value and part not in {"this", "db", "catalog", "alias"}:
            raise ExpressionError("MF042", f"a feature's query cannot have `{part}`", _ROW_HINT)
    if table.alias_column_names:
        raise ExpressionError(
            "MF042", "a feature's query cannot rename its source's columns", _ROW_HINT
        )
    plain = table.name and not table.db
    alias = table.alias
    if not plain:
        table = table.copy()
        table.set("alias", None)
    name = table.name if plain else table.sql(DIALECT, normalize_functions="lower")
    return name, alias or name


def _projections(query: exp.Select, source: str) -> tuple[tuple[str, Expr], ...] | None:
    if len(query.expressions) == 1 and _is_everything(query.expressions[0], source):
        return None
    named: list[tuple[str, Expr]] = []
    for item in query.expressions:
        _row_by_row(item)
        if item.is_star or not item.alias_or_name:
            raise ExpressionError(
                "MF042", f"`{item.sql(DIALECT)}` has no name", "write `expression as name`"
            )
        named.append((item.alias_or_name, Expr.of(_unqualified(item.unalias(), source))))
    return tuple(named)


def _is_everything(item: exp.Expr, source: str) -> bool:
    """True for ``*`` and ``source.*``; not for a star that leaves out or replaces columns."""
    if isinstance(item, exp.Column) and item.table.casefold() == source.casefold():
        item = item.this
    return isinstance(item, exp.Star) and not any(item.args.values())


def _unqualified(tree: exp.Expr, source: str | None) -> exp.Expr:
    """Drop the source's name in front of columns; a column with another one stays as it is written.

    Such a column is none of the source's, so it is reported as unknown.
    """
    tree = tree.copy()
    for item in list(tree.find_all(exp.Column)):
        if not item.table:
            continue
        if source is not None and item.table.casefold() == source.casefold() and not item.db:
            item.set("table", None)
            continue
        item.set("this", exp.to_identifier(item.sql(DIALECT), quoted=True))
        for part in ("table", "db", "catalog"):
            item.set(part, None)
    return tree


def _parse(parse: Callable[[], exp.Expr]) -> exp.Expr:
    try:
        return parse()
    except SqlglotError as error:
        raise ExpressionError("MF040", _what_is_wrong(error)) from error
    except RecursionError as error:
        message = "cannot parse SQL: it is nested too deeply"
        raise ExpressionError("MF040", message, "take it apart in a dbt model") from error


def _what_is_wrong(error: SqlglotError) -> str:
    """Sqlglot's message without its class names."""
    found = (getattr(error, "errors", None) or [{}])[0]
    text, near = str(found.get("description") or ""), str(found.get("highlight") or "")
    if isinstance(error, TokenError):
        return "cannot parse SQL: a text or comment has no end"
    if "Unexpected" in text or ("<Token" in text and "SENTINEL" not in text):
        return f"cannot parse SQL: `{near}` is not expected there"
    if "missing" in text or "Expected" in text or not text:
        side = "before" if near in {")", "]", "}"} else "after"
        return "cannot parse SQL: something is missing" + (f" {side} `{near}`" if near else "")
    plain = re.split(r"[.(<]", text)[0].strip()
    return f"cannot parse SQL: {plain[0].lower()}{plain[1:]} near `{near}`"


def _small_enough(tree: exp.Expr) -> None:
    """Refuse expressions for which compiling and the engines would take too long.

    Literals do not count: a list of values may be long.
    """
    parts, depths, deepest = 0, {id(tree): 1}, 1
    for node in tree.walk():
        depth = depths.pop(id(node))
        if not isinstance(node, (exp.Literal, exp.Identifier)):
            deepest, parts = max(deepest, depth), parts + 1
        for child in node.iter_expressions():
            depths[id(child)] = depth + 1
    if parts > MOST_PARTS or deepest > DEEPEST:
        found = f"{parts:,} parts, nested {deepest:,} deep"
        message = f"the expression has {found}; it may have {MOST_PARTS:,}, and {DEEPEST:,}"
        raise ExpressionError("MF145", message, _APART)


def _one_statement(text: str) -> None:
    if not text.strip():
        raise ExpressionError("MF040", "expected SQL, found nothing")
    if len(text) > LONGEST:
        message = f"the expression has {len(text):,} characters; it may have {LONGEST:,}"
        raise ExpressionError("MF145", message, _APART)
    try:
        tokens = sqlglot.tokenize(text, dialect=DIALECT)
    except SqlglotError as error:
        raise ExpressionError("MF040", _what_is_wrong(error)) from error
    if any(token.token_type is TokenType.SEMICOLON for token in tokens):
        raise ExpressionError(
            "MF041", "SQL has more than one statement", "remove the `;` and what follows it"
        )
    if re.search(r"\{[{%#]", _QUOTED.sub("", text)):
        raise ExpressionError("MF040", "SQL in a spec cannot contain Jinja", "use plain SQL")


def _row_by_row(tree: exp.Expr) -> None:
    for node in tree.walk():
        if isinstance(node, _MANY_ROWS):
            raise ExpressionError(
                "MF042", f"`{node.sql(DIALECT)}` is not computed from one row", _ROW_HINT
            )
        if isinstance(node, _CLOCK_OR_CHANCE):
            raise ExpressionError(
                "MF042",
                f"`{node.sql(DIALECT)}` gives another value in every run",
                "features must depend on the source's rows alone",
            )
        if isinstance(node, (exp.Placeholder, exp.Parameter)):
            raise ExpressionError("MF040", f"`{node.sql(DIALECT)}` has no value here")
