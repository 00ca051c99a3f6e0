"""`http_request(...)` in a statement: called once, its answer is a literal for Spark.

Databricks evaluates the function in the query; here its arguments are evaluated on their own, the
call is made, and `named_struct('status_code', ..., 'text', ...)` takes its place. That is the same
as long as the call is made exactly once, so a call whose number of times depends on the query (in
a branch, beside a FROM) is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

from warehouse.local_warehouse.connections import HttpConnection
from warehouse.local_warehouse.errors import WarehouseError
from warehouse.local_warehouse.lexer import (
    Token,
    joined,
    literal,
    parenthesis,
    split,
    spoken,
    tokens,
)
from warehouse.local_warehouse.request_log import Caller
from warehouse.local_warehouse.routing import Request, Response

if TYPE_CHECKING:
    from warehouse.local_warehouse.sessions import Session

CALL = "http_request"
_ARGUMENTS = ("conn", "method", "path", "headers", "params", "json")
_REQUIRED = ("conn", "method", "path")
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH"})
_BRANCHES = frozenset(
    {"CASE", "IF", "IFF", "COALESCE", "NVL", "NVL2", "IFNULL", "WHERE", "HAVING", "FROM"}
)
_HERE = frozenset({"127.0.0.1", "localhost"})


class Api(Protocol):
    """What answers a call."""

    def answer(self, request: Request, caller: Caller) -> Response:
        """One call."""


@dataclass(frozen=True)
class ThisServer:
    """The workspace to which connections lead: the API and the port it is served on."""

    api: Api
    port: int

    def is_at(self, url: str) -> bool:
        """Is this address the server's own; a port of 443 stands for any."""
        parts = urlsplit(url)
        return parts.hostname in _HERE and (parts.port or 443) in {443, self.port}


@dataclass(frozen=True)
class Arguments:
    """The values of one call."""

    conn: str
    method: str
    path: str
    headers: Mapping[str, str]
    params: Mapping[str, str]
    json: str | None


def has_call(sql: str) -> bool:
    """Does a statement call the function."""
    pieces = tokens(sql)
    return any(_is_call(pieces, position) for position in range(len(pieces)))


def answered(session: Session, sql: str) -> str:
    """The statement with each call replaced by what it answered; the calls are made in order."""
    pieces = tokens(sql)
    output, position = [], 0
    while position < len(pieces):
        if not _is_call(pieces, position):
            output.append(pieces[position])
            position += 1
            continue
        _refuse_uncounted(pieces, position)
        opening = next(at for at in range(position, len(pieces)) if pieces[at].text == "(")
        inside, rest = parenthesis(joined(pieces[opening:]))
        response = _requested(session, _evaluated(session, _named(inside)))
        output.append(Token("operator", _struct(response)))
        position = len(pieces) - len(tokens(rest))
    return joined(output)


def _is_call(pieces: Sequence[Token], position: int) -> bool:
    piece = pieces[position]
    is_name = piece.kind == "word" and piece.text.lower() == CALL
    return is_name and spoken(pieces, position + 1).text == "("


def _refuse_uncounted(pieces: Sequence[Token], position: int) -> None:
    """Refuse a call that a query may make never or many times."""
    around, depth = _around(pieces, position)
    found = next((word for word in around if word in _BRANCHES), None)
    found = found or _clause_after(pieces, position, depth)
    if found is not None:
        text = (
            f"The local warehouse runs {CALL} once for each time it is written, which is not what "
            f"Databricks does with one beside or in {found}. Write it in a SELECT of its own, "
            "without FROM."
        )
        raise WarehouseError("UNSUPPORTED_FEATURE", text, "0A000")


def _around(pieces: Sequence[Token], position: int) -> tuple[list[str], int]:
    """Functions and CASE around a call, and how many parentheses, up to the SELECT it is in."""
    words: list[str] = []
    depth, closed, complete = 0, 0, 0
    for place in range(position - 1, -1, -1):
        piece = pieces[place]
        if piece.text == ")":
            closed += 1
        elif piece.text == "(" and closed:
            closed -= 1
        elif piece.text == "(":
            depth += 1
            words.append(spoken(pieces, place - 1, -1).upper)
        elif piece.kind == "word" and not closed:
            if piece.upper in {"SELECT", "WHERE", "HAVING", "FROM"}:
                return [*words, piece.upper], depth
            complete += piece.upper == "END"
            if piece.upper == "CASE":
                words += [] if complete else ["CASE"]
                complete -= complete > 0
    return words, depth


