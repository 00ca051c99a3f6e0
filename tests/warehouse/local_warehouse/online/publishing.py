"""Publishing a table: what is asked of the source, and the table that comes of it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from warehouse.local_warehouse.errors import describe
from warehouse.local_warehouse.governance import TableName
from warehouse.local_warehouse.online.controls import OnlineControls
from warehouse.local_warehouse.online.delta_source import CHANGE_FEED
from warehouse.local_warehouse.online.pipelines import Pipeline, Update
from warehouse.local_warehouse.online.stores import OnlineStores
from warehouse.local_warehouse.online.sync_worker import FIRST
from warehouse.local_warehouse.online.synced_tables import (
    MODES,
    Mode,
    Placement,
    SyncedTable,
    SyncedTables,
)
from warehouse.local_warehouse.routing import ApiError, conflict, invalid, text_of
from warehouse.local_warehouse.sessions import Session

_ONLINE_NAME = re.compile(r"\w{1,63}", re.ASCII)


@dataclass(frozen=True)
class Order:
    """What a call asks for; keys are those of the source unless it names others."""

    name: str
    source: str
    store: str
    mode: str
    keys: tuple[str, ...] = ()
    time_series: str | None = None

    @classmethod
    def of_publish(cls, source: str, body: Mapping[str, Any]) -> Order:
        """From the body of `publish`.

        Raises:
            ApiError: A field is missing.
        """
        spec = body.get("publish_spec")
        if not isinstance(spec, dict):
            raise invalid("Missing required field: publish_spec")
        name, store, mode = (
            text_of(spec, field) for field in ("online_table_name", "online_store", "publish_mode")
        )
        return cls(name, source, store, mode)

    @classmethod
    def of_synced_table(cls, name: str, store: str, spec: Any) -> Order:
        """From the specification of a synced table.

        Raises:
            ApiError: A field is missing, or asks for what does not exist here.
        """
        if not isinstance(spec, dict):
            raise invalid("Missing required field: spec")
        if spec.get("existing_pipeline_id") or spec.get("type_overrides"):
            text = "The local warehouse has neither existing_pipeline_id nor type_overrides."
            raise ApiError(501, "NOT_IMPLEMENTED", text)
        return cls(
            name=name,
            source=text_of(spec, "source_table_full_name"),
            store=store,
            mode=text_of(spec, "scheduling_policy"),
            keys=tuple(spec.get("primary_key_columns") or ()),
            time_series=spec.get("timeseries_key"),
        )


@dataclass(frozen=True)
class Publisher:
    """Checks an order against catalog and source, and makes the table."""

    session: Session
    stores: OnlineStores
    tables: SyncedTables
    controls: OnlineControls
    database_of: Callable[[str], str]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def publish(self, order: Order) -> SyncedTable:
        """A new synced table, whose first copy is queued.

        Raises:
            ApiError: The order cannot be carried out.
        """
        name, source = three_parts(order.name), three_parts(order.source)
        if order.mode not in MODES:
            text = f"Invalid publish mode '{order.mode}'. Valid values are {', '.join(MODES)}."
            raise invalid(text)
        mode: Mode = order.mode
        self.stores.available(order.store)
        self._check_name(name)
        with self._lock:  # one session, one call at a time
            self._check_place(name)
            placement = self._placement(name, source, order, mode)
        seconds = self.controls.table_seconds
        continuous = mode == "CONTINUOUS"
        table = SyncedTable(
            name=name,
            source=source,
            store=order.store,
            mode=mode,
            placement=placement,
            pipeline=Pipeline(f"Synced table: {name.dotted}", continuous),
            ready_at=time.monotonic() + seconds,
        )
        table.pipeline.start(Update(full_refresh=True, cause=FIRST))
        self.tables.add(table)
        return table

    def is_replaced(self, table: SyncedTable) -> bool:
        """Is the source of a table another one than was copied, or gone."""
        with self._lock:
            try:
                found: str | None = self._detail(table.source)["id"]
            except ApiError:
                found = None
        return table.position is not None and found != table.position.table_id

    def _check_name(self, name: TableName) -> None:
        for part in name:
            if not _ONLINE_NAME.fullmatch(part):
                text = (
                    f"Invalid online table name '{name.dotted}': each part must have 1 to 63 "
                    "letters, digits and underscores."
                )
                raise invalid(text)
        if name in {table.name for table in self.tables.all()}:
            raise conflict(f"Online table '{name.dotted}' already exists.", "ALREADY_EXISTS")

    def _check_place(self, name: TableName) -> None:
        """The catalog and schema of the online table must exist, its name must be free."""
        if name.catalog not in self.session.catalogs:
            text = f"Catalog '{name.catalog}' does not exist."
            raise ApiError(404, "CATALOG_DOES_NOT_EXIST", text)
        if (name.catalog, name.schema) not in self.session.engine.schemas():
            text = f"Schema '{name.catalog}.{name.schema}' does not exist."
            raise ApiError(404, "SCHEMA_DOES_NOT_EXIST", text)
        if self.session.relation(name) is not None:
            raise conflict(f"Table '{name.dotted}' already exists.", "TABLE_ALREADY_EXISTS")

    def _placement(self, name: TableName, source: TableName, order: Order, mode: Mode) -> Placement:
        detail = self._detail(source)
        properties = {key.lower(): value for key, value in detail["properties"] or ()}
        feed = properties.get(CHANGE_FEED, "").lower() == "true"
        if mode != "SNAPSHOT" and not feed:
            text = (
                f"Change data feed is not enabled on the source table '{source.dotted}', which "
                f"publish mode {mode} needs. Enable it with ALTER TABLE {source.dotted} SET "
                "TBLPROPERTIES (delta.enableChangeDataFeed = true), or use SNAPSHOT."
            )
            raise invalid(text)
        keys, time_series = self._keys(source, order, mode)
        fields = {item.name.lower(): item.name for item in self.session.fields(source)}
        wanted = (*keys, *((time_series,) if time_series else ()))
        unknown = [key for key in wanted if key.lower() not in fields]
        if unknown:
            text = f"The column(s) {', '.join(unknown)} are not in '{source.dotted}'."
            raise invalid(text)
        return Placement(
            database=self.database_of(name.catalog),
            schema=name.schema,
            table=name.table,
            keys=tuple(fields[key.lower()] for key in keys),
            time_series=fields[time_series.lower()] if time_series else None,
        )

    def _detail(self, source: TableName) -> dict[str, Any]:
        try:
            rows = self.session.engine.sql(f"describe detail {self.session.physical(source)}")
        except Exception as error:
            text = self.session.catalogs.spoken(describe(error)[0])
            if "NOT_FOUND" in text or "DELTA_MISSING_DELTA_TABLE" in text:
                text = f"Table '{source.dotted}' does not exist."
                raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", text) from error
            raise invalid(f"'{source.dotted}' is no Delta table: {text}") from error
        detail: dict[str, Any] = rows.to_pylist()[0]
        return detail

    def _keys(
        self, source: TableName, order: Order, mode: Mode
    ) -> tuple[Sequence[str], str | None]:
        """The key of the online table, without the time series column of the source's key."""
        if order.keys:
            return order.keys, order.time_series
        primary = self.session.notes(source).primary_key
        if primary is not None:
            series = primary.time_series
            return [column for column in primary.columns if column != series], series
        if mode == "SNAPSHOT":
            return (), None
        text = (
            f"The source table '{source.dotted}' has no primary key, which publish mode {mode} "
            "needs: a PRIMARY KEY constraint on columns that are NOT NULL."
        )
        raise invalid(text)


def three_parts(text: str) -> TableName:
    """A full name in lower case, as Unity Catalog keeps it.

    Raises:
        ApiError: It has not three parts.
    """
    parts = text.lower().split(".")
    if len(parts) != 3 or not all(parts):
        raise invalid(f"'{text}' is not a full three-part (catalog, schema, table) name.")
    return TableName(*parts)
