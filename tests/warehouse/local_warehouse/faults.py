"""Answers on demand: the next calls of a path fail as a test says."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Self

from warehouse.local_warehouse.routing import Request, Response


@dataclass
class Fault:
    """What some calls get instead of their answer; `times` None means until it is lifted."""

    method: str
    path: str
    status: int
    error_code: str
    message: str
    times: int | None = 1

    @classmethod
    def of(cls, body: dict[str, Any]) -> Self:
        """From the body of the control call.

        Raises:
            KeyError: A field is missing.
        """
        times = body.get("times", 1)
        return cls(
            method=str(body["method"]).upper(),
            path=body["path"],
            status=int(body["status"]),
            error_code=body["error_code"],
            message=body["message"],
            times=None if times is None else int(times),
        )

    def takes(self, request: Request) -> bool:
        """Is this call meant: `*` in method and path stands for any text."""
        return fnmatchcase(request.method, self.method) and fnmatchcase(request.path, self.path)

    @property
    def response(self) -> Response:
        headers = {"Retry-After": "1"} if self.status in {429, 503} else {}
        document = {"error_code": self.error_code, "message": self.message}
        return Response(self.status, document, headers)


@dataclass
class Faults:
    """The faults that wait for their calls."""

    _waiting: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def lift(self) -> None:
        """No fault waits any more."""
        with self._lock:
            self._waiting.clear()

    def take(self, request: Request) -> Response | None:
        """The answer that a call must get instead of its own."""
        with self._lock:
            fault = next((item for item in self._waiting if item.takes(request)), None)
            if fault is None:
                return None
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
            return fault.response
