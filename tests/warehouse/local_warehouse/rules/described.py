"""`(describe history t)` inside a query, which Spark parses only as a statement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from warehouse.local_warehouse.lexer import DOTTED

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.local_warehouse.sessions import Session

_SUBQUERY = re.compile(
    rf"\(\s*((?:describe|desc)\s+(?:history|detail)\s+{DOTTED}(?:\s+limit\s+\d+)?)\s*\)",
    re.IGNORECASE,
)


def without_described(session: Session, sql: str) -> tuple[str, dict[str, pa.Table]]:
    """The query with helper views in place of the descriptions, and their rows."""
    views: dict[str, pa.Table] = {}

    def replace(match: re.Match[str]) -> str:
        name = f"__described_{len(views)}"
        views[name] = session.spark(match[1])
        return f"(select * from `{name}`)"

    return _SUBQUERY.sub(replace, sql), views
