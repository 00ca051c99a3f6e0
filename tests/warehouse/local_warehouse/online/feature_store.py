"""The online feature store as a whole: its calls, its controls, its worker."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from warehouse.local_warehouse.engine import Engine
from warehouse.local_warehouse.online.controls import OnlineControls
from warehouse.local_warehouse.online.credentials import Credentials
from warehouse.local_warehouse.online.database_routes import database_routes
from warehouse.local_warehouse.online.delta_source import DeltaSource
from warehouse.local_warehouse.online.errors import SyncError
from warehouse.local_warehouse.online.feature_store_routes import feature_store_routes
from warehouse.local_warehouse.online.parts import OnlineParts
from warehouse.local_warehouse.online.pipeline_routes import pipeline_routes
from warehouse.local_warehouse.online.postgres_routes import postgres_routes
from warehouse.local_warehouse.online.postgres_target import PostgresTarget
from warehouse.local_warehouse.online.publishing import Publisher
from warehouse.local_warehouse.online.stores import OnlineStores
from warehouse.local_warehouse.online.sync_worker import SyncWorker
from warehouse.local_warehouse.online.synced_tables import SyncedTables
from warehouse.local_warehouse.routing import Route
from warehouse.local_warehouse.sessions import Session, Workspace


class OnlineFeatureStore:
    """Everything behind the feature store's calls."""

    def __init__(
        self, workspace: Workspace, new_engine: Callable[[], Engine], target: PostgresTarget
    ) -> None:
        self._controls = OnlineControls()
        stores, tables = OnlineStores(lambda: self._controls.store_seconds), SyncedTables()
        source = DeltaSource(Session(workspace, new_engine()))
        self._worker = SyncWorker(tables, source, target, self._controls)
        self.parts = OnlineParts(
            stores=stores,
            tables=tables,
            publisher=Publisher(
                session=Session(workspace, new_engine()),
                stores=stores,
                tables=tables,
                controls=self._controls,
                database_of=target.database_of,
            ),
            worker=self._worker,
            credentials=Credentials(target, lambda: self._controls.token_seconds),
            host=target.host,
        )

    def routes(self) -> list[Route]:
        """Every call."""
        return [
            *feature_store_routes(self.parts),
            *database_routes(self.parts),
            *postgres_routes(self.parts),
            *pipeline_routes(self.parts),
        ]

    def actions(self) -> Mapping[str, Callable[[dict[str, Any]], None]]:
        """The controls, by their names below `/local/`."""
        controls = self._controls
        return {
            "online/provision": controls.provision,
            "online/hold": controls.hold,
            "online/fail-sync": controls.fail_sync,
            "online/expire": controls.expire,
            "online/behave": controls.off,
        }

    def start(self) -> None:
        """Begin to copy."""
        self._worker.start()

    def stop(self) -> None:
        """Copy no more."""
        self._worker.stop()

    def reset(self) -> None:
        """Forget every store and table, and drop the rows in Postgres if it is there."""
        self._controls.off()
        for table in self.parts.tables.all():
            with contextlib.suppress(SyncError):
                self._worker.remove(table, with_rows=True)
        self.parts.stores.clear()