def _clause_after(pieces: Sequence[Token], position: int, depth: int) -> str | None:
    """The FROM, WHERE or HAVING of the SELECT that a call is in."""
    level = 0
    for piece in pieces[position + 1 :]:
        level += (piece.text == "(") - (piece.text == ")")
        if level < -depth or (level == -depth and piece.upper in {"UNION", "SELECT"}):
            return None
        if level == -depth and piece.upper in {"FROM", "WHERE", "HAVING"}:
            return piece.upper
    return None


def _named(inside: str) -> dict[str, str]:
    """The expressions of a call by their names."""
    found: dict[str, str] = {}
    for part in split(inside, "([", ")]"):
        name, arrow, expression = part.partition("=>")
        name = name.strip().lower()
        if not arrow or name not in _ARGUMENTS:
            text = f"{CALL} takes the named parameters {', '.join(_ARGUMENTS)}, not {part}."
            raise WarehouseError("UNRECOGNIZED_PARAMETER_NAME", text, "4274K")
        if name in found:
            text = f"Call to routine `{CALL}` is invalid because it includes `{name}` twice."
            raise WarehouseError(
                "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.DOUBLE_NAMED_ARGUMENT_REFERENCE",
                text,
                "4274K",
            )
        found[name] = expression.strip()
    for name in _REQUIRED:
        if name not in found:
            text = f"Cannot invoke routine `{CALL}` because the parameter `{name}` is required."
            raise WarehouseError("REQUIRED_PARAMETER_NOT_FOUND", text, "4274K")
    return found


def _evaluated(session: Session, expressions: Mapping[str, str]) -> Arguments:
    """The values, which Spark evaluates."""
    columns = ", ".join(f"{expression} as `{name}`" for name, expression in expressions.items())
    values: dict[str, Any] = session.spark(f"select {columns}").to_pylist()[0]
    for name in _REQUIRED:
        if not isinstance(values[name], str):
            text = f"The parameter `{name}` of `{CALL}` must be a STRING constant."
            raise WarehouseError("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", text, "42K09")
    body = values.get("json")
    return Arguments(
        conn=str(values["conn"]),
        method=str(values["method"]).upper(),
        path=str(values["path"]),
        headers=dict(values.get("headers") or ()),
        params=dict(values.get("params") or ()),
        json=None if body is None else str(body),
    )


def _requested(session: Session, given: Arguments) -> Response:
    """Make the call with the connection's identity."""
    connection = session.workspace.connections.get(given.conn)
    session.workspace.privileges.demand("USE CONNECTION", f"Connection '{connection.name}'")
    if given.method not in _METHODS:
        text = f"{given.method} is no method of {CALL}: {', '.join(sorted(_METHODS))}."
        raise WarehouseError("INVALID_PARAMETER_VALUE.HTTP_METHOD", text, "22023")
    if ".." in given.path.split("/"):
        text = f"The path {given.path} of {CALL} must not contain directory traversal."
        raise WarehouseError("INVALID_PARAMETER_VALUE.PATH", text, "22023")
    server = session.workspace.server
    if server is None or not server.is_at(connection.url):
        text = f"The local warehouse can call only itself, which is not at {connection.url}."
        raise WarehouseError("REMOTE_FUNCTION_HTTP_FAILED_ERROR", text, "57012")
    path, _, query = given.path.partition("?")
    request = Request(
        method=given.method,
        path=connection.base_path + path.lstrip("/"),
        headers={**given.headers, "Authorization": f"Bearer {_token(server, connection)}"},
        body=(given.json or "").encode(),
        query="&".join(part for part in (query, urlencode(given.params)) if part),
    )
    return server.api.answer(request, "http_request")


def _token(server: ThisServer, connection: HttpConnection) -> str:
    """The connection's token; one for machines is asked for first."""
    options = connection.options
    if "bearer_token" in options:
        return options["bearer_token"]
    endpoint = options["token_endpoint"]
    if not server.is_at(endpoint):
        text = f"The local warehouse can ask only itself for a token, not {endpoint}."
        raise WarehouseError("REMOTE_FUNCTION_HTTP_FAILED_ERROR", text, "57012")
    form = {
        "grant_type": "client_credentials",
        "client_id": options["client_id"],
        "client_secret": options["client_secret"],
        "scope": options.get("oauth_scope", "all-apis"),
    }
    asked = Request("POST", urlsplit(endpoint).path, {}, urlencode(form).encode())
    answer = server.api.answer(asked, "http_request")
    if answer.status != 200:
        text = (
            f"Connection '{connection.name}' got no token from {endpoint}: status {answer.status}, "
            f"{answer.document.get('error', '')}."
        )
        raise WarehouseError("REMOTE_FUNCTION_HTTP_FAILED_ERROR", text, "57012")
    return str(answer.document["access_token"])


def _struct(response: Response) -> str:
    text = literal(json.dumps(response.document))
    return f"named_struct('status_code', {response.status}, 'text', {text})"
