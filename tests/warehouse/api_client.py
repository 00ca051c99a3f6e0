"""The warehouse's REST API and controls for tests: call it, read its log, make it fail."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

PUBLISH = "POST /api/2.0/feature-store/tables/*/publish"
UPDATE = "POST /api/2.0/pipelines/*/updates"
_STATE = "SYNCED_TABLE_"
_WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.1


class Answer(NamedTuple):
    """What a call answered."""

    status: int
    document: dict[str, Any]


class SyncedTableError(Exception):
    """A synced table did not get where a test wanted it; the text has its state and message."""


@dataclass
class ApiClient:
    """Where a warehouse listens, and with which token."""

    folder: Path
    host: str
    port: int
    token: str
    certificate: Path
    postgres: str | None

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"

    def api(self, call: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Call the REST API: `GET /api/2.0/pipelines`; refusals are answers too."""
        method, path = call.split()
        return self._call(method, path, None if body is None else json.dumps(body).encode())

    def control(self, name: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call one of the control end points.

        Raises:
            HTTPError: It refused.
        """
        if name == "health":
            return self._open("GET", "/local/health", None)[1]
        return self._open("POST", f"/local/{name}", json.dumps(body or {}).encode())[1]

    def _call(self, method: str, path: str, data: bytes | None) -> Answer:
        try:
            return self._open(method, path, data)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, json.load(error))

    def _open(self, method: str, path: str, data: bytes | None) -> Answer:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=data,
            headers={"Authorization": f"Bearer {self.token}"},
        )
        context = ssl.create_default_context(cafile=str(self.certificate))
        with urllib.request.urlopen(request, context=context, timeout=60) as answer:
            return Answer(answer.status, json.load(answer))

    def requests(self, path: str = "") -> list[dict[str, Any]]:
        """The log of the REST API: method, path, query, body, status, caller, error_code, message.

        Args:
            path: A text that the path of every listed call has.
        """
        lines = (self.folder / "data" / "requests.jsonl").read_text("utf-8").splitlines()
        return [call for call in map(json.loads, lines) if path in call["path"]]

    def put_secret(self, scope: str, key: str, value: str | None = None) -> None:
        """Keep a secret for `secret('scope', 'key')`; the warehouse's token unless given."""
        value = self.token if value is None else value
        self.control("secret", {"scope": scope, "key": key, "value": value})

    def fail(
        self,
        call: str,
        status: int,
        error_code: str,
        message: str = "as the test wants it",
        times: int | None = 1,
    ) -> None:
        """Answer the next calls of the REST API with an error.

        Args:
            call: Method and path, such as `POST /api/2.0/feature-store/tables/*/publish`.
            status: HTTP status.
            error_code: Databricks' error code.
            message: Databricks' text.
            times: How many calls; None until `lift`.
        """
        method, path = call.split()
        body = {"status": status, "error_code": error_code, "message": message, "times": times}
        self.control("fault", {"method": method, "path": path, **body})

    def forbid(self, call: str) -> None:
        """Answer a call with 403 PERMISSION_DENIED until `lift`."""
        self.fail(call, 403, "PERMISSION_DENIED", "User does not have permission", times=None)

    def fail_publish(self, status: int, error_code: str, message: str) -> None:
        """The next publish gets this answer."""
        self.fail(PUBLISH, status, error_code, message)

    def fail_update(self, status: int, error_code: str, message: str) -> None:
        """The next start of an update gets this answer."""
        self.fail(UPDATE, status, error_code, message)

    def throttle(self, call: str) -> None:
        """The next call gets 429 with Retry-After."""
        self.fail(call, 429, "RESOURCE_EXHAUSTED", "Too many requests, try again later")

    def lift(self) -> None:
        """No call fails on demand any more."""
        self.control("lift")

    # The online store ---------------------------------------------------------------------------

    def provision(self, *, tables: float = 0, stores: float = 0) -> None:
        """Seconds until the tables and stores that are made from now on are ready."""
        self.control("online/provision", {"tables": tables, "stores": stores})

    def hold_updates(self) -> None:
        """Updates stay running, so that another one gets 409, until `release_updates`."""
        self.control("online/hold", {"updates": True})

    def release_updates(self) -> None:
        """Updates go on."""
        self.control("online/hold", {"updates": False})

    def fail_sync(self, message: str, times: int = 1) -> None:
        """The next copies fail with a message."""
        self.control("online/fail-sync", {"message": message, "times": times})

    def expire_credentials(self, seconds: float) -> None:
        """How long the database credentials that are made from now on are valid."""
        self.control("online/expire", {"seconds": seconds})

    def behave(self) -> None:
        """No order of a test is in force any more: nothing fails, waits or is slow."""
        self.lift()
        self.control("online/behave")

    def online_dsn(self, catalog: str, user: str | None = None, password: str = "") -> str:
        """Address of the Postgres database that holds a catalog's online tables."""
        assert self.postgres is not None, "the warehouse was started without Postgres"
        parts = urlsplit(self.postgres)
        login = parts.netloc
        if user is not None:
            login = f"{quote(user, safe='')}:{quote(password, safe='')}@{login.rpartition('@')[2]}"
        return urlunsplit(parts._replace(netloc=login, path=f"/{quote(catalog, safe='')}"))

    def synced_table(self, name: str) -> dict[str, Any] | None:
        """A synced table as the database API shows it; nothing when it does not exist."""
        answer = self.api(f"GET /api/2.0/database/synced_tables/{name}")
        return answer.document if answer.status == 200 else None

    def sync_state(self, name: str) -> str | None:
        """Its detailed state without the prefix that all states have."""
        table = self.synced_table(name)
        if table is None:
            return None
        state: str = table["data_synchronization_status"]["detailed_state"]
        return state.removeprefix(_STATE)

    def processed_version(self, name: str) -> int | None:
        """The last version of the source that is online."""
        table = self.synced_table(name)
        synced = table["data_synchronization_status"].get("last_sync") if table else None
        return synced["delta_table_sync_info"]["delta_commit_version"] if synced else None

    def wait_online(
        self, name: str, version: int | None = None, timeout_seconds: float = _WAIT_SECONDS
    ) -> dict[str, Any]:
        """Wait until a table is online with no update running, and a version of its source is.

        Raises:
            SyncedTableError: It failed, or is not there in time.
        """
        until = time.monotonic() + timeout_seconds
        while True:
            table = self.synced_table(name) or {}
            status = table.get("data_synchronization_status", {})
            state = status.get("detailed_state", "missing").removeprefix(_STATE)
            if state in {"ONLINE_NO_PENDING_UPDATE", "ONLINE_CONTINUOUS_UPDATE"}:
                done = status["last_sync"]["delta_table_sync_info"]["delta_commit_version"]
                if version is None or done >= version:
                    return table
            if state.endswith("FAILED") or time.monotonic() > until:
                raise SyncedTableError(f"{name} is {state}: {status.get('message')}")
            time.sleep(_POLL_SECONDS)

    def wait_state(self, name: str, state: str, timeout_seconds: float = _WAIT_SECONDS) -> None:
        """Wait for a state such as `ONLINE_PIPELINE_FAILED`.

        Raises:
            SyncedTableError: It is in another one when the time is over.
        """
        until = time.monotonic() + timeout_seconds
        while self.sync_state(name) != state:
            if time.monotonic() > until:
                raise SyncedTableError(f"{name} is {self.sync_state(name)}, not {state}")
            time.sleep(_POLL_SECONDS)
