"""The online store over a session, a source and a target that only remember."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from warehouse.local_warehouse.governance import Constraint, TableName
from warehouse.local_warehouse.online.controls import OnlineControls
from warehouse.local_warehouse.online.credentials import Credentials
from warehouse.local_warehouse.online.database_routes import database_routes
from warehouse.local_warehouse.online.delta_source import Head, Rows
from warehouse.local_warehouse.online.feature_store_routes import feature_store_routes
from warehouse.local_warehouse.online.parts import OnlineParts
from warehouse.local_warehouse.online.pipeline_routes import pipeline_routes
from warehouse.local_warehouse.online.postgres_routes import postgres_routes
from warehouse.local_warehouse.online.publishing import Publisher
from warehouse.local_warehouse.online.stores import OnlineStores
from warehouse.local_warehouse.online.sync_worker import SyncWorker
from warehouse.local_warehouse.online.synced_tables import Placement, SyncedTables
from warehouse.local_warehouse.routing import Request, Router
from warehouse.tests.stand_in import ORDERS, RecordingEngine, StandIn

COMMITTED = dt.datetime(2024, 1, 2, tzinfo=dt.UTC)
FEED = {"delta.enableChangeDataFeed": "true"}


@dataclass
class RememberingSource:
    """A table's versions: each is what was written since the one before."""

    table_id: str = "id-1"
    version: int = 0
    maintained: int = 0
    """How many of the versions, at the end, changed no row."""
    asked: list[str] = field(default_factory=list)
    failure: Exception | None = None

    def head(self, table: TableName) -> Head:
        del table
        if self.failure is not None:
            raise self.failure
        changed = self.version - self.maintained
        return Head(self.table_id, self.version, changed, COMMITTED, self._mark)

    @property
    def _mark(self) -> tuple[str, int]:
        return self.table_id, self.version

    def mark(self, table: TableName) -> object:
        del table
        return self._mark

    def snapshot(self, table: TableName, placement: Placement, version: int) -> Rows:
        del placement
        self.asked.append(f"snapshot {table.table} {version}")
        return self._rows(version)

    def changes(self, table: TableName, placement: Placement, first: int, last: int) -> Rows:
        del placement
        self.asked.append(f"changes {table.table} {first}-{last}")
        return self._rows(last)

    def _rows(self, version: int) -> Rows:
        return Rows(pa.table({"version": [version]}))


@dataclass
class RememberingTarget:
    """What was done to Postgres."""

    done: list[str] = field(default_factory=list)
    admitted: list[tuple[str, str]] = field(default_factory=list)
    failure: Exception | None = None

    def replace(self, placement: Placement, rows: Rows) -> None:
        self._do("replace", placement, rows)

    def apply(self, placement: Placement, rows: Rows) -> None:
        self._do("apply", placement, rows)

    def drop(self, placement: Placement) -> None:
        self.done.append(f"drop {placement.database}.{placement.schema}.{placement.table}")

    def admit(self, role: str, password: str, until: str) -> None:
        assert password
        self.admitted.append((role, until))

    def _do(self, verb: str, placement: Placement, rows: Rows) -> None:
        if self.failure is not None:
            raise self.failure
        version = rows.table["version"][0].as_py()
        self.done.append(f"{verb} {placement.schema}.{placement.table} {version}")


def described(properties: dict[str, str]) -> pa.Table:
    """What DESCRIBE DETAIL answers."""
    kind = pa.map_(pa.string(), pa.string())
    return pa.table(
        {
            "id": ["id-1"],
            "location": ["file:/nowhere"],
            "properties": pa.array([list(properties.items())], kind),
        }
    )


@dataclass
class OnlineStandIn:
    """Calls by method and path; the worker does a step when it is told to."""

    properties: dict[str, str] = field(default_factory=lambda: dict(FEED))
    keys: tuple[str, ...] = ("order_id",)
    time_series: str | None = None
    source: RememberingSource = field(default_factory=RememberingSource)
    target: RememberingTarget = field(default_factory=RememberingTarget)
    controls: OnlineControls = field(default_factory=OnlineControls)

    def __post_init__(self) -> None:
        engine = RecordingEngine(answers={"describe detail": described(self.properties)})
        self.stand_in = StandIn(engine)
        session = self.stand_in.session
        if self.keys:
            key = Constraint("PRIMARY KEY", self.keys, self.time_series)
            session.notes(ORDERS).constraints["orders_pk"] = key
        stores, tables = OnlineStores(lambda: self.controls.store_seconds), SyncedTables()
        self.worker = SyncWorker(tables, self.source, self.target, self.controls)
        publisher = Publisher(session, stores, tables, self.controls, lambda catalog: catalog)
        credentials = Credentials(self.target, lambda: self.controls.token_seconds)
        self.parts = OnlineParts(stores, tables, publisher, self.worker, credentials, "127.0.0.1")
        self.router = Router(
            [
                *feature_store_routes(self.parts),
                *database_routes(self.parts),
                *postgres_routes(self.parts),
                *pipeline_routes(self.parts),
            ]
        )

    def call(
        self, method: str, path: str, body: Any = None, query: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """Status and document of a call."""
        text = json.dumps(body or {}).encode()
        answer = self.router.answer(Request(method, f"/api/2.0/{path}", {}, text, query))
        assert answer is not None, f"no route for {method} {path}"
        return answer.status, answer.document

    def done(self, method: str, path: str, body: Any = None, query: str = "") -> dict[str, Any]:
        """The document of a call that must succeed."""
        status, document = self.call(method, path, body, query)
        assert status == 200, document
        return document

    def store(self, name: str = "shop-store") -> dict[str, Any]:
        """A new store."""
        body = {"name": name, "capacity": "CU_1"}
        return self.done("POST", "feature-store/online-stores", body)

    def publish(
        self, mode: str = "TRIGGERED", source: str = "main.shop.orders", **changes: str
    ) -> tuple[int, dict[str, Any]]:
        """Publish the orders."""
        spec = {
            "online_store": "shop-store",
            "online_table_name": "main.shop.orders_online",
            "publish_mode": mode,
            **changes,
        }
        return self.call("POST", f"feature-store/tables/{source}/publish", {"publish_spec": spec})

    def online(self, mode: str = "TRIGGERED") -> str:
        """A published table whose first copy is done; the id of its pipeline."""
        self.store()
        status, document = self.publish(mode)
        assert status == 200, document
        assert self.worker.step()
        return str(document["pipeline_id"])

    def status(self) -> dict[str, Any]:
        """The state of the published table."""
        document = self.done("GET", "database/synced_tables/main.shop.orders_online")
        found: dict[str, Any] = document["data_synchronization_status"]
        return found

    def state(self) -> str:
        """The detailed state, without the prefix that all have."""
        return str(self.status()["detailed_state"]).removeprefix("SYNCED_TABLE_")
