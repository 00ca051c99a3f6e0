"""Published tables from Spark to Postgres, through the running warehouse."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from warehouse.api_client import SyncedTableError
from warehouse.client import Warehouse

pytestmark = pytest.mark.functional
FEED = "tblproperties ('delta.enableChangeDataFeed' = 'true')"
STORE = "online-tests"
_NUMBERS = itertools.count(1)


class Shop:
    """A schema of its own for one test, with a table and what is online of it."""

    def __init__(self, warehouse: Warehouse, schema: str) -> None:
        self.warehouse = warehouse
        self.table, self.online = f"main.{schema}.spend", f"main.{schema}.spend_online"
        warehouse.sql(f"create schema main.{schema}")

    def create(self, columns: str = "id bigint not null, amount double", key: str = "id") -> None:
        primary = f", constraint spend_pk primary key ({key})" if key else ""
        self.sql(f"create or replace table {{t}} ({columns}{primary}) using delta {FEED}")

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        return self.warehouse.sql(text.format(t=self.table))

    def publish(self, mode: str) -> str:
        spec = {"online_store": STORE, "online_table_name": self.online, "publish_mode": mode}
        path = f"/api/2.0/feature-store/tables/{self.table}/publish"
        answer = self.warehouse.api(f"POST {path}", {"publish_spec": spec})
        assert answer.status == 200, answer
        return str(answer.document["pipeline_id"])

    def published(self, mode: str) -> str:
        pipeline = self.publish(mode)
        self.warehouse.wait_online(self.online)
        return pipeline

    def update(self, pipeline: str, *, full_refresh: bool = False) -> None:
        body = {"full_refresh": full_refresh}
        answer = self.warehouse.api(f"POST /api/2.0/pipelines/{pipeline}/updates", body)
        assert answer.status == 200, answer

    def updated(self, pipeline: str, *, full_refresh: bool = False) -> None:
        self.update(pipeline, full_refresh=full_refresh)
        self.warehouse.wait_online(self.online)

    def rows(self, columns: str = "*") -> list[tuple[Any, ...]]:
        schema, table = self.online.split(".")[1:]
        with psycopg.connect(self.warehouse.online_dsn("main")) as connection:
            connection.execute("set timezone = 'UTC'")
            query = f"select {columns} from {schema}.{table} order by 1"
            return connection.execute(query).fetchall()

    @property
    def version(self) -> int:
        return self.warehouse.data_version(self.table)


@pytest.fixture
def shop(online_warehouse: Warehouse) -> Iterator[Shop]:
    body = {"name": STORE, "capacity": "CU_1"}
    made = online_warehouse.api("POST /api/2.0/feature-store/online-stores", body)
    assert made.status in {200, 409}
    shop = Shop(online_warehouse, f"online_{next(_NUMBERS)}")
    yield shop
    path = f"/api/2.0/feature-store/online-tables/{shop.online}"
    assert online_warehouse.api(f"DELETE {path}").status in {200, 404}


def test_a_snapshot_is_copied_whole(shop: Shop) -> None:
    shop.sql("create table {t} as select id, id * 0.5 as amount from range(3)")
    pipeline = shop.published("SNAPSHOT")
    assert shop.rows() == [(0, Decimal("0.0")), (1, Decimal("0.5")), (2, Decimal("1.0"))]
    shop.sql("create or replace table {t} as select 7 as id, 'new' as name")
    assert len(shop.rows()) == 3
    shop.updated(pipeline)
    assert shop.rows() == [(7, "new")]
    assert shop.warehouse.processed_version(shop.online) == shop.version


def test_a_triggered_table_copies_changes(shop: Shop) -> None:
    shop.create()
    shop.sql("insert into {t} values (1, 1.0), (2, 2.0), (3, 3.0)")
    pipeline = shop.published("TRIGGERED")
    shop.sql("delete from {t} where id = 1")
    shop.sql("update {t} set amount = 20 where id = 2")
    shop.sql("update {t} set id = 30 where id = 3")
    shop.sql(
        "merge into {t} t using (select 4 as id, 4.0 as amount union all select 2, 22.0) s "
        "on t.id = s.id when matched then update set * when not matched then insert *"
    )
    assert shop.rows() == [(1, 1.0), (2, 2.0), (3, 3.0)]
    shop.updated(pipeline)
    assert shop.rows() == [(2, 22.0), (4, 4.0), (30, 3.0)]
    status = shop.warehouse.synced_table(shop.online)
    assert status is not None
    done = status["data_synchronization_status"]["triggered_update_status"]
    assert done["last_processed_commit_version"] == shop.version
    shop.updated(pipeline)
    assert len(shop.rows()) == 3


def test_replaced_rows_and_maintenance(shop: Shop) -> None:
    """Insert overwrite, replace where and versions without data."""
    shop.create()
    shop.sql("insert into {t} values (1, 1.0), (2, 2.0)")
    pipeline = shop.published("TRIGGERED")
    shop.sql("insert overwrite {t} values (2, 2.5), (3, 3.0)")
    shop.sql("insert into {t} replace where id = 3 values (3, 3.5)")
    written = shop.version
    shop.sql("optimize {t}")
    shop.sql("alter table {t} set tblproperties ('a' = 'b')")
    assert shop.sql("select max(version) > " + str(written) + " from (describe history {t})")[0][0]
    shop.updated(pipeline)
    assert shop.rows() == [(2, 2.5), (3, 3.5)]
    assert shop.warehouse.processed_version(shop.online) == written == shop.version


def test_a_continuous_table_follows(shop: Shop) -> None:
    shop.create()
    pipeline = shop.published("CONTINUOUS")
    for number in range(1, 4):
        shop.sql(f"insert into {{t}} values ({number}, {number})")
    shop.sql("delete from {t} where id = 2")
    shop.warehouse.wait_online(shop.online, version=shop.version, timeout_seconds=20)
    assert shop.rows() == [(1, 1.0), (3, 3.0)]
    assert shop.warehouse.sync_state(shop.online) == "ONLINE_CONTINUOUS_UPDATE"
    answer = shop.warehouse.api(f"POST /api/2.0/pipelines/{pipeline}/updates", {})
    assert answer.status == 409
    shop.sql("alter table {t} add column note string")
    shop.sql("insert into {t} values (9, 9.0, 'x')")
    shop.warehouse.wait_online(shop.online, version=shop.version, timeout_seconds=20)
    assert shop.rows()[-1] == (9, 9.0, "x")


@pytest.mark.parametrize("mode", ["TRIGGERED", "CONTINUOUS"])
def test_a_replaced_table_breaks_the_sync(shop: Shop, mode: str) -> None:
    shop.create()
    shop.sql("insert into {t} values (1, 1.0)")
    pipeline = shop.published(mode)
    shop.create("id bigint not null, amount double, more string")
    shop.sql("insert into {t} values (2, 2.0, 'b')")
    if mode == "TRIGGERED":
        shop.update(pipeline)
    shop.warehouse.wait_state(shop.online, "ONLINE_PIPELINE_FAILED", timeout_seconds=20)
    table = shop.warehouse.synced_table(shop.online)
    assert table is not None
    assert "unexpected Delta table" in table["data_synchronization_status"]["message"]
    assert shop.rows() == [(1, 1.0)]
    shop.updated(pipeline, full_refresh=True)
    assert shop.rows() == [(2, 2.0, "b")]
    shop.sql("insert into {t} values (3, 3.0, 'c')")
    if mode == "TRIGGERED":
        shop.update(pipeline)
    shop.warehouse.wait_online(shop.online, version=shop.version)
    assert len(shop.rows()) == 2


def test_every_type_arrives(shop: Shop) -> None:
    shop.create(
        "id string not null, b boolean, i1 tinyint, i2 smallint, i4 int, i8 bigint, r float, "
        "d double, n decimal(12, 3), day date, at timestamp, naive timestamp_ntz, bin binary, "
        "l array<int>, m map<string, int>, s struct<a: int, b: string>"
    )
    shop.sql(
        "insert into {t} select 'k', true, 1, 2, 3, 4, 0.5, 0.1, 1.5, date'2024-01-02', "
        "timestamp'2024-01-02 03:04:05.000006', timestamp_ntz'2024-01-02 03:04:05', x'00ff', "
        "array(1, null), map('a', 1), named_struct('a', 1, 'b', 'it\\'s')"
    )
    shop.sql("insert into {t} (id) values ('nulls')")
    pipeline = shop.published("TRIGGERED")
    at = dt.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    first = (
        "k",
        True,
        1,
        2,
        3,
        4,
        0.5,
        0.1,
        Decimal("1.500"),
        at.date(),
        at,
        dt.datetime(2024, 1, 2, 3, 4, 5),
        b"\x00\xff",
        [1, None],
        {"a": 1},
        {"a": 1, "b": "it's"},
    )
    nulls = ("nulls", *[None] * 15)
    assert shop.rows() == [first, nulls]
    shop.sql("update {t} set id = 'l', l = array(2)  where id = 'k'")
    shop.updated(pipeline)
    assert shop.rows("id, l") == [("l", [2]), ("nulls", None)]


def test_a_time_series_has_its_latest_row_online(shop: Shop) -> None:
    shop.create("id int not null, at timestamp not null, v int", "id, at timeseries")
    shop.sql(
        "insert into {t} values (1, timestamp'2024-01-02', 2), (1, timestamp'2024-01-01', 1), "
        "(2, timestamp'2024-01-01', 3)"
    )
    pipeline = shop.published("TRIGGERED")
    assert shop.rows("id, v") == [(1, 2), (2, 3)]
    shop.sql("insert into {t} values (1, timestamp'2023-01-01', 0), (2, timestamp'2024-02-01', 4)")
    shop.updated(pipeline)
    assert shop.rows("id, v") == [(1, 2), (2, 4)]


def test_null_keys_are_left_out_without_a_word(shop: Shop) -> None:
    shop.sql("create table {t} as select * from values (1, 'a'), (null, 'b') as t(id, name)")
    spec = {
        "source_table_full_name": shop.table,
        "primary_key_columns": ["id"],
        "scheduling_policy": "SNAPSHOT",
    }
    body = {"name": shop.online, "database_instance_name": STORE, "spec": spec}
    assert shop.warehouse.api("POST /api/2.0/database/synced_tables", body).status == 200
    shop.warehouse.wait_online(shop.online)
    assert shop.rows() == [(1, "a")]


@pytest.mark.parametrize("mode", ["SNAPSHOT", "TRIGGERED"])
def test_keys_that_repeat_fail(shop: Shop, mode: str) -> None:
    shop.create()
    shop.sql("insert into {t} values (1, 1.0)")
    pipeline = shop.published(mode)
    shop.sql("insert into {t} values (2, 2.0), (2, 3.0)")
    shop.update(pipeline)
    shop.warehouse.wait_state(shop.online, "ONLINE_PIPELINE_FAILED")
    table = shop.warehouse.synced_table(shop.online)
    assert table is not None
    message = table["data_synchronization_status"]["message"]
    assert "PRIMARY_KEY_CONSTRAINT_VIOLATION" in message
    assert shop.rows() == [(1, 1.0)]


def test_a_dropped_source_fails(shop: Shop) -> None:
    shop.create()
    pipeline = shop.published("TRIGGERED")
    shop.sql("drop table {t}")
    shop.update(pipeline)
    shop.warehouse.wait_state(shop.online, "ONLINE_PIPELINE_FAILED")
    table = shop.warehouse.synced_table(shop.online)
    assert table is not None
    message = table["data_synchronization_status"]["message"]
    schema = shop.table.split(".")[1]
    assert f"`main`.`{schema}`.`spend`" in message


def test_what_publish_asks_of_a_source(shop: Shop) -> None:
    shop.sql("create table {t} (id bigint not null) using delta")
    spec = {"online_store": STORE, "online_table_name": shop.online, "publish_mode": "TRIGGERED"}
    call, body = f"POST /api/2.0/feature-store/tables/{shop.table}/publish", {"publish_spec": spec}
    assert "Change data feed is not enabled" in shop.warehouse.api(call, body).document["message"]
    shop.sql("alter table {t} set tblproperties ('delta.enableChangeDataFeed' = 'true')")
    assert "has no primary key" in shop.warehouse.api(call, body).document["message"]
    shop.sql("alter table {t} add constraint spend_pk primary key (id)")
    assert shop.warehouse.api(call, body).status == 200
    again = shop.warehouse.api(call, body)
    assert (again.status, again.document["error_code"]) == (409, "ALREADY_EXISTS")
    spec["online_table_name"] += "_2"
    missing = shop.warehouse.api(call.replace(".spend/", ".nope/"), body)
    assert (missing.status, missing.document["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_deleted_table_is_gone_in_postgres(shop: Shop) -> None:
    shop.create()
    shop.published("CONTINUOUS")
    path = f"/api/2.0/feature-store/online-tables/{shop.online}"
    assert shop.warehouse.api(f"DELETE {path}").status == 200
    assert shop.warehouse.synced_table(shop.online) is None
    with pytest.raises(psycopg.errors.UndefinedTable):
        shop.rows()


def test_orders_of_a_test(shop: Shop) -> None:
    shop.create()
    api = shop.warehouse
    api.fail_publish(500, "INTERNAL_ERROR", "the backend is away")
    spec = {"online_store": STORE, "online_table_name": shop.online, "publish_mode": "TRIGGERED"}
    call = f"POST /api/2.0/feature-store/tables/{shop.table}/publish"
    answer = api.api(call, {"publish_spec": spec})
    assert (answer.status, answer.document["message"]) == (500, "the backend is away")
    api.provision(tables=0.5)
    pipeline = shop.publish("TRIGGERED")
    api.provision()
    assert api.sync_state(shop.online) == "PROVISIONING_PIPELINE_RESOURCES"
    api.wait_online(shop.online)
    api.hold_updates()
    shop.update(pipeline)
    update = f"POST /api/2.0/pipelines/{pipeline}/updates"
    assert api.api(update, {}).status == 409
    assert api.sync_state(shop.online) == "ONLINE_TRIGGERED_UPDATE"
    api.release_updates()
    api.wait_online(shop.online)
    api.throttle("POST /api/2.0/pipelines/*")
    assert [api.api(update, {}).status for _ in range(2)] == [429, 200]
    api.wait_online(shop.online)
    api.fail_sync("the disk is full")
    shop.update(pipeline)
    with pytest.raises(SyncedTableError, match="ONLINE_PIPELINE_FAILED: the disk is full"):
        api.wait_online(shop.online)
    with pytest.raises(SyncedTableError, match="not ONLINE_NO_PENDING_UPDATE"):
        api.wait_state(shop.online, "ONLINE_NO_PENDING_UPDATE", timeout_seconds=0)
    api.forbid("GET /api/2.0/database/synced_tables/*")
    assert api.synced_table(shop.online) is None
    api.lift()
    asked = [(item["status"], item["caller"]) for item in api.requests(f"{pipeline}/updates")]
    assert asked == [(200, "rest"), (409, "rest"), (429, "rest"), (200, "rest"), (200, "rest")]


def test_the_whole_life_from_sql(shop: Shop) -> None:
    """What a post-hook does: look, publish, look again, update."""
    warehouse = shop.warehouse
    warehouse.put_secret("shop", "token")
    warehouse.sql(
        f"create connection if not exists online_api type http options (host '{warehouse.url}', "
        "port '443', base_path '/api/', bearer_token secret('shop', 'token'))"
    )
    shop.create()
    shop.sql("insert into {t} values (1, 1.0)")

    def call(method: str, path: str, body: str = "null") -> tuple[int, dict[str, Any]]:
        answer = warehouse.sql(
            f"select to_json(http_request(conn => 'online_api', method => '{method}', "
            f"path => '{path}', headers => map('Content-Type', 'application/json'), "
            f"json => {body})) as answer"
        )
        document = json.loads(answer[0][0])
        return document["status_code"], json.loads(document["text"])

    look = f"2.0/database/synced_tables/{shop.online}"
    assert call("GET", look)[0] == 404
    spec = (
        f"to_json(named_struct('publish_spec', named_struct('online_store', '{STORE}', "
        f"'online_table_name', '{shop.online}', 'publish_mode', 'TRIGGERED')))"
    )
    publish = f"2.0/feature-store/tables/{shop.table}/publish"
    status, document = call("POST", publish, spec)
    assert (status, document["online_table_name"]) == (200, shop.online)
    assert call("POST", publish, spec)[1]["error_code"] == "ALREADY_EXISTS"
    warehouse.wait_online(shop.online)
    shop.sql("insert into {t} values (2, 2.0)")
    status, document = call("GET", look)
    assert status == 200
    pipeline = document["data_synchronization_status"]["pipeline_id"]
    update = f"2.0/pipelines/{pipeline}/updates"
    body = "to_json(named_struct('full_refresh', false))"
    assert call("POST", update, body)[0] == 200
    warehouse.wait_online(shop.online, version=shop.version)
    assert shop.rows() == [(1, 1.0), (2, 2.0)]
    sent = warehouse.requests(update)[-1]
    assert (sent["body"], sent["caller"]) == ({"full_refresh": False}, "http_request")
