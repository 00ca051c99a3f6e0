"""User SQL: parsed once, here, into expressions that the rest of the compiler can carry around.

An expression must be *row by row*: its value depends on one row of the source and nothing else, so
it can neither look into the future nor change from run to run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError, TokenError
from sqlglot.tokenizer_core import TokenType

from mlforge_sql.types import ColumnType

LONGEST, MOST_PARTS, DEEPEST = 100_000, 2_000, 600
"""Characters of one expression, its parts without literals, and how deep they are nested.

A sum of a hundred terms is nested a hundred deep; DuckDB takes no more than a thousand.
"""

_APART = "take it apart in a dbt model and name that as `model:`"

DIALECT = "duckdb"
"""The dialect in which users write expressions."""

RESERVED = frozenset(
    # DuckDB's reserved, type and column-name keywords, and Spark's strict non-reserved ones.
    [
        "all",
        "analyse",
        "analyze",
        "and",
        "anti",
        "any",
        "array",
        "as",
        "asc",
        "asof",
        "asymmetric",
        "at",
        "authorization",
        "between",
        "bigint",
        "binary",
        "bit",
        "boolean",
        "both",
        "by",
        "case",
        "cast",
        "char",
        "character",
        "check",
        "coalesce",
        "collate",
        "collation",
        "column",
        "columns",
        "concurrently",
        "constraint",
        "create",
        "cross",
        "dec",
        "decimal",
        "default",
        "deferrable",
        "desc",
        "describe",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "exists",
        "extract",
        "false",
        "fetch",
        "float",
        "for",
        "foreign",
        "freeze",
        "from",
        "full",
        "generated",
        "glob",
        "group",
        "grouping",
        "grouping_id",
        "having",
        "ilike",
        "in",
        "initially",
        "inner",
        "inout",
        "int",
        "integer",
        "intersect",
        "interval",
        "into",
        "is",
        "isnull",
        "join",
        "lambda",
        "lateral",
        "leading",
        "left",
        "like",
        "limit",
        "map",
        "minus",
        "national",
        "natural",
        "nchar",
        "none",
        "not",
        "notnull",
        "null",
        "nullif",
        "numeric",
        "offset",
        "on",
        "only",
        "or",
        "order",
        "out",
        "outer",
        "overlaps",
        "overlay",
        "pivot",
        "pivot_longer",
        "pivot_wider",
        "placing",
        "position",
        "positional",
        "precision",
        "primary",
        "qualify",
        "real",
        "references",
        "returning",
        "right",
        "row",
        "select",
        "semi",
        "setof",
        "show",
        "similar",
        "smallint",
        "some",
        "struct",
        "substring",
        "summarize",
        "symmetric",
        "table",
        "tablesample",
        "then",
        "time",
        "timestamp",
        "to",
        "trailing",
        "treat",
        "trim",
        "true",
        "try_cast",
        "tuple",
        "union",
        "unique",
        "unpack",
        "unpivot",
        "using",
        "values",
        "varchar",
        "variadic",
        "verbose",
        "when",
        "where",
        "window",
        "with",
        "xmltable",
    ]
)
_TEXT = re.compile(r"'(?:[^']|'')*'")
_QUOTED = re.compile(rf'{_TEXT.pattern}|"(?:[^"]|"")*"')
_CALL = re.compile(r'\b([a-z_][a-z0-9_]*)"?\(')
_SAFE = re.compile(r"[a-z_][a-z0-9_]*")

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


class ExpressionError(ValueError):
    """User SQL that cannot be used. ``code`` is the diagnostic's code, ``hint`` the next step."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


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


_TYPE = "mlforge_type"


def annotate(node: exp.Expr, kind: ColumnType) -> None:
    """Note what type DuckDB gives to a part of an expression; copies of the part keep it."""
    node.meta[_TYPE] = kind


