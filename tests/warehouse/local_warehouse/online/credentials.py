"""Short-lived passwords for the Postgres of an online store, as Lakebase gives them."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from warehouse.local_warehouse.online.times import now, written
from warehouse.local_warehouse.rest import PRINCIPAL


class Admission(Protocol):
    """A server that can let a role in."""

    def admit(self, role: str, password: str, until: str) -> None:
        """Let a role read every table with a password that expires."""


@dataclass(frozen=True)
class Credentials:
    """Passwords of the one principal: a new one ends the one before it."""

    server: Admission
    seconds: Callable[[], float]

    def generate(self) -> tuple[str, str]:
        """A password, and the instant at which it expires."""
        token = secrets.token_urlsafe(48)
        until = written(now() + dt.timedelta(seconds=self.seconds()))
        self.server.admit(PRINCIPAL, token, until)
        return token, until
