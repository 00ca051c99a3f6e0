"""Names that the steps of a rolling feature share."""

from __future__ import annotations

from sqlglot import exp

from mlforge_sql.expressions import identifier
from mlforge_sql.plan.nodes import Rolling, RollingColumn, Window

FLAG = "is_change_point"
"""Whether a row is a moment at which a value can change, and so a row of the feature."""


def free_name(node: Rolling, wanted: str) -> str:
    """The name of a column of ours, marked as such where a key has it."""
    taken = {node.tick.casefold(), *(name.casefold() for name, _ in node.keys)}
    while wanted.casefold() in taken:
        wanted = f"mlforge_{wanted}"
    return wanted


def over_name(measure: str, window: Window) -> str:
    """Column of a measure over a window."""
    return f"{measure}{window.suffix}"


def spread_name(item: RollingColumn) -> str:
    """Column of a std or a variance over a window."""
    if item.observation is None or item.spread is None:
        raise TypeError(item.name)
    return f"{item.observation.name}_{item.spread.name}{item.window.suffix}"


def over(aggregate: exp.Expr, window: str) -> exp.Expr:
    """``aggregate over window``, a window of the ``window`` clause."""
    return exp.Window(this=aggregate, alias=identifier(window), over="OVER")


def new_window(window: Window) -> str:
    """Name of the window over the block that a window ends in."""
    return f"{window.name}_new"


def old_window(window: Window) -> str:
    """Name of the window over the block before."""
    return f"{window.name}_old"
