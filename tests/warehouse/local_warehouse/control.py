"""The end points for tests: health, reset, and the failure switches."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from warehouse.local_warehouse.privileges import Privileges
from warehouse.local_warehouse.routing import Request, Response
from warehouse.local_warehouse.switches import Switches

PREFIX = "/local/"
HEALTH = "/local/health"

Action = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Control:
    """`/local/...`: GET health; POST reset, deny, allow, stop, delay, unavailable, and others."""

    privileges: Privileges
    switches: Switches
    reset: Callable[[], None]
    others: Mapping[str, Action] = field(default_factory=dict)

    def answer(self, request: Request) -> Response:
        """One call."""
        if request.path == HEALTH:
            return Response(200, {"state": "RUNNING", "pid": os.getpid()})
        actions: dict[str, Action] = {
            "/local/reset": self._reset,
            "/local/deny": self._deny,
            "/local/allow": self._allow,
            "/local/stop": self._stop,
            "/local/delay": self._delay,
            "/local/unavailable": self._unavailable,
            **{PREFIX + name: action for name, action in self.others.items()},
        }
        action = actions.get(request.path)
        if action is None or request.method != "POST":
            return Response(404, {"message": f"no such control: {request.method} {request.path}"})
        try:
            action(json.loads(request.body or b"{}"))
        except (KeyError, ValueError) as error:
            return Response(400, {"message": f"bad body for {request.path}: {error!r}"})
        return Response(200, {})

    def _reset(self, body: dict[str, Any]) -> None:
        """Drop every schema and table, clear the log, all switches off."""
        del body
        self.privileges.allow_all()
        self.switches.off()
        self.reset()

    def _deny(self, body: dict[str, Any]) -> None:
        self.privileges.deny(body["privilege"])

    def _allow(self, body: dict[str, Any]) -> None:
        del body
        self.privileges.allow_all()

    def _stop(self, body: dict[str, Any]) -> None:
        """`{"after": 5}` more statements, or `{"at": "merge into"}` in a statement's text."""
        if not {"after", "at"} & set(body):
            raise KeyError("after or at")
        self.switches.stop_after = int(body["after"]) if "after" in body else None
        self.switches.stop_at = body.get("at")

    def _delay(self, body: dict[str, Any]) -> None:
        """`{"seconds": 2}` before each statement."""
        self.switches.delay_seconds = float(body["seconds"])

    def _unavailable(self, body: dict[str, Any]) -> None:
        """`{"requests": 3}`: the next calls get status 503 with Retry-After."""
        self.switches.unavailable = int(body["requests"])
