"""Copies into a real Postgres, without Spark."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest
from psycopg.conninfo import conninfo_to_dict

from warehouse.local_warehouse.online.credentials import Credentials
from warehouse.local_warehouse.online.delta_source import Rows
from warehouse.local_warehouse.online.errors import SyncError
from warehouse.local_warehouse.online.postgres_target import PostgresTarget
from warehouse.local_warehouse.online.synced_tables import Placement

if TYPE_CHECKING:
    from postgres_server import PostgresServer

AT = dt.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)


@pytest.fixture
def target(postgres_dsn: str) -> PostgresTarget:
    """One database for all catalogs."""
    return PostgresTarget(postgres_dsn, str(conninfo_to_dict(postgres_dsn)["dbname"]))


@pytest.fixture
def place(target: PostgresTarget) -> Placement:
    return Placement(target.database_of("main"), "shop", "orders", ("id",))


def rows(*values: tuple[Any, ...], columns: str = "id name", **types: pa.DataType) -> Rows:
    names = columns.split()
    kinds = {"id": pa.int64(), "name": pa.string(), "__deleted": pa.bool_(), **types}
    return Rows(
        pa.table(
            {
                name: pa.array([row[position] for row in values], kinds[name])
                for position, name in enumerate(names)
            }
        )
    )


def changes(*values: tuple[Any, ...], columns: str = "id name", **types: pa.DataType) -> Rows:
    return rows(*values, columns=f"{columns} __deleted", **types)


def read(target: PostgresTarget, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(target.dsn) as connection:
        return connection.execute(query).fetchall()


def orders(target: PostgresTarget, columns: str = "*") -> Sequence[tuple[Any, ...]]:
    return read(target, f"select {columns} from shop.orders order by id")


def test_a_whole_copy(target: PostgresTarget, place: Placement) -> None:
    target.replace(place, rows((1, "a"), (2, None)))
    assert orders(target) == [(1, "a"), (2, None)]
    target.replace(place, rows((2, "b"), (3, "it's")))
    assert orders(target) == [(2, "b"), (3, "it's")]
    key = read(
        target,
        "select a.attname from pg_index i join pg_attribute a on a.attrelid = i.indrelid "
        "and a.attnum = any(i.indkey) where i.indrelid = 'shop.orders'::regclass and indisprimary",
    )
    assert key == [("id",)]


def test_changes_write_and_delete(target: PostgresTarget, place: Placement) -> None:
    target.replace(place, rows((1, "a"), (2, "b"), (3, "c")))
    target.apply(place, changes((1, None, True), (2, "B", False), (4, "d", False)))
    assert orders(target) == [(2, "B"), (3, "c"), (4, "d")]
    target.apply(place, changes())
    assert len(orders(target)) == 3


def test_a_table_of_keys_only(target: PostgresTarget, place: Placement) -> None:
    target.replace(place, rows((1,), columns="id"))
    target.apply(place, changes((1, False), (2, False), columns="id"))
    assert orders(target) == [(1,), (2,)]


def test_every_type(target: PostgresTarget, place: Placement) -> None:
    values: dict[str, tuple[Any, pa.DataType, str, Any]] = {
        "id": (1, pa.int64(), "bigint", 1),
        "b": (True, pa.bool_(), "boolean", True),
        "i1": (-128, pa.int8(), "smallint", -128),
        "i2": (7, pa.int16(), "smallint", 7),
        "i4": (7, pa.int32(), "integer", 7),
        "r": (0.5, pa.float32(), "real", 0.5),
        "d": (0.1, pa.float64(), "double precision", 0.1),
        "inf": (float("inf"), pa.float64(), "double precision", float("inf")),
        "n": (Decimal("1.50"), pa.decimal128(10, 2), "numeric(10,2)", Decimal("1.50")),
        "day": (AT.date(), pa.date32(), "date", AT.date()),
        "at": (AT, pa.timestamp("us", "UTC"), "timestamp with time zone", AT),
        "naive": (
            AT.replace(tzinfo=None),
            pa.timestamp("us"),
            "timestamp without time zone",
            AT.replace(tzinfo=None),
        ),
        "bin": (b"\x00\xff", pa.binary(), "bytea", b"\x00\xff"),
        "s": ("it's \\ \t\n é", pa.string(), "text", "it's \\ \t\n é"),
        "j": ('{"a": [1, null]}', pa.string(), "jsonb", {"a": [1, None]}),
    }
    table = pa.table({name: pa.array([v], kind) for name, (v, kind, _, _) in values.items()})
    target.replace(place, Rows(table, frozenset({"j"})))
    assert orders(target) == [tuple(expected for *_, expected in values.values())]
    types = read(
        target,
        "select attname, format_type(atttypid, atttypmod) from pg_attribute "
        "where attrelid = 'shop.orders'::regclass and attnum > 0",
    )
    assert dict(types) == {name: kind for name, (_, _, kind, _) in values.items()}


@pytest.mark.parametrize("verb", ["replace", "apply"])
def test_new_columns_are_added(target: PostgresTarget, place: Placement, verb: str) -> None:
    target.replace(place, rows((1, "a")))
    if verb == "apply":
        more = changes((2, "b", 5, False), columns="id name n", n=pa.int32())
        target.apply(place, more)
        assert orders(target) == [(1, "a", None), (2, "b", 5)]
    else:
        target.replace(place, rows((2, "b", 5), columns="id name n", n=pa.int32()))
        assert orders(target) == [(2, "b", 5)]


def test_lost_columns_stay_until_a_whole_copy(target: PostgresTarget, place: Placement) -> None:
    target.replace(place, rows((1, "a")))
    target.apply(place, changes((2, False), columns="id"))
    assert orders(target) == [(1, "a"), (2, None)]
    target.replace(place, rows((2,), columns="id"))
    assert orders(target) == [(2,)]


def test_changed_types_need_a_whole_copy(target: PostgresTarget, place: Placement) -> None:
    target.replace(place, rows((1, "a")))
    other = {"name": pa.float64()}
    with pytest.raises(SyncError, match=r"COLUMN_TYPE_CHANGE_NOT_SUPPORTED.*Column: name"):
        target.apply(place, changes((2, 0.5, False), **other))
    assert orders(target) == [(1, "a")]
    target.replace(place, rows((2, 0.5), **other))
    assert orders(target) == [(2, 0.5)]


def test_another_key_needs_another_table(target: PostgresTarget, place: Placement) -> None:
    target.replace(place, rows((1, "a")))
    target.replace(replace(place, keys=("id", "name")), rows((1, "a"), (1, "b")))
    assert len(orders(target)) == 2


def test_without_a_key_rows_may_repeat(target: PostgresTarget, place: Placement) -> None:
    target.replace(replace(place, keys=()), rows((1, "a"), (1, "a")))
    assert orders(target) == [(1, "a"), (1, "a")]


def test_grants_survive_a_whole_copy(target: PostgresTarget, place: Placement) -> None:
    target.replace(place, rows((1, "a")))
    with psycopg.connect(target.dsn, autocommit=True) as connection:
        connection.execute("grant select on shop.orders to public")
    target.replace(place, rows((2, "b")))
    granted = read(target, "select relacl::text from pg_class where oid = 'shop.orders'::regclass")
    assert "=r/" in granted[0][0]


@pytest.mark.parametrize(
    ("values", "condition"),
    [
        (((1, "a"), (1, "b")), "PRIMARY_KEY_CONSTRAINT_VIOLATION"),
        (((1, "nul \x00"),), "CHARACTER_NOT_IN_REPERTOIRE"),
    ],
)
def test_refused_rows_leave_the_old_ones(
    target: PostgresTarget, place: Placement, values: tuple[tuple[Any, ...]], condition: str
) -> None:
    target.replace(place, rows((7, "old")))
    with pytest.raises(SyncError, match=condition):
        target.replace(place, rows(*values))
    assert orders(target) == [(7, "old")]


def test_an_unreachable_server_says_so(place: Placement) -> None:
    unreachable = PostgresTarget("postgresql://nobody@127.0.0.1:1/x", "x")
    with pytest.raises(SyncError, match="CONNECTION_ERROR"):
        unreachable.replace(place, rows((1, "a")))


def test_a_time_series_keeps_the_latest(target: PostgresTarget, place: Placement) -> None:
    place = replace(place, time_series="at")
    kind = {"at": pa.timestamp("us", "UTC"), "columns": "id name at"}
    later, latest = AT + dt.timedelta(days=1), AT + dt.timedelta(days=2)
    target.replace(place, rows((1, "b", later), **kind))
    target.apply(place, changes((1, "a", AT, False), (2, "x", AT, False), **kind))
    assert orders(target, "id, name") == [(1, "b"), (2, "x")]
    target.apply(place, changes((1, "c", latest, False), (1, "B", later, False), **kind))
    assert orders(target, "id, name") == [(1, "c"), (2, "x")]
    target.apply(place, changes((1, None, AT, True), (2, None, AT, True), **kind))
    assert orders(target, "id, name") == [(1, "c")]


def test_a_dropped_table_is_gone(target: PostgresTarget, place: Placement) -> None:
    target.replace(place, rows((1, "a")))
    target.drop(place)
    assert read(target, "select to_regclass('shop.orders')::text") == [(None,)]
    target.drop(place)
    target.drop(replace(place, database="nowhere"))


def test_each_catalog_has_a_database(postgres_server: PostgresServer) -> None:
    target = PostgresTarget(postgres_server.dsn())
    place = Placement(target.database_of("catalog_of_its_own"), "shop", "orders", ("id",))
    target.replace(place, rows((1, "a")))
    target.replace(place, rows((2, "b")))
    with psycopg.connect(postgres_server.dsn("catalog_of_its_own")) as connection:
        assert connection.execute("select * from shop.orders").fetchall() == [(2, "b")]


def test_readers_never_wait_for_a_copy(target: PostgresTarget, place: Placement) -> None:
    """A copy that is not committed is not seen, and does not stop readers."""
    target.replace(place, rows((1, "a")))
    with psycopg.connect(target.dsn) as writer:
        writer.execute("delete from shop.orders")
        assert orders(target) == [(1, "a")]


def test_credentials_read_and_end(
    target: PostgresTarget, place: Placement, postgres_server: PostgresServer
) -> None:
    target.replace(place, rows((1, "a")))
    token, until = Credentials(target, lambda: 2.0).generate()
    assert dt.datetime.fromisoformat(until) > dt.datetime.now(dt.UTC)
    database = str(conninfo_to_dict(target.dsn)["dbname"])
    dsn = postgres_server.dsn(database, "local@example.com", token)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select * from shop.orders").fetchall() == [(1, "a")]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from shop.orders")
    time.sleep(2.1)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(dsn)
    fresh = Credentials(target, lambda: 60.0).generate()[0]
    with psycopg.connect(postgres_server.dsn(database, "local@example.com", fresh)):
        pass
