"""The pipeline of a published table: its updates, one at a time."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Literal

from warehouse.local_warehouse.online.times import now, written
from warehouse.local_warehouse.rest import PRINCIPAL
from warehouse.local_warehouse.routing import Document, missing

UpdateState = Literal["QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELED"]
_ACTIVE = frozenset({"QUEUED", "RUNNING"})


@dataclass
class Update:
    """One run of a pipeline."""

    full_refresh: bool
    cause: str = "API_CALL"
    state: UpdateState = "QUEUED"
    identity: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: dt.datetime = field(default_factory=now)

    @property
    def active(self) -> bool:
        return self.state in _ACTIVE

    @property
    def _milliseconds(self) -> int:
        return int(self.created.timestamp() * 1000)

    @property
    def summary(self) -> Document:
        return {
            "update_id": self.identity,
            "state": self.state,
            "creation_time": written(self.created),
        }

    def document(self, pipeline: str) -> Document:
        return {
            "update_id": self.identity,
            "pipeline_id": pipeline,
            "state": self.state,
            "cause": self.cause,
            "full_refresh": self.full_refresh,
            "creation_time": self._milliseconds,
        }


@dataclass
class Pipeline:
    """A pipeline with its updates, the newest first."""

    name: str
    continuous: bool
    identity: str = field(default_factory=lambda: str(uuid.uuid4()))
    updates: list[Update] = field(default_factory=list)

    @property
    def active(self) -> Update | None:
        """The update that is queued or running."""
        return next((update for update in self.updates if update.active), None)

    def start(self, update: Update) -> Update:
        """Queue an update."""
        self.updates.insert(0, update)
        return update

    def update(self, identity: str) -> Update:
        """One update.

        Raises:
            ApiError: There is none with this id.
        """
        found = next((item for item in self.updates if item.identity == identity), None)
        if found is None:
            raise missing(f"The specified update {identity} was not found.")
        return found

    @property
    def state(self) -> str:
        """IDLE, RUNNING, or FAILED; a continuous pipeline that did not fail is running."""
        if self.active is not None:
            return "RUNNING"
        if self.updates and self.updates[0].state == "FAILED":
            return "FAILED"
        return "RUNNING" if self.continuous else "IDLE"

    @property
    def document(self) -> Document:
        failed = self.state == "FAILED"
        return {
            "pipeline_id": self.identity,
            "name": self.name,
            "state": self.state,
            "health": "UNHEALTHY" if failed else "HEALTHY",
            "creator_user_name": PRINCIPAL,
            "run_as_user_name": PRINCIPAL,
            "latest_updates": [update.summary for update in self.updates],
            "spec": {"id": self.identity, "name": self.name, "continuous": self.continuous},
        }
