"""The one worker that copies: first snapshots, updates, and what continuous tables follow."""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

from warehouse.local_warehouse.errors import describe
from warehouse.local_warehouse.governance import TableName
from warehouse.local_warehouse.online.controls import OnlineControls
from warehouse.local_warehouse.online.delta_source import Head, Rows
from warehouse.local_warehouse.online.errors import replaced
from warehouse.local_warehouse.online.pipelines import Update
from warehouse.local_warehouse.online.synced_tables import (
    FOLLOWING,
    INITIAL,
    UPDATING,
    Placement,
    Position,
    SyncedTable,
    SyncedTables,
)
from warehouse.local_warehouse.online.times import now

_LOG = logging.getLogger(__name__)
_TICK_SECONDS = 0.2


class Source(Protocol):
    """Where rows come from: Delta."""

    def head(self, table: TableName) -> Head:
        """The newest version."""

    def mark(self, table: TableName) -> object:
        """A cheap sign of the newest version."""

    def snapshot(self, table: TableName, placement: Placement, version: int) -> Rows:
        """The rows of a version."""

    def changes(self, table: TableName, placement: Placement, first: int, last: int) -> Rows:
        """The last change of each row in a range of versions."""


class Target(Protocol):
    """Where rows go: Postgres."""

    def replace(self, placement: Placement, rows: Rows) -> None:
        """Hold exactly these rows."""

    def apply(self, placement: Placement, rows: Rows) -> None:
        """Apply changes."""

    def drop(self, placement: Placement) -> None:
        """Hold the table no more."""


class SyncWorker:
    """Copies one table at a time, in a thread of its own once it is started."""

    def __init__(
        self, tables: SyncedTables, source: Source, target: Target, controls: OnlineControls
    ) -> None:
        self._tables = tables
        self._source = source
        self._target = target
        self._controls = controls
        self._copying = threading.Lock()
        self._served: TableName | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="sync worker", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 5) -> None:
        """Begin nothing any more; wait for the copy that runs, but not for ever."""
        self._stopped = True
        with self._tables.changed:
            self._tables.changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def remove(self, table: SyncedTable, *, with_rows: bool) -> None:
        """Forget a table after the copy that runs; with its rows, or leave them as an orphan."""
        self._tables.remove(table)
        with self._copying:
            if with_rows:
                self._target.drop(table.placement)

    def _run(self) -> None:
        while not self._stopped:
            try:
                worked = self.step()
            except Exception:  # noqa: BLE001 - the worker lives as long as the server
                _LOG.exception("the sync worker failed")
                worked = False
            if not worked:
                with self._tables.changed:
                    self._tables.changed.wait(_TICK_SECONDS)

    def step(self) -> bool:
        """Do what is due for one table, if anything is."""
        for table in self._in_turn():
            update = table.pipeline.active
            if update is not None:
                if not self._due(table, update):
                    continue
                self._run_update(table, update)
            elif table.state == FOLLOWING and self._moved(table):
                self._follow(table)
            else:
                continue
            self._served = table.name
            return True
        return False

    def _in_turn(self) -> list[SyncedTable]:
        """The tables, beginning after the one that was served last."""
        tables = self._tables.all()
        served = sum(table.name <= self._served for table in tables) if self._served else 0
        return tables[served:] + tables[:served]

    def _due(self, table: SyncedTable, update: Update) -> bool:
        if update.cause == FIRST:
            return time.monotonic() >= table.ready_at
        if self._controls.held:
            update.state = "RUNNING"
            return False
        return True

    def _run_update(self, table: SyncedTable, update: Update) -> None:
        update.state = "RUNNING"
        whole = table.mode == "SNAPSHOT" or update.full_refresh or table.position is None
        table.enter(INITIAL if table.position is None else UPDATING)
        update.state = "COMPLETED" if self._copy(table, whole=whole) else "FAILED"

    def _moved(self, table: SyncedTable) -> bool:
        known = table.position
        return known is not None and self._source.mark(table.source) != known.mark

    def _follow(self, table: SyncedTable) -> None:
        if not self._copy(table, whole=False) and table.pipeline.updates:
            table.pipeline.updates[0].state = "FAILED"

    def _copy(self, table: SyncedTable, *, whole: bool) -> bool:
        """Copy a table; a failure becomes its state and message."""
        with self._copying:
            if table not in self._tables:
                return False
            try:
                ordered = self._controls.take_failure()
                if ordered is not None:
                    raise RuntimeError(ordered)  # noqa: TRY301 - as if the copy had failed
                position = self._copied(table, whole=whole)
            except Exception as error:  # noqa: BLE001 - whatever it was, the table says it
                table.fail(describe(error)[0])
                return False
            table.finish(position)
            return True

    def _copied(self, table: SyncedTable, *, whole: bool) -> Position:
        started, head, known = now(), self._source.head(table.source), table.position
        if whole or known is None:
            rows = self._source.snapshot(table.source, table.placement, head.version)
            self._target.replace(table.placement, rows)
        elif head.table_id != known.table_id:
            raise replaced(known.table_id, head.table_id)
        elif head.version > known.read:
            first = known.read + 1
            rows = self._source.changes(table.source, table.placement, first, head.version)
            self._target.apply(table.placement, rows)
        return Position(
            table_id=head.table_id,
            read=head.version,
            version=head.data_version,
            committed=head.committed,
            mark=head.mark,
            started=started,
            ended=now(),
        )


FIRST = "USER_ACTION"
"""The cause of the update that a publish starts."""
