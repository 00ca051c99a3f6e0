"""Online stores: one Lakebase instance each, with the three names that the APIs give it."""

from __future__ import annotations

import datetime as dt
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from warehouse.local_warehouse.online.times import now, written
from warehouse.local_warehouse.rest import PRINCIPAL
from warehouse.local_warehouse.routing import (
    ApiError,
    Document,
    conflict,
    invalid,
    missing,
    text_of,
)

CAPACITIES = ("CU_1", "CU_2", "CU_4", "CU_8")
BRANCH, ENDPOINT = "production", "primary"
_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass
class OnlineStore:
    """An online store; it is ready at a reading of the monotonic clock."""

    name: str
    capacity: str
    ready_at: float
    read_replica_count: int = 0
    usage_policy_id: str | None = None
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: dt.datetime = field(default_factory=now)

    @property
    def state(self) -> str:
        return "AVAILABLE" if time.monotonic() >= self.ready_at else "STARTING"

    @property
    def document(self) -> Document:
        """As the feature store's API shows it."""
        shown = {
            "name": self.name,
            "capacity": self.capacity,
            "creation_time": written(self.created),
            "creator": PRINCIPAL,
            "read_replica_count": self.read_replica_count,
            "state": self.state,
        }
        policy = self.usage_policy_id
        return shown | ({"usage_policy_id": policy} if policy else {})

    def instance(self, host: str) -> Document:
        """As the database API shows it; the port is not a part of the answer."""
        return {
            "name": self.name,
            "uid": self.uid,
            "capacity": self.capacity,
            "effective_capacity": self.capacity,
            "creation_time": written(self.created),
            "creator": PRINCIPAL,
            "effective_node_count": 1,
            "effective_stopped": False,
            "read_write_dns": host,
            "state": self.state,
        }

    @property
    def project(self) -> Document:
        """As the Postgres API shows it: a project with one branch and one end point."""
        return {
            "name": f"projects/{self.name}",
            "uid": self.uid,
            "create_time": written(self.created),
            "update_time": written(self.created),
            "status": {
                "project_id": self.name,
                "display_name": self.name,
                "default_branch": self.branch_name,
                "owner": PRINCIPAL,
            },
        }

    @property
    def branch_name(self) -> str:
        return f"projects/{self.name}/branches/{BRANCH}"

    @property
    def endpoint_name(self) -> str:
        return f"{self.branch_name}/endpoints/{ENDPOINT}"

    @property
    def branch(self) -> Document:
        return {
            "name": self.branch_name,
            "parent": f"projects/{self.name}",
            "uid": self.uid,
            "create_time": written(self.created),
            "status": {"branch_id": BRANCH, "current_state": "READY", "default": True},
        }

    def endpoint(self, host: str) -> Document:
        ready = self.state == "AVAILABLE"
        return {
            "name": self.endpoint_name,
            "parent": self.branch_name,
            "uid": self.uid,
            "create_time": written(self.created),
            "status": {
                "endpoint_id": ENDPOINT,
                "endpoint_type": "ENDPOINT_TYPE_READ_WRITE",
                "current_state": "ACTIVE" if ready else "INIT",
                "disabled": False,
                "hosts": {"host": host},
            },
        }


@dataclass
class OnlineStores:
    """The stores of the workspace."""

    seconds: Callable[[], float] = lambda: 0.0
    """How long the next store takes to be ready."""
    _by_name: dict[str, OnlineStore] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def all(self) -> list[OnlineStore]:
        with self._lock:
            return [self._by_name[name] for name in sorted(self._by_name)]

    def get(self, name: str) -> OnlineStore:
        """A store by its name.

        Raises:
            ApiError: There is none.
        """
        with self._lock:
            store = self._by_name.get(name)
        if store is None:
            raise missing(f"Online store '{name}' does not exist.")
        return store

    def available(self, name: str) -> OnlineStore:
        """A store that can take tables.

        Raises:
            ApiError: There is none, or it is still starting.
        """
        store = self.get(name)
        if store.state != "AVAILABLE":
            text = f"Online store '{name}' is in state {store.state}; it must be AVAILABLE."
            raise ApiError(400, "INVALID_STATE", text)
        return store

    def create(self, body: Mapping[str, Any]) -> OnlineStore:
        """A new store from the body of the call.

        Raises:
            ApiError: Name or capacity is wrong, or the name is taken.
        """
        name = text_of(body, "name")
        if not _NAME.fullmatch(name):
            text = (
                f"Invalid online store name '{name}': it must have 1 to 63 lower-case letters, "
                "digits and hyphens, start with a letter and not end with a hyphen."
            )
            raise invalid(text)
        store = OnlineStore(
            name=name,
            capacity=_capacity(text_of(body, "capacity")),
            ready_at=time.monotonic() + self.seconds(),
            read_replica_count=int(body.get("read_replica_count") or 0),
            usage_policy_id=body.get("usage_policy_id"),
        )
        with self._lock:
            if name in self._by_name:
                raise conflict(f"Online store '{name}' already exists.", "ALREADY_EXISTS")
            self._by_name[name] = store
        return store

    def update(self, name: str, body: Mapping[str, Any], mask: str | None) -> OnlineStore:
        """Change the fields that the mask names; all given ones without a mask.

        Raises:
            ApiError: There is no such store, or a field cannot be changed.
        """
        store = self.get(name)
        fields = (mask or "*").split(",")
        changeable = ("capacity", "read_replica_count", "usage_policy_id")
        names = [key for key in changeable if key in body] if fields == ["*"] else fields
        unknown = sorted(set(names) - set(changeable))
        if unknown:
            raise invalid(f"The field(s) {', '.join(unknown)} of an online store are fixed.")
        if "capacity" in names:
            store.capacity = _capacity(text_of(body, "capacity"))
        if "read_replica_count" in names:
            store.read_replica_count = int(body.get("read_replica_count") or 0)
        if "usage_policy_id" in names:
            store.usage_policy_id = body.get("usage_policy_id")
        return store

    def delete(self, name: str) -> None:
        """Forget a store.

        Raises:
            ApiError: There is none.
        """
        self.get(name)
        with self._lock:
            self._by_name.pop(name, None)

    def clear(self) -> None:
        with self._lock:
            self._by_name.clear()


def _capacity(text: str) -> str:
    if text not in CAPACITIES:
        raise invalid(f"Invalid capacity '{text}'. Valid values are {', '.join(CAPACITIES)}.")
    return text
