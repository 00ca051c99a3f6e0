"""Grants: kept and listed, never enforced (see the switch in `privileges.py`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from warehouse.local_warehouse.governance import Grant
from warehouse.local_warehouse.lexer import DOTTED, NAME, identifiers
from warehouse.local_warehouse.rules.rule import nothing, rule, text_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.local_warehouse.sessions import Session

_KINDS = "table|view|schema|database|catalog|function|volume|connection"
_OBJECT = rf"(?:({_KINDS})\s+)?({DOTTED})"


def _object(session: Session, kind: str | None, text: str) -> tuple[str, str]:
    if kind is None and text.lower() == "metastore":
        return "METASTORE", "metastore"
    kind = (kind or "table").lower().replace("database", "schema")
    if kind in {"catalog", "connection"}:
        return kind.upper(), identifiers(text)[0]
    if kind == "schema":
        return kind.upper(), ".".join(session.schema_name(text))
    return "TABLE", session.parsed_name(text).dotted


@rule(rf"(grant|revoke)\s+(.*?)\s+on\s+{_OBJECT}\s+(?:to|from)\s+(.+?)\s*$")
def grant(session: Session, match: re.Match[str]) -> pa.Table:
    """GRANT and REVOKE of any privilege."""
    kind, name = _object(session, match[3], match[4])
    for privilege in match[2].split(","):
        item = Grant(match[5].strip("`'\""), privilege.strip().upper(), kind, name)
        change = session.governance.grants.add
        if match[1].lower() == "revoke":
            change = session.governance.grants.discard
        change(item)
    return nothing()


@rule(rf"show\s+grants?\s+(?:(?:to\s+)?{NAME}\s+)?on\s+{_OBJECT}\s*$")
def show_grants(session: Session, match: re.Match[str]) -> pa.Table:
    """The grants on one object."""
    wanted = _object(session, match[1], match[2])
    rows = [tuple(item) for item in sorted(session.governance.grants) if item[2:] == wanted]
    return text_rows("Principal ActionType ObjectType ObjectKey", rows)


@rule(rf"alter\s+(?:table|view|schema|catalog|connection)\s+{DOTTED}\s+(?:set\s+)?owner\s+to\s+")
def set_owner(session: Session, match: re.Match[str]) -> pa.Table:
    """There is one owner here."""
    del session, match
    return nothing()


RULES = [grant, show_grants, set_owner]
