"""The real connector against the running warehouse."""

from __future__ import annotations

import datetime as dt
import subprocess
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.error import HTTPError

import psycopg
import pytest
from postgres_server import PostgresServer

from warehouse.client import StatementError, Warehouse, start_warehouse

pytestmark = pytest.mark.functional


@pytest.fixture
def shop(warehouse: Warehouse) -> Iterator[str]:
    """A schema for one test."""
    warehouse.sql("create schema main.shop")
    yield "main.shop"
    warehouse.sql("drop schema if exists main.shop cascade")


def test_values_have_their_types(warehouse: Warehouse) -> None:
    rows = warehouse.sql(
        "select 1, cast(1.5 as decimal(10, 2)), date'2024-01-02', timestamp'2024-01-02 03:04:05', "
        "'text', null, true, array(1, 2), interval 1 day"
    )
    at = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    first = (1, Decimal("1.50"), dt.date(2024, 1, 2), at, "text", None, True, [1, 2])
    assert rows[0][:8] == first


def test_named_and_positional_parameters(warehouse: Warehouse) -> None:
    rows = warehouse.sql("select :id + 1, :name", {"id": 41, "name": "it's"})
    assert rows == [(42, "it's")]
    assert warehouse.sql("select ?", [1.5])[0][0] == pytest.approx(1.5)


def test_delta_keeps_versions(warehouse: Warehouse, shop: str) -> None:
    warehouse.sql(f"create table {shop}.t (id bigint not null) using delta")
    warehouse.sql(f"insert into {shop}.t values (1), (2), (3)")
    before = warehouse.sql(f"select max(timestamp) from (describe history {shop}.t)")[0][0]
    warehouse.sql(f"delete from {shop}.t where id > 1")
    assert warehouse.sql(f"select count(*) from {shop}.t") == [(1,)]
    assert warehouse.sql(f"select count(*) from {shop}.t version as of 1") == [(3,)]
    at = before.strftime("%Y-%m-%d %H:%M:%S.%f")
    assert warehouse.sql(f"select count(*) from {shop}.t timestamp as of '{at}'") == [(3,)]


def test_change_data_feed(warehouse: Warehouse, shop: str) -> None:
    warehouse.sql(
        f"create table {shop}.t (id bigint) tblproperties ('delta.enableChangeDataFeed' = 'true')"
    )
    warehouse.sql(f"insert into {shop}.t values (1)")
    changes = f"select _change_type from table_changes('{shop}.t', 1)"
    assert warehouse.sql(changes) == [("insert",)]


def test_temporary_views_and_tables(warehouse: Warehouse, shop: str) -> None:
    warehouse.sql("create temporary view one as select 1 as id")
    warehouse.sql("create temporary table two as select 2 as id")
    warehouse.sql("insert into two values (3)")
    assert warehouse.sql("select id from one union select id from two order by id") == [
        (1,),
        (2,),
        (3,),
    ]
    warehouse.sql("drop table two")
    warehouse.sql("drop view one")
    assert warehouse.sql(f"show tables in {shop}") == []


def test_helper_views_are_out_of_sight(warehouse: Warehouse, shop: str) -> None:
    warehouse.sql(f"create view {shop}.v as select /*+ repartition(1) */ 1 as id")
    views = "select table_name, view_definition from main.information_schema.views"
    assert warehouse.sql(views) == [("v", "select /*+ repartition(1) */ 1 as id")]
    assert [row[1] for row in warehouse.sql(f"show tables in {shop}")] == ["v"]


def test_large_results_come_in_pages(warehouse: Warehouse) -> None:
    rows = warehouse.sql("select id, id * 2 from range(250000) order by id")
    assert len(rows) == 250_000
    assert rows[-1] == (249_999, 499_998)


def test_batched_insert(warehouse: Warehouse, shop: str) -> None:
    warehouse.sql(f"create table {shop}.t (id bigint, name string)")
    values = ", ".join(f"({number}, 'name {number}')" for number in range(2000))
    warehouse.sql(f"insert into {shop}.t values {values}")
    assert warehouse.sql(f"select count(*), max(id) from {shop}.t") == [(2000, 1999)]


@pytest.mark.parametrize(
    ("sql", "text", "state"),
    [
        (
            "select * from main.default.nope",
            "[TABLE_OR_VIEW_NOT_FOUND] The table or view `main`.`default`.`nope` cannot be found.",
            "42P01",
        ),
        ("select * from nope.a.b", "Catalog 'nope' was not found", "42704"),
        ("select nope from range(1)", "[UNRESOLVED_COLUMN.WITH_SUGGESTION]", "42703"),
        ("create streaming table a as select 1", "has no rule for this one", "42601"),
        ("select 1 / 0", "[DIVIDE_BY_ZERO]", "22012"),
    ],
)
def test_errors_have_text_and_state(warehouse: Warehouse, sql: str, text: str, state: str) -> None:
    with pytest.raises(StatementError) as refused:
        warehouse.sql(sql)
    assert text in str(refused.value)
    assert warehouse.statements()[-1]["state"] == state


