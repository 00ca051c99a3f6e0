"""Foreign catalogs over a real Postgres."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa
import pytest
from psycopg.conninfo import conninfo_to_dict

from warehouse.local_warehouse.errors import WarehouseError
from warehouse.local_warehouse.rules.connections import without_secrets
from warehouse.tests.stand_in import RecordingEngine, StandIn

if TYPE_CHECKING:
    from postgres_server import PostgresServer

CREATE = (
    "create connection pg type postgresql options "
    "(host '{host}', port '{port}', user '{user}', password '{password}')"
)
CATALOG = "create foreign catalog lakebase using connection pg options (database '{dbname}')"
AT = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def stand_in(postgres_server: PostgresServer, postgres_dsn: str) -> StandIn:
    """A warehouse with the catalog `lakebase`, which has one table."""
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("create schema o")
        connection.execute(
            "create table o.t (id text primary key, at timestamptz, d date, n bigint, i integer, "
            "s smallint, x double precision, r real, p numeric(10,2), b boolean, bytes bytea)"
        )
        row = ("a", AT, AT.date(), 2**40, 7, 3, float("nan"), 0.5, Decimal("1.50"), True, b"\x00")
        connection.execute(
            "insert into o.t values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", row
        )
    options = {**conninfo_to_dict(postgres_dsn), "host": postgres_server.host}
    found = StandIn(RecordingEngine())
    found.run(CREATE.format(**options))
    found.run(CATALOG.format(**options))
    return found


def test_a_table_is_read_with_the_types_that_it_has(stand_in: StandIn) -> None:
    rows = stand_in.session.workspace.foreign.rows("lakebase", "o", "t")
    assert rows.schema == pa.schema(
        {
            "id": pa.string(),
            "at": pa.timestamp("us", "UTC"),
            "d": pa.date32(),
            "n": pa.int64(),
            "i": pa.int32(),
            "s": pa.int16(),
            "x": pa.float64(),
            "r": pa.float32(),
            "p": pa.decimal128(10, 2),
            "b": pa.bool_(),
            "bytes": pa.binary(),
        }
    )
    (row,) = rows.to_pylist()
    assert row.pop("x") != row.pop("i")
    assert (row["at"], row["p"], row["bytes"]) == (AT, Decimal("1.50"), b"\x00")


def test_a_query_reads_it_by_its_full_name(stand_in: StandIn) -> None:
    engine = stand_in.session.engine
    assert isinstance(engine, RecordingEngine)
    assert (
        stand_in.run("select * from `lakebase`.o.`t` as t join main.shop.orders on true") == "spark"
    )
    assert engine.statements[-1] == (
        "select * from `__lakebase_o_t` as t join `main__shop`.orders on true"
    )


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("select * from lakebase.o.missing", "TABLE_OR_VIEW_NOT_FOUND"),
        ("select * from elsewhere.o.t", "elsewhere"),
        ("create foreign catalog b using connection c options (database 'd')", "name c was not"),
        ("create foreign catalog lakebase using connection pg options (database 'd')", "exists"),
        ("create connection pg type postgresql options (host 'h')", "CONNECTION_ALREADY_EXISTS"),
        ("create connection pg2 type postgresql options (host 'h')", "MISSING_CONNECTION_OPTION"),
        ("drop catalog main", "cannot create or change a CATALOG"),
    ],
)
def test_what_it_refuses(stand_in: StandIn, sql: str, text: str) -> None:
    with pytest.raises(WarehouseError, match=text):
        stand_in.run(sql)


def test_a_server_that_is_away(stand_in: StandIn) -> None:
    stand_in.run(
        "create connection gone type postgresql options "
        "(host '127.0.0.1', port '1', user 'u', password 'hush')"
    )
    stand_in.run("create foreign catalog away using connection gone options (database 'd')")
    with pytest.raises(WarehouseError, match="FAILED_JDBC") as refused:
        stand_in.run("select * from away.o.t")
    assert "hush" not in str(refused.value)


def test_both_can_be_dropped(stand_in: StandIn) -> None:
    assert stand_in.run("drop catalog if exists lakebase cascade") == "drop_foreign_catalog"
    assert stand_in.run("drop connection pg") == "drop_connection"
    stand_in.run(
        "create connection if not exists pg type postgresql options "
        "(host 'h', port '1', user 'u', password 'p')"
    )


def test_the_log_has_no_password() -> None:
    assert "hush" not in without_secrets(CREATE.format(host="h", port=1, user="u", password="hush"))
