"""Where the Postgres of an online store is, and a password that is renewed before it expires."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mlforge_sql.online.databricks.api import Credential, WorkspaceApi
from mlforge_sql.online.model import utc_now
from mlforge_sql.online.postgres.address import KEEPALIVE, ssl_mode

EARLY = timedelta(minutes=5)
"""So long before its end a password is renewed, or half way where it is valid for less than twice that."""


@dataclass
class LakebaseAddress:
    """How to connect to the Postgres of an online store; asked anew for every connection.

    Connections outlive the password that they were made with, so only new ones need a valid one.

    Attributes:
        api: The workspace.
        store: Name of the online store.
        database: Finds the name of the database.
        connect_timeout: Seconds after which the server counts as unreachable.
        now: The clock.
    """

    api: WorkspaceApi
    store: str
    database: Callable[[], str]
    connect_timeout: int
    now: Callable[[], datetime] = utc_now
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _fixed: dict[str, Any] = field(default_factory=dict, repr=False)
    _credential: Credential | None = field(default=None, repr=False)
    _renew_at: datetime = field(default=datetime.min, repr=False)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Connection parameters, with a valid password.

        Raises:
            OnlineError: The workspace refuses, or does not answer.
        """
        with self._lock:
            if not self._fixed:
                self._fixed = self._found()
            if self._credential is None or self.now() >= self._renew_at:
                self._renew()
            assert self._credential is not None
            return {**self._fixed, "password": self._credential.password}

    def _found(self) -> dict[str, Any]:
        host = self.api.host(self.store)
        found: dict[str, Any] = {
            "host": host,
            "dbname": self.database(),
            "user": self.api.user(),
            "connect_timeout": self.connect_timeout,
            "tcp_user_timeout": self.connect_timeout * 1000,
            "application_name": "mlforge",
            "client_encoding": "utf8",
            **KEEPALIVE,
        }
        mode = ssl_mode(None, None, None, [host])
        if mode is None:  # this machine
            return found
        return {**found, "sslmode": ssl_mode(mode, os.environ.get("PGSSLMODE"), None, [host])}

    def forget(self) -> None:
        """Ask for another password before the next connection: this one was refused."""
        with self._lock:
            self._credential = None

    def _renew(self) -> None:
        started = self.now()
        credential = self.api.credential(self.store)
        valid = credential.expires - started
        self._renew_at = credential.expires - min(EARLY, valid / 2)
        self._credential = credential

    @property
    def place(self) -> str:
        """Host and database, to be shown."""
        if not self._fixed:
            return f"online store {self.store}"
        return f"{self._fixed['host']}/{self._fixed['dbname']}"

    def scrubbed(self, text: str) -> str:
        """A text without the password."""
        secret = self._credential.password if self._credential else ""
        return text.replace(secret, "***") if secret else text
