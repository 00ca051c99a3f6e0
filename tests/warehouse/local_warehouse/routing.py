"""Calls of the REST API by method and path, and errors in the form that Databricks gives them."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

_LOG = logging.getLogger(__name__)
_PARAMETER = re.compile(r"\{(\w+)\}")

Document = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A call outside the Thrift protocol; `query` is what follows the question mark."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""


@dataclass(frozen=True)
class Response:
    """A status and a document."""

    status: int
    document: Document
    headers: Mapping[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """A refusal: HTTP status, Databricks' error code, and a text."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text

    @property
    def response(self) -> Response:
        return Response(self.status, {"error_code": self.code, "message": self.text})


def invalid(text: str) -> ApiError:
    """A body or a parameter that is wrong."""
    return ApiError(400, "INVALID_PARAMETER_VALUE", text)


def missing(text: str) -> ApiError:
    """A resource that does not exist."""
    return ApiError(404, "RESOURCE_DOES_NOT_EXIST", text)


def conflict(text: str, code: str = "RESOURCE_CONFLICT") -> ApiError:
    """A resource that exists already or is busy."""
    return ApiError(409, code, text)


@dataclass(frozen=True)
class Call:
    """A matched call: the values in its path, its query and its body."""

    values: Mapping[str, str]
    query: Mapping[str, str]
    body: Document

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    def text(self, name: str) -> str:
        """A field of the body that must be a text.

        Raises:
            ApiError: It is missing or something else.
        """
        return text_of(self.body, name)


def text_of(document: Mapping[str, Any], name: str) -> str:
    """A field of a document that must be a text."""
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(f"Missing required field: {name}")
    return value


def page(name: str, items: Sequence[Document], call: Call, size: str = "page_size") -> Document:
    """One page of a list, and the token of the next one if there is one; a size of 0 is ours.

    Raises:
        ApiError: The page's size or token is no number.
    """
    try:
        count = int(call.query.get(size) or 0) or 100
        first = int(call.query.get("page_token") or 0)
    except ValueError as error:
        raise invalid(f"{size} and page_token must be numbers") from error
    if count < 0 or first < 0:
        raise invalid(f"{size} and page_token must not be negative")
    shown: Document = {name: list(items[first : first + count])}
    last = first + count >= len(items)
    return shown if last else {**shown, "next_page_token": str(first + count)}


Handler = Callable[[Call], Document]


@dataclass(frozen=True)
class Route:
    """One kind of call: `GET /api/2.0/things/{name}`."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler


def route(described: str, handler: Handler) -> Route:
    """A call by method and path; `{name}` stands for one part of the path."""
    method, path = described.split()
    parts = _PARAMETER.split(re.escape(path).replace(r"\{", "{").replace(r"\}", "}"))
    pattern = "".join(
        f"(?P<{part}>[^/]+)" if position % 2 else part for position, part in enumerate(parts)
    )
    return Route(method, re.compile(f"^{pattern}$"), handler)


class Router:
    """Routes, of which the first that matches answers."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)

    def answer(self, request: Request) -> Response | None:
        """One call, or nothing when no route has its method and path."""
        for item in self._routes:
            match = item.pattern.match(request.path)
            if match and item.method == request.method:
                values = {name: unquote(value) for name, value in match.groupdict().items()}
                return _answered(item.handler, values, request)
        return None


def _answered(handler: Handler, values: Mapping[str, str], request: Request) -> Response:
    try:
        call = Call(values, dict(parse_qsl(request.query)), body_of(request))
        return Response(200, handler(call))
    except ApiError as error:
        return error.response
    except Exception as error:  # noqa: BLE001 - the caller gets every error as an answer
        _LOG.exception("%s %s failed", request.method, request.path)
        return ApiError(500, "INTERNAL_ERROR", str(error)).response


def body_of(request: Request) -> Document:
    """The body as a JSON object; an empty body is an empty object.

    Raises:
        ApiError: It is something else.
    """
    try:
        document = json.loads(request.body or b"{}")
    except ValueError as error:
        text = f"Could not parse request object: {error}"
        raise ApiError(400, "MALFORMED_REQUEST", text) from error
    if not isinstance(document, dict):
        raise ApiError(400, "MALFORMED_REQUEST", "Could not parse request object: not an object")
    return document
