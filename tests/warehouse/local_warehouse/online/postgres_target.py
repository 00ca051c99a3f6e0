"""The Postgres behind an online store: whole copies and changes, one transaction each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from warehouse.local_warehouse.online.delta_source import DELETED, Rows
from warehouse.local_warehouse.online.errors import SyncError, duplicates
from warehouse.local_warehouse.online.postgres_types import postgres_type
from warehouse.local_warehouse.online.synced_tables import Placement

if TYPE_CHECKING:
    import pyarrow as pa

_SETTINGS = "-c lock_timeout=10s -c statement_timeout=120s -c timezone=UTC"
_COLUMNS = (
    "select a.attname, format_type(a.atttypid, a.atttypmod) from pg_attribute a "
    "where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped order by a.attnum"
)
_KEYS = (
    "select a.attname from pg_index i join pg_attribute a "
    "on a.attrelid = i.indrelid and a.attnum = any(i.indkey) "
    "where i.indrelid = to_regclass(%s) and i.indisprimary"
)
Cursor = psycopg.Cursor[Any]


@dataclass(frozen=True)
class PostgresTarget:
    """A server by its DSN; the database is the catalog's, unless one is given for all."""

    dsn: str
    database: str | None = None

    @property
    def host(self) -> str:
        return str(conninfo_to_dict(self.dsn).get("host") or "localhost")

    def database_of(self, catalog: str) -> str:
        """The database that holds a catalog's online tables."""
        return self.database or catalog

    def replace(self, placement: Placement, rows: Rows) -> None:
        """Make the table hold exactly these rows: readers see the old rows or the new ones.

        A table that fits is emptied and filled, so that grants on it stay; one whose columns or
        key are others is made anew.

        Raises:
            SyncError: Postgres refuses the rows, or cannot be reached.
        """
        wanted = _types(rows)
        self._ensure_database(placement.database)
        with self._transaction(placement) as cursor:
            cursor.execute(sql.SQL("create schema if not exists {}").format(_schema(placement)))
            if _fits(cursor, placement, wanted):
                _add_columns(cursor, placement, wanted)
                cursor.execute(sql.SQL("delete from {}").format(_name(placement)))
            else:
                cursor.execute(sql.SQL("drop table if exists {}").format(_name(placement)))
                cursor.execute(_create(placement, wanted))
            _copy(cursor, _name(placement), rows.table)

    def apply(self, placement: Placement, rows: Rows) -> None:
        """Apply changes: rows that are gone, and rows to write. New columns are added.

        Raises:
            SyncError: A column changed its type, Postgres refuses the rows, or is not reached.
        """
        wanted = _types(rows)
        del wanted[DELETED]
        with self._transaction(placement) as cursor:
            _refuse_changed_types(placement, _present(cursor, placement), wanted)
            _add_columns(cursor, placement, wanted)
            staged = sql.Identifier("__changes")
            columns = [*_definitions(wanted), sql.SQL("{} boolean").format(_column(DELETED))]
            cursor.execute(
                sql.SQL("create temporary table {} ({}) on commit drop").format(
                    staged, sql.SQL(", ").join(columns)
                )
            )
            _copy(cursor, staged, rows.table)
            cursor.execute(_delete(placement, staged))
            cursor.execute(_upsert(placement, staged, wanted))

    def drop(self, placement: Placement) -> None:
        """The table goes; a missing one is fine.

        Raises:
            SyncError: Postgres cannot be reached.
        """
        with _worded(placement.database, placement.table):
            with psycopg.connect(self._conninfo(None), autocommit=True) as connection:
                if not _has_database(connection, placement.database):
                    return
            with psycopg.connect(self._conninfo(placement.database)) as connection:
                connection.execute(sql.SQL("drop table if exists {}").format(_name(placement)))

    def admit(self, role: str, password: str, until: str) -> None:
        """Let a role read every table with a password that expires."""
        with psycopg.connect(self._conninfo(None), autocommit=True) as connection:
            with contextlib.suppress(errors.DuplicateObject):
                connection.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
            connection.execute(
                sql.SQL("alter role {} login password {} valid until {}").format(
                    sql.Identifier(role), sql.Literal(password), sql.Literal(until)
                )
            )
            connection.execute(sql.SQL("grant pg_read_all_data to {}").format(sql.Identifier(role)))

    def _conninfo(self, database: str | None) -> str:
        given: dict[str, Any] = {"connect_timeout": 5, "options": _SETTINGS}
        if database is not None:
            given["dbname"] = database
        return make_conninfo(self.dsn, application_name="local_warehouse", **given)

    def _ensure_database(self, name: str) -> None:
        with (
            _worded(name, ""),
            psycopg.connect(self._conninfo(None), autocommit=True) as connection,
        ):
            if not _has_database(connection, name):
                with contextlib.suppress(errors.DuplicateDatabase):
                    statement = sql.SQL("create database {}").format(sql.Identifier(name))
                    connection.execute(statement)

    @contextlib.contextmanager
    def _transaction(self, placement: Placement) -> Iterator[Cursor]:
        with (
            _worded(placement.database, f"{placement.schema}.{placement.table}"),
            psycopg.connect(self._conninfo(placement.database)) as connection,
            connection.cursor() as cursor,
        ):
            yield cursor


def _has_database(connection: psycopg.Connection[Any], name: str) -> bool:
    query = "select 1 from pg_database where datname = %s"
    return connection.execute(query, [name]).fetchone() is not None


