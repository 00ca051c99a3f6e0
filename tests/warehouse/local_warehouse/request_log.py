"""Every call of the REST API as one line of JSON, without headers: they hold the token."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from warehouse.local_warehouse.routing import Request, Response

Caller = Literal["rest", "http_request"]
PREFIX = "/api/"
_SECRETS = frozenset({"token", "client_secret", "access_token", "password", "bearer_token"})


@dataclass(frozen=True)
class LoggedRequest:
    """One call: who made it, what it asked, how it ended."""

    method: str
    path: str
    query: str
    body: Any
    status: int
    caller: Caller
    error_code: str | None = None
    message: str | None = None
    at: float = field(default_factory=time.time)


class RequestLog:
    """A file that grows by a line per call."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text("", "utf-8")

    def add(self, request: Request, response: Response, caller: Caller) -> None:
        """Write a call of the API; the others (login, telemetry) are not kept."""
        if not request.path.startswith(PREFIX):
            return
        failed = response.status >= 400
        logged = LoggedRequest(
            method=request.method,
            path=request.path,
            query=request.query,
            body=_readable(request.body),
            status=response.status,
            caller=caller,
            error_code=str(response.document.get("error_code")) if failed else None,
            message=response.document.get("message") if failed else None,
        )
        line = json.dumps(asdict(logged), ensure_ascii=False)
        with self._lock, self._file.open("a", encoding="utf-8") as lines:
            lines.write(line + "\n")


def _readable(body: bytes) -> Any:
    if not body:
        return None
    try:
        return _without_secrets(json.loads(body))
    except ValueError:
        return body.decode("utf-8", "replace")


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: "[REDACTED]" if key.lower() in _SECRETS else _without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value
