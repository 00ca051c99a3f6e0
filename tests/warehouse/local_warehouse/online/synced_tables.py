"""A published table: where it comes from, where it goes, and how far it is."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from dataclasses import dataclass, field
from typing import Literal

from warehouse.local_warehouse.governance import TableName
from warehouse.local_warehouse.online.pipelines import Pipeline
from warehouse.local_warehouse.online.times import now, written
from warehouse.local_warehouse.routing import Document, conflict, missing

Mode = Literal["SNAPSHOT", "TRIGGERED", "CONTINUOUS"]
MODES: tuple[Mode, ...] = ("SNAPSHOT", "TRIGGERED", "CONTINUOUS")

RESOURCES = "SYNCED_TABLE_PROVISIONING_PIPELINE_RESOURCES"
INITIAL = "SYNCED_TABLE_PROVISIONING_INITIAL_SNAPSHOT"
IDLE = "SYNCED_TABLE_ONLINE_NO_PENDING_UPDATE"
UPDATING = "SYNCED_TABLE_ONLINE_TRIGGERED_UPDATE"
FOLLOWING = "SYNCED_TABLE_ONLINE_CONTINUOUS_UPDATE"
PIPELINE_FAILED = "SYNCED_TABLE_ONLINE_PIPELINE_FAILED"
OFFLINE_FAILED = "SYNCED_TABLE_OFFLINE_FAILED"
_MESSAGES = {
    RESOURCES: "The resources of the pipeline are being provisioned.",
    INITIAL: "The initial snapshot of the source table is being copied.",
    IDLE: "The table is online; no update is pending.",
    UPDATING: "The table is online; an update is running.",
    FOLLOWING: "The table is online and follows its source table.",
}


@dataclass(frozen=True)
class Placement:
    """A table of Postgres; with a time series only the latest row of a key is kept."""

    database: str
    schema: str
    table: str
    keys: tuple[str, ...]
    time_series: str | None = None


@dataclass(frozen=True)
class Position:
    """How far a source has been copied: through a version, of which another was the last with data.

    The APIs show the latter, so that a reader who compares it with a version of maintenance waits.
    """

    table_id: str
    read: int
    version: int
    committed: dt.datetime
    mark: object
    """What the head of the source's log was; another one means there is something new."""
    started: dt.datetime
    ended: dt.datetime


@dataclass
class SyncedTable:
    """A published table and its state."""

    name: TableName
    source: TableName
    store: str
    mode: Mode
    placement: Placement
    pipeline: Pipeline
    ready_at: float
    state: str = RESOURCES
    message: str = _MESSAGES[RESOURCES]
    position: Position | None = None
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: dt.datetime = field(default_factory=now)

    def enter(self, state: str) -> None:
        """Go into a state that is no failure."""
        self.state, self.message = state, _MESSAGES[state]

    def finish(self, position: Position) -> None:
        """A copy succeeded."""
        self.position = position
        self.enter(FOLLOWING if self.mode == "CONTINUOUS" else IDLE)

    def fail(self, message: str) -> None:
        """A copy failed; what is online stays online."""
        self.state = OFFLINE_FAILED if self.position is None else PIPELINE_FAILED
        self.message = message

    # As the APIs show it ------------------------------------------------------------------------

    @property
    def _spec(self) -> Document:
        spec: Document = {
            "source_table_full_name": self.source.dotted,
            "primary_key_columns": list(self.placement.keys),
            "scheduling_policy": self.mode,
            "create_database_objects_if_missing": True,
        }
        series = self.placement.time_series
        return spec | ({"timeseries_key": series} if series else {})

    @property
    def document(self) -> Document:
        """As the database API shows it."""
        return {
            "name": self.name.dotted,
            "database_instance_name": self.store,
            "effective_database_instance_name": self.store,
            "logical_database_name": self.placement.database,
            "effective_logical_database_name": self.placement.database,
            "spec": self._spec,
            "unity_catalog_provisioning_state": "ACTIVE",
            "data_synchronization_status": self._status,
        }

    @property
    def _status(self) -> Document:
        status: Document = {
            "detailed_state": self.state,
            "message": self.message,
            "pipeline_id": self.pipeline.identity,
        }
        done: Document = {}
        if self.position is not None:
            done = {
                "last_processed_commit_version": self.position.version,
                "timestamp": written(self.position.ended),
            }
            status["last_sync"] = {
                "delta_table_sync_info": {
                    "delta_commit_version": self.position.version,
                    "delta_commit_timestamp": written(self.position.committed),
                },
                "sync_start_timestamp": written(self.position.started),
                "sync_end_timestamp": written(self.position.ended),
            }
        if self.state in {RESOURCES, INITIAL}:
            return status | {"provisioning_status": {}}
        if self.state in {PIPELINE_FAILED, OFFLINE_FAILED}:
            return status | {"failed_status": done}
        if self.state == FOLLOWING:
            return status | {"continuous_update_status": done}
        return status | {"triggered_update_status": done}

    @property
    def postgres_document(self) -> Document:
        """As the Postgres API, the database API's successor, shows it."""
        status: Document = {
            "detailed_state": self.state,
            "message": self.message,
            "pipeline_id": self.pipeline.identity,
            "project": f"projects/{self.store}",
            "unity_catalog_provisioning_state": "ACTIVE",
        }
        if self.position is not None:
            status |= {
                "last_processed_commit_version": self.position.version,
                "last_sync_time": written(self.position.ended),
                "last_sync": {
                    "delta_table_sync_info": {
                        "delta_commit_version": self.position.version,
                        "delta_commit_time": written(self.position.committed),
                    },
                    "sync_start_time": written(self.position.started),
                    "sync_end_time": written(self.position.ended),
                },
            }
        return {
            "name": f"synced_tables/{self.name.dotted}",
            "uid": self.uid,
            "create_time": written(self.created),
            "spec": self._spec | {"postgres_database": self.placement.database},
            "status": status,
        }


@dataclass
class SyncedTables:
    """The published tables of the workspace; `changed` wakes the worker."""

    _by_name: dict[TableName, SyncedTable] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def all(self) -> list[SyncedTable]:
        with self.changed:
            return [self._by_name[name] for name in sorted(self._by_name)]

    def __contains__(self, table: object) -> bool:
        """Is this very table still published: another of its name is not."""
        with self.changed:
            return any(item is table for item in self._by_name.values())

    def get(self, name: TableName) -> SyncedTable:
        """A table by its three names.

        Raises:
            ApiError: There is none.
        """
        with self.changed:
            table = self._by_name.get(name)
        if table is None:
            raise missing(f"Synced table '{name.dotted}' does not exist.")
        return table

    def of_pipeline(self, identity: str) -> SyncedTable:
        """The table that a pipeline fills.

        Raises:
            ApiError: There is no such pipeline.
        """
        for table in self.all():
            if table.pipeline.identity == identity:
                return table
        raise missing(f"The specified pipeline {identity} was not found.")

    def add(self, table: SyncedTable) -> None:
        """Keep a new table.

        Raises:
            ApiError: Its name is taken.
        """
        with self.changed:
            if table.name in self._by_name:
                text = f"Online table '{table.name.dotted}' already exists."
                raise conflict(text, "ALREADY_EXISTS")
            self._by_name[table.name] = table
            self.changed.notify_all()

    def remove(self, table: SyncedTable) -> None:
        """Forget a table."""
        with self.changed:
            self._by_name.pop(table.name, None)
            self.changed.notify_all()