@contextlib.contextmanager
def _worded(database: str, table: str) -> Iterator[None]:
    """Errors of Postgres in the words of a synced table."""
    try:
        yield
    except errors.UniqueViolation as error:
        detail = error.diag.message_detail or str(error)
        raise duplicates(table, detail) from error
    except errors.LockNotAvailable as error:
        text = f"Database: {database}. The lock on {table} was not given in time."
        raise SyncError("LOCK_TIMEOUT", text) from error
    except psycopg.OperationalError as error:
        text = f"Instance: {database}. Connection error. Detail: {str(error).strip()}."
        raise SyncError("CONNECTION_ERROR", text) from error
    except psycopg.DataError as error:
        text = f"Instance: {database}. Found invalid byte sequence in the source. Detail: {error}"
        raise SyncError("CHARACTER_NOT_IN_REPERTOIRE", text) from error


# Statements -----------------------------------------------------------------------------------


def _types(rows: Rows) -> dict[str, str]:
    return {
        column.name: postgres_type(column.type, is_json=column.name in rows.json)
        for column in rows.table.schema
    }


def _schema(placement: Placement) -> sql.Identifier:
    return sql.Identifier(placement.schema)


def _name(placement: Placement) -> sql.Identifier:
    return sql.Identifier(placement.schema, placement.table)


def _column(name: str) -> sql.Identifier:
    return sql.Identifier(name)


def _columns(names: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(_column, names))


def _definitions(wanted: Mapping[str, str]) -> list[sql.Composed]:
    # The types are this module's own words, never a user's.
    return [sql.SQL("{} {}").format(_column(name), sql.SQL(kind)) for name, kind in wanted.items()]


def _create(placement: Placement, wanted: Mapping[str, str]) -> sql.Composed:
    parts = _definitions(wanted)
    if placement.keys:
        parts.append(sql.SQL("primary key ({})").format(_columns(placement.keys)))
    return sql.SQL("create table {} ({})").format(_name(placement), sql.SQL(", ").join(parts))


def _text_name(cursor: Cursor, placement: Placement) -> str:
    return _name(placement).as_string(cursor)


def _present(cursor: Cursor, placement: Placement) -> dict[str, str]:
    """The columns that the table has, with their types; none when it does not exist."""
    return dict(cursor.execute(_COLUMNS, [_text_name(cursor, placement)]).fetchall())


def _fits(cursor: Cursor, placement: Placement, wanted: Mapping[str, str]) -> bool:
    present = _present(cursor, placement)
    found = cursor.execute(_KEYS, [_text_name(cursor, placement)]).fetchall()
    same = all(wanted.get(name) == kind for name, kind in present.items())
    return bool(present) and same and {key for (key,) in found} == set(placement.keys)


def _refuse_changed_types(
    placement: Placement, present: Mapping[str, str], wanted: Mapping[str, str]
) -> None:
    for name, kind in wanted.items():
        if present.get(name, kind) != kind:
            text = (
                "Changing the column type is currently not supported. Destination synced table: "
                f"{placement.schema}.{placement.table}. Column: {name}. Existing type: "
                f"{present[name]}. New type: {kind}. Perform a full refresh of the existing "
                "synced table, or create a new one."
            )
            raise SyncError("COLUMN_TYPE_CHANGE_NOT_SUPPORTED", text)


def _add_columns(cursor: Cursor, placement: Placement, wanted: Mapping[str, str]) -> None:
    present = _present(cursor, placement)
    missing = {name: kind for name, kind in wanted.items() if name not in present}
    for definition in _definitions(missing):
        cursor.execute(sql.SQL("alter table {} add column {}").format(_name(placement), definition))


def _copy(cursor: Cursor, into: sql.Identifier, rows: pa.Table) -> None:
    statement = sql.SQL("copy {} ({}) from stdin").format(into, _columns(tuple(rows.column_names)))
    with cursor.copy(statement) as copy:
        for batch in rows.to_batches(max_chunksize=10_000):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                copy.write_row(row)


def _delete(placement: Placement, staged: sql.Identifier) -> sql.Composed:
    """Rows that are gone; in a time series only the row that is online may go."""
    series = placement.time_series
    same = [
        sql.SQL("t.{0} = c.{0}").format(_column(key))
        for key in (*placement.keys, *((series,) if series else ()))
    ]
    return sql.SQL("delete from {} t using {} c where c.{} and {}").format(
        _name(placement), staged, _column(DELETED), sql.SQL(" and ").join(same)
    )


def _upsert(
    placement: Placement, staged: sql.Identifier, wanted: Mapping[str, str]
) -> sql.Composed:
    """Rows to write; in a time series the latest of a key, unless a later one is online."""
    series = placement.time_series
    values = tuple(name for name in wanted if name not in placement.keys)
    changes = [sql.SQL("{0} = excluded.{0}").format(_column(name)) for name in values]
    action: sql.Composable = sql.SQL("do nothing")
    if changes:
        action = sql.SQL("do update set {}").format(sql.SQL(", ").join(changes))
    newer: sql.Composable = sql.SQL("")
    order: sql.Composable = sql.SQL("")
    if series:
        newer = sql.SQL(" where excluded.{0} >= t.{0}").format(_column(series))
        order = sql.SQL(", {} desc").format(_column(series))
    return sql.SQL(
        "insert into {table} as t ({columns}) select distinct on ({keys}) {columns} from {staged} "
        "where not {deleted} order by {keys}{order} on conflict ({keys}) {action}{newer}"
    ).format(
        table=_name(placement),
        columns=_columns(tuple(wanted)),
        keys=_columns(placement.keys),
        staged=staged,
        deleted=_column(DELETED),
        order=order,
        action=action,
        newer=newer,
    )
