"""CREATE and DROP of a foreign catalog."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from warehouse.local_warehouse.lexer import NAME, identifiers
from warehouse.local_warehouse.rules.rule import nothing, rule

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.local_warehouse.sessions import Session


@rule(
    rf"create\s+foreign\s+catalog\s+(if\s+not\s+exists\s+)?({NAME})\s+using\s+connection\s+({NAME})\s+"
    r"options\s*\(\s*database\s*=?\s*'([^']+)'\s*\)\s*$"
)
def create_foreign_catalog(session: Session, match: re.Match[str]) -> pa.Table:
    """A database of the connection's server becomes a catalog that can be read."""
    foreign, name = session.workspace.foreign, identifiers(match[2])[0]
    if not (match[1] and name in foreign):
        foreign.create(name, identifiers(match[3])[0], match[4])
    return nothing()


@rule(rf"drop\s+catalog\s+(?:if\s+exists\s+)?({NAME})(?:\s+(?:cascade|restrict))?\s*$")
def drop_foreign_catalog(session: Session, match: re.Match[str]) -> pa.Table | None:
    """A foreign catalog goes; others are not dropped here."""
    foreign, name = session.workspace.foreign, identifiers(match[1])[0]
    if name not in foreign:
        return None
    foreign.drop(name)
    return nothing()


RULES = [create_foreign_catalog, drop_foreign_catalog]
