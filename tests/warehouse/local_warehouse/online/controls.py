"""What a test may order of the online store: be slow, wait, fail."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOKEN_SECONDS = 3600.0


@dataclass
class OnlineControls:
    """The orders that are in force; none at the start."""

    table_seconds: float = 0.0
    store_seconds: float = 0.0
    token_seconds: float = TOKEN_SECONDS
    held: bool = False
    _failures: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def provision(self, body: Mapping[str, Any]) -> None:
        """`{"tables": 2, "stores": 0}`: seconds until what is created next is ready."""
        self.table_seconds = float(body.get("tables", 0))
        self.store_seconds = float(body.get("stores", 0))

    def hold(self, body: Mapping[str, Any]) -> None:
        """`{"updates": true}`: updates stay running until false."""
        self.held = bool(body["updates"])

    def fail_sync(self, body: Mapping[str, Any]) -> None:
        """`{"message": "...", "times": 1}`: the next copies fail with a message."""
        with self._lock:
            self._failures += [str(body["message"])] * int(body.get("times", 1))

    def expire(self, body: Mapping[str, Any]) -> None:
        """`{"seconds": 2}`: how long the next credentials are valid."""
        self.token_seconds = float(body["seconds"])

    def take_failure(self) -> str | None:
        """The message with which this copy must fail."""
        with self._lock:
            return self._failures.pop(0) if self._failures else None

    def off(self, body: Mapping[str, Any] | None = None) -> None:
        """No order is in force any more."""
        del body
        with self._lock:
            self._failures.clear()
        self.table_seconds = self.store_seconds = 0.0
        self.token_seconds, self.held = TOKEN_SECONDS, False
