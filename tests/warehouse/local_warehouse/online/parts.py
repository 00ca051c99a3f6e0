"""The parts of the online store that its calls work on."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.local_warehouse.online.credentials import Credentials
from warehouse.local_warehouse.online.publishing import Publisher
from warehouse.local_warehouse.online.stores import OnlineStore, OnlineStores
from warehouse.local_warehouse.online.sync_worker import SyncWorker
from warehouse.local_warehouse.online.synced_tables import SyncedTable, SyncedTables
from warehouse.local_warehouse.routing import ApiError


@dataclass(frozen=True)
class OnlineParts:
    """Stores, tables, and those who fill them."""

    stores: OnlineStores
    tables: SyncedTables
    publisher: Publisher
    worker: SyncWorker
    credentials: Credentials
    host: str
    """Where Postgres listens."""

    def tables_of(self, store: OnlineStore) -> list[SyncedTable]:
        """The tables that are published to a store."""
        return [table for table in self.tables.all() if table.store == store.name]

    def delete_store(self, name: str) -> None:
        """Delete an empty store.

        Raises:
            ApiError: There is none, or it has tables.
        """
        held = self.tables_of(self.stores.get(name))
        if held:
            text = (
                f"Online store '{name}' has online tables: "
                f"{', '.join(table.name.dotted for table in held)}. Delete them first."
            )
            raise ApiError(400, "INVALID_STATE", text)
        self.stores.delete(name)