def known_type(node: exp.Expr) -> ColumnType | None:
    """The type that DuckDB gives to a part of an expression; None when nobody has noted it."""
    found = node.meta.get(_TYPE)
    return found if isinstance(found, ColumnType) else None


_OWNER = "mlforge_owner"


def own(tree: exp.Expr, owner: str) -> None:
    """Note whose expression it is, such as ``feature `spend```; copies of the tree keep it."""
    tree.meta[_OWNER] = owner


def owner_of(tree: exp.Expr) -> str | None:
    """Whose expression it is; None when nobody has noted it."""
    found = tree.meta.get(_OWNER)
    return found if isinstance(found, str) else None


def failure_text(part: exp.Expr, owner: str | None) -> str:
    """What is said when an expression fails on a row: whose it is and what it reads, no value.

    Examples:
        >>> failure_text(parse_expression("cast(age as integer)").tree, "feature `visits`")
        'feature `visits`: an expression over `age` fails for some rows; give it a value for them'
    """
    names = dict.fromkeys(item.name for item in part.find_all(exp.Column, bfs=False))
    over = " and ".join(f"`{name}`" for name in names) or "constants"
    what = f"an expression over {over} fails for some rows; give it a value for them"
    return f"{owner}: {what}" if owner else what


@dataclass(frozen=True, slots=True)
class Expr:
    """One row-by-row SQL expression.

    Attributes:
        sql: Canonical text in the users' dialect; two expressions are equal when it is.
        tree: The parsed expression. Read-only: copy before changing it.
    """

    sql: str
    tree: exp.Expr = field(compare=False, repr=False)

    @classmethod
    def of(cls, tree: exp.Expr) -> Expr:
        """Wrap a sqlglot tree."""
        return cls(tree.sql(DIALECT, comments=False), tree)

    @classmethod
    def of_column(cls, name: str) -> Expr:
        """A bare column."""
        return cls.of(column(name))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns used, in order of appearance, as the user spelled them."""
        names = (item.name for item in self.tree.find_all(exp.Column, bfs=False))
        return tuple(dict.fromkeys(names))

    @property
    def functions(self) -> tuple[str, ...]:
        """Lower-case names of the functions called in DuckDB's text of the expression."""
        return tuple(dict.fromkeys(_CALL.findall(_TEXT.sub("''", self.sql.lower()))))

    @property
    def column_name(self) -> str | None:
        """The column's name when the expression is nothing but a column."""
        return self.tree.name if isinstance(self.tree, exp.Column) else None

    def substitute(self, values: Mapping[str, Expr]) -> Expr:
        """Replace columns by expressions; names are compared without regard to case."""

        def replace(node: exp.Expr) -> exp.Expr:
            if isinstance(node, exp.Column):
                value = values.get(node.name.casefold())
                if value is not None:
                    tree = value.tree.copy()
                    kind = known_type(node)
                    if kind is not None and known_type(tree) is None:
                        annotate(tree, kind)
                    return tree if isinstance(tree, exp.Column) else exp.paren(tree, copy=False)
            return node

        if isinstance(self.tree, exp.Column):
            return values.get(self.tree.name.casefold(), self)
        return Expr.of(self.tree.copy().transform(replace, copy=False))


@dataclass(frozen=True, slots=True)
class RowQuery:
    """What a feature takes from its source: named expressions and a filter.

    Attributes:
        projections: Output name and expression, in order; None for ``select *``.
        where: Filter, or None.
        source: The relation named in ``from``.
    """

    projections: tuple[tuple[str, Expr], ...] | None
    where: Expr | None
    source: str


def both(one: Expr, other: Expr) -> Expr:
    """Whether both are true."""
    return Expr.of(exp.and_(one.tree.copy(), other.tree.copy(), copy=False))


def is_null(value: Expr) -> Expr:
    """Whether a column is NULL."""
    return Expr.of(exp.Is(this=value.tree.copy(), expression=exp.Null()))


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
