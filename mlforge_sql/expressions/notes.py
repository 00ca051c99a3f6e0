"""What is noted of a part of an expression: the type that DuckDB gives it, and whose it is."""

from __future__ import annotations

from sqlglot import exp

from mlforge_sql.types import ColumnType

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
        >>> from mlforge_sql.expressions import parse_expression
        >>> failure_text(parse_expression("cast(age as integer)").tree, "feature `visits`")
        'feature `visits`: an expression over `age` fails for some rows; give it a value for them'
    """
    names = dict.fromkeys(item.name for item in part.find_all(exp.Column, bfs=False))
    over = " and ".join(f"`{name}`" for name in names) or "constants"
    what = f"an expression over {over} fails for some rows; give it a value for them"
    return f"{owner}: {what}" if owner else what
