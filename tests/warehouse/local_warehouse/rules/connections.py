"""CREATE, DROP, SHOW and DESCRIBE CONNECTION, and `http_request` in a query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from warehouse.local_warehouse.connections import HttpConnection, checked
from warehouse.local_warehouse.errors import WarehouseError
from warehouse.local_warehouse.http_function import CALL, has_call
from warehouse.local_warehouse.lexer import (
    NAME,
    identifiers,
    parenthesis,
    plain,
    split,
    strings,
    wildcard,
)
from warehouse.local_warehouse.rest import PRINCIPAL
from warehouse.local_warehouse.rules.rule import nothing, rule, text_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.local_warehouse.sessions import Session

_STRING = r"'((?:[^'\\]|\\.)*)'"
_OPTION = re.compile(rf"(\w+|'\w+'|`\w+`)\s*=?\s*{_STRING}\s*$", re.DOTALL)
_SECRET = re.compile(
    rf"(\w+|'\w+'|`\w+`)\s*=?\s*secret\s*\(\s*{_STRING}\s*,\s*{_STRING}\s*\)\s*$",
    re.IGNORECASE | re.DOTALL,
)
_COMMENT = re.compile(r"\bcomment\s+", re.IGNORECASE)
_LITERAL = re.compile(
    rf"(['`]?\b(?:bearer_token|client_secret|password)\b['`]?\s*=?\s*){_STRING}",
    re.IGNORECASE | re.DOTALL,
)


def without_secrets(sql: str) -> str:
    """A statement for the log: a token that stands in it as a literal is blacked out."""
    return _LITERAL.sub(r"\1'[REDACTED]'", sql)


@rule(
    rf"create\s+(?:connection|server)\s+(if\s+not\s+exists\s+)?({NAME})\s+"
    r"type\s+(\w+)\s+options\s*(\(.*)$"
)
def create_connection(session: Session, match: re.Match[str]) -> pa.Table:
    """A connection of type HTTP or POSTGRESQL, the only types here; secrets are read at once."""
    name, kind = identifiers(match[2])[0], match[3].upper()
    if kind not in {"HTTP", "POSTGRESQL"}:
        text = (
            f"Cannot create connection of type '{kind}'. Supported connection types in the local "
            "warehouse: HTTP, POSTGRESQL."
        )
        raise WarehouseError("CONNECTION_TYPE_NOT_SUPPORTED", text, "42000")
    connections, foreign = session.workspace.connections, session.workspace.foreign
    if match[1] and (name in connections or foreign.has_connection(name)):
        return nothing()
    inside, rest = parenthesis(match[4])
    options = dict(_option(session, part) for part in split(inside))
    if kind == "POSTGRESQL":
        foreign.connect(name, options)
        return nothing()
    checked(name, options)
    comment = next(iter(strings(rest)), None) if _COMMENT.match(rest.strip()) else None
    connections.add(HttpConnection(name, options, PRINCIPAL, comment))
    return nothing()


def _option(session: Session, text: str) -> tuple[str, str]:
    found = _SECRET.match(text.strip())
    if found:
        value = session.workspace.secrets.get(plain(found[2]), plain(found[3]))
    else:
        found = _OPTION.match(text.strip())
        if found is None:
            shown = without_secrets(text.strip())
            raise WarehouseError("PARSE_SYNTAX_ERROR", f"Syntax error at or near {shown}.", "42601")
        value = plain(found[2])
    return found[1].strip("'`").lower(), value


@rule(rf"drop\s+(?:connection|server)\s+(if\s+exists\s+)?({NAME})\s*$")
def drop_connection(session: Session, match: re.Match[str]) -> pa.Table:
    """The connection goes; its grants go with it."""
    name = identifiers(match[2])[0]
    connections = session.workspace.connections
    if session.workspace.foreign.has_connection(name):
        session.workspace.foreign.disconnect(name)
        return nothing()
    if match[1] and name not in connections:
        return nothing()
    connections.drop(name)
    session.governance.grants -= {
        item for item in session.governance.grants if item[2:] == ("CONNECTION", name)
    }
    return nothing()


@rule(r"show\s+connections(?:\s+like)?(?:\s+'(.*)')?\s*$")
def show_connections(session: Session, match: re.Match[str]) -> pa.Table:
    """Every connection: name, type, where it leads, comment."""
    listed = wildcard(match[1] or "*")
    rows = [
        (item.name, "HTTP", item.credential_type, item.comment)
        for item in session.workspace.connections.all()
        if listed.match(item.name)
    ]
    return text_rows("name connection_type credential_type comment", rows)


@rule(rf"(?:describe|desc)\s+(?:connection|server)\s+({NAME})\s*$")
def describe_connection(session: Session, match: re.Match[str]) -> pa.Table:
    """What may be known about one connection."""
    item = session.workspace.connections.get(identifiers(match[1])[0])
    created = item.created.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    options = ", ".join(f"({key}, '{value}')" for key, value in item.shown_options.items())
    rows = [
        ("name", item.name),
        ("Connection Type", "HTTP"),
        ("Credential Type", item.credential_type),
        ("Url", item.url),
        ("Owner", item.owner),
        ("Created At", created),
        ("Created By", item.owner),
        ("Comment", item.comment),
        ("Options", f"({options})"),
    ]
    return text_rows("info_name info_value", rows)


@rule(rf"(?:select|with)\b.*\b{CALL}\s*\(")
def http_request(session: Session, match: re.Match[str]) -> pa.Table | None:
    """A query that calls the API: the calls are made first, their answers are literals in it."""
    return session.spark(match.string) if has_call(match.string) else None


RULES = [create_connection, drop_connection, show_connections, describe_connection, http_request]