def test_sessions_run_side_by_side(warehouse: Warehouse) -> None:
    answers: list[tuple[object, ...]] = []

    def work(number: int) -> None:
        connection = warehouse.connect()
        connection.sql(f"create temporary view mine as select {number} as id")
        answers.extend(connection.sql("select id from mine"))
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [(0,), (1,), (2,), (3,)]


def test_a_wrong_token_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(StatementError, match="Invalid access token"):
        warehouse.connect(token="wrong").sql("select 1")


def test_a_missing_token_is_refused(warehouse: Warehouse) -> None:
    stranger = Warehouse(**{**vars(warehouse), "token": "", "_connections": [], "_first": None})
    with pytest.raises(HTTPError, match="403"):
        stranger.control("reset")


def test_denied_privileges(warehouse: Warehouse) -> None:
    warehouse.deny("create schema")
    with pytest.raises(StatementError, match="User does not have CREATE SCHEMA"):
        warehouse.sql("create schema main.secret")
    warehouse.allow()
    assert warehouse.sql("show schemas in main like 'secret'") == []


def test_a_busy_warehouse_is_asked_again(warehouse: Warehouse) -> None:
    warehouse.sql("select 1")
    warehouse.control("unavailable", {"requests": 1})
    assert warehouse.sql("select 2") == [(2,)]


def test_reset_drops_everything(warehouse: Warehouse) -> None:
    warehouse.sql("create schema dev.lab")
    warehouse.sql("create table dev.lab.t as select 1 as id")
    warehouse.reset()
    assert warehouse.statements() == []
    assert warehouse.sql("show schemas in dev") == [("default",)]


def test_a_reset_table_can_be_made_again(warehouse: Warehouse) -> None:
    for _ in range(2):
        warehouse.sql("create table main.default.again as select 1 as id")
        warehouse.reset()


def _java_processes(folder: Path) -> list[str]:
    shown = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True)
    return [line for line in shown.stdout.splitlines() if str(folder) in line]


def test_a_crash_in_the_middle_of_a_run_leaves_nothing(environment: Path, tmp_path: Path) -> None:
    with start_warehouse(environment, tmp_path / "crashed") as crashed:
        crashed.sql("select 1")
        crashed.stop_at("select 2")
        with pytest.raises(StatementError):
            crashed.sql("select 2")
        assert not crashed.running
    assert _java_processes(tmp_path) == []


def test_stop_leaves_no_process(
    environment: Path, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    """Neither a Java process nor a connection to Postgres, while a table is being followed."""
    running = start_warehouse(environment, tmp_path / "stopped", postgres=postgres_server.dsn())
    assert _java_processes(tmp_path)
    online = _publish_continuously(running)
    running.reset()
    assert running.synced_table(online) is None
    assert _left_in_postgres(postgres_server) == 0
    online = _publish_continuously(running)
    started = time.monotonic()
    running.stop()
    assert time.monotonic() - started < 20
    assert _java_processes(tmp_path) == []
    with psycopg.connect(postgres_server.dsn()) as connection:
        query = "select count(*) from pg_stat_activity where application_name = 'local_warehouse'"
        assert connection.execute(query).fetchone() == (0,)


def _publish_continuously(running: Warehouse) -> str:
    stores, source = "POST /api/2.0/feature-store/online-stores", "main.stopping.t"
    assert running.api(stores, {"name": "stopping", "capacity": "CU_1"}).status == 200
    running.sql("create schema main.stopping")
    running.sql(
        f"create table {source} (id bigint not null, constraint t_pk primary key (id)) using delta "
        "tblproperties ('delta.enableChangeDataFeed' = 'true')"
    )
    online = f"{source}_online"
    spec = {"online_store": "stopping", "online_table_name": online, "publish_mode": "CONTINUOUS"}
    publish = f"POST /api/2.0/feature-store/tables/{source}/publish"
    assert running.api(publish, {"publish_spec": spec}).status == 200
    running.wait_online(online)
    return online


def _left_in_postgres(server: PostgresServer) -> int:
    with psycopg.connect(server.dsn("main")) as connection:
        query = "select count(*) from pg_tables where schemaname = 'stopping'"
        found = connection.execute(query).fetchone()
    assert found is not None
    return int(found[0])
