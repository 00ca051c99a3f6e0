"""What the worker reads of a source: its identity, its head, a version, the changes since one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.delta_history import MAINTENANCE
from warehouse.local_warehouse.errors import describe
from warehouse.local_warehouse.governance import TableName
from warehouse.local_warehouse.lexer import literal
from warehouse.local_warehouse.online.errors import duplicates
from warehouse.local_warehouse.online.synced_tables import Placement
from warehouse.local_warehouse.sessions import Session

DELETED = "__deleted"
"""The column of changes that says a row is gone."""
_WRITES = "__writes"
CHANGE_FEED = "delta.enablechangedatafeed"


@dataclass(frozen=True)
class Head:
    """The newest state of a source; `data_version` is the newest that changed a row."""

    table_id: str
    version: int
    data_version: int
    committed: dt.datetime
    """When the data version was."""
    mark: object


class Rows(NamedTuple):
    """Rows for Postgres, and the columns of them that hold JSON text."""

    table: pa.Table
    json: frozenset[str] = frozenset()


class DeltaSource:
    """Delta tables through a session of their own."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._folders: dict[TableName, Path] = {}

    def head(self, table: TableName) -> Head:
        """The newest version and the identity of the table."""
        name = self._session.physical(table)
        detail = self._sql(f"describe detail {name}").to_pylist()[0]
        self._folders[table] = Path(unquote(urlsplit(detail["location"]).path))
        mark = self.mark(table)
        history = self._sql(f"describe history {name}").to_pylist()
        changed = next(
            (commit for commit in history if commit["operation"] not in MAINTENANCE), history[-1]
        )
        return Head(
            table_id=detail["id"],
            version=history[0]["version"],
            data_version=changed["version"],
            committed=changed["timestamp"],
            mark=mark,
        )

    def mark(self, table: TableName) -> object:
        """A sign of the newest commit, read from the folder of the log without Spark."""
        folder = self._folders.get(table)
        if folder is None:
            return None
        commits = list((folder / "_delta_log").glob("*.json"))
        if not commits:
            return None
        newest = max(commits, key=lambda commit: commit.name)
        return newest.name, newest.stat().st_mtime_ns

    def snapshot(self, table: TableName, placement: Placement, version: int) -> Rows:
        """The rows of a version whose keys are not NULL; the latest of each in a time series."""
        pinned = f"{self._session.physical(table)} version as of {version}"
        columns = self._columns(pinned)
        query = f"select {_written(columns)} from {pinned}{_where(placement)}"
        if placement.time_series:
            rank = f"{_rank(placement.keys)} {_quoted(placement.time_series)} desc)"
            query = (
                f"select {_names(columns.names)} from "
                f"(select *, {rank} as __rank from ({query})) where __rank = 1"
            )
        return Rows(self._sql(query), _nested(columns))

    def changes(self, table: TableName, placement: Placement, first: int, last: int) -> Rows:
        """The last change of each row in a range of versions, from the change data feed.

        The column `__deleted` says that the row is gone. A row that a commit both deletes and
        writes is written; one whose key an update changes is gone under its old key.

        Raises:
            SyncError: One commit writes a key twice.
        """
        name = self._session.physical(table)
        columns = self._columns(f"{name} version as of {last}")
        series = placement.time_series
        keys = (*placement.keys, *((series,) if series else ()))
        feed = f"table_changes({literal(name)}, {first}, {last})"
        gone = "_change_type in ('delete', 'update_preimage')"
        writes = f"count_if(not {DELETED}) over (partition by {_names(keys)}, __version)"
        rows = self._sql(
            f"select {_names(columns.names)}, {DELETED}, {_WRITES} from ("
            f"select *, {_rank(keys)} __version desc, {DELETED}) as __rank, {writes} as {_WRITES} "
            f"from (select {_written(columns)}, _commit_version as __version, {gone} as {DELETED} "
            f"from {feed}{_where(placement)})) where __rank = 1"
        )
        if rows.num_rows and pc.max(rows[_WRITES]).as_py() > 1:
            twice = rows.filter(pc.greater(rows[_WRITES], 1)).select(list(keys)).to_pylist()[0]
            raise duplicates(table.dotted, f"{twice} is written more than once by one commit")
        return Rows(rows.drop_columns([_WRITES]), _nested(columns))

    def _sql(self, text: str) -> pa.Table:
        """Run a query; its error in the names of Databricks."""
        try:
            return self._session.engine.sql(text)
        except Exception as error:
            told = self._session.catalogs.spoken(describe(error)[0])
            raise RuntimeError(told) from error

    def _columns(self, relation: str) -> pa.Schema:
        return self._sql(f"select * from {relation} limit 0").schema


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))


def _nested(columns: pa.Schema) -> frozenset[str]:
    return frozenset(column.name for column in columns if pa.types.is_nested(column.type))


def _written(columns: pa.Schema) -> str:
    """The columns, nested ones as JSON text."""
    nested = _nested(columns)
    return ", ".join(
        f"to_json({_quoted(name)}) as {_quoted(name)}" if name in nested else _quoted(name)
        for name in columns.names
    )


def _rank(keys: Iterable[str]) -> str:
    return f"row_number() over (partition by {_names(keys)} order by"


def _where(placement: Placement) -> str:
    """Rows with a NULL in the key are left out without a word."""
    if not placement.keys:
        return ""
    return " where " + " and ".join(f"{_quoted(key)} is not null" for key in placement.keys)
