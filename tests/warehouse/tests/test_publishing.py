from __future__ import annotations

import pytest

from warehouse.tests.online_stand_in import FEED, OnlineStandIn
from warehouse.tests.stand_in import TOTALS


@pytest.mark.parametrize("mode", ["SNAPSHOT", "TRIGGERED", "CONTINUOUS"])
def test_publish_names_the_table_and_its_pipeline(mode: str) -> None:
    online = OnlineStandIn()
    online.store()
    status, document = online.publish(mode)
    assert status == 200
    assert document["online_table_name"] == "main.shop.orders_online"
    assert online.status()["pipeline_id"] == document["pipeline_id"]
    assert online.state() == "PROVISIONING_PIPELINE_RESOURCES"


def test_a_published_table_says_what_it_is() -> None:
    online = OnlineStandIn()
    online.online()
    table = online.done("GET", "database/synced_tables/main.shop.orders_online")
    assert table["spec"] == {
        "source_table_full_name": "main.shop.orders",
        "primary_key_columns": ["order_id"],
        "scheduling_policy": "TRIGGERED",
        "create_database_objects_if_missing": True,
    }
    assert table["effective_database_instance_name"] == "shop-store"
    assert table["effective_logical_database_name"] == "main"


def test_the_time_series_column_is_not_in_the_key() -> None:
    online = OnlineStandIn(keys=("order_id", "created_at"), time_series="created_at")
    online.store()
    online.publish()
    table = online.parts.tables.all()[0]
    assert (table.placement.keys, table.placement.time_series) == (("order_id",), "created_at")


def test_a_history_without_time_series_is_all_online() -> None:
    online = OnlineStandIn(keys=("order_id", "created_at"))
    online.store()
    online.publish()
    assert online.parts.tables.all()[0].placement.keys == ("order_id", "created_at")


def test_a_snapshot_needs_neither_key_nor_change_data_feed() -> None:
    online = OnlineStandIn(properties={}, keys=())
    online.store()
    assert online.publish("SNAPSHOT")[0] == 200


@pytest.mark.parametrize("mode", ["TRIGGERED", "CONTINUOUS"])
@pytest.mark.parametrize(
    ("properties", "keys", "text"),
    [
        ({}, ("order_id",), "Change data feed is not enabled on the source table 'main.shop.or"),
        ({"delta.enableChangeDataFeed": "false"}, ("order_id",), "SET TBLPROPERTIES"),
        (FEED, (), "The source table 'main.shop.orders' has no primary key"),
    ],
)
def test_other_modes_need_both(
    mode: str, properties: dict[str, str], keys: tuple[str, ...], text: str
) -> None:
    online = OnlineStandIn(properties=properties, keys=keys)
    online.store()
    status, document = online.publish(mode)
    assert (status, document["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert text in document["message"]
    assert online.parts.tables.all() == []


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"online_store": "nope"}, 404, "RESOURCE_DOES_NOT_EXIST"),
        ({"publish_mode": "SOMETIMES"}, 400, "INVALID_PARAMETER_VALUE"),
        ({"online_table_name": "shop.orders"}, 400, "INVALID_PARAMETER_VALUE"),
        ({"online_table_name": "main.shop.orders-online"}, 400, "INVALID_PARAMETER_VALUE"),
        ({"online_table_name": "main.shop." + "a" * 64}, 400, "INVALID_PARAMETER_VALUE"),
        ({"online_table_name": "main.nowhere.orders"}, 404, "SCHEMA_DOES_NOT_EXIST"),
        ({"online_table_name": "nope.shop.orders"}, 404, "CATALOG_DOES_NOT_EXIST"),
        ({"online_table_name": "main.shop.customers"}, 409, "TABLE_ALREADY_EXISTS"),
        ({"online_table_name": ""}, 400, "INVALID_PARAMETER_VALUE"),
    ],
)
def test_refused_orders(changes: dict[str, str], status: int, code: str) -> None:
    online = OnlineStandIn()
    online.store()
    answer = online.publish(**{"mode": changes.pop("publish_mode", "TRIGGERED"), **changes})
    assert (answer[0], answer[1]["error_code"]) == (status, code)


def test_an_order_needs_its_specification() -> None:
    online = OnlineStandIn()
    status, document = online.call("POST", "feature-store/tables/main.shop.orders/publish", {})
    assert (status, document["message"]) == (400, "Missing required field: publish_spec")


def test_a_second_publish_is_refused() -> None:
    online = OnlineStandIn()
    online.online()
    status, document = online.publish()
    assert (status, document["error_code"]) == (409, "ALREADY_EXISTS")
    assert document["message"] == "Online table 'main.shop.orders_online' already exists."


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("[TABLE_OR_VIEW_NOT_FOUND] The table or view cannot be found", 404),
        ("[DELTA_UNSUPPORTED_DESCRIBE_DETAIL_VIEW] it is a view", 400),
    ],
)
def test_the_source_must_be_a_delta_table(text: str, status: int) -> None:
    online = OnlineStandIn()
    online.store()
    online.stand_in.engine.failures["describe detail"] = RuntimeError(text)
    answer = online.publish(source=TOTALS.dotted)
    assert answer[0] == status


def test_names_are_in_lower_case() -> None:
    online = OnlineStandIn()
    online.store()
    status, document = online.publish(source="MAIN.Shop.Orders", online_table_name="Main.Shop.X")
    assert (status, document["online_table_name"]) == (200, "main.shop.x")
    assert online.call("GET", "database/synced_tables/MAIN.shop.X")[0] == 200


# Synced tables without the feature store --------------------------------------------------------


def synced(**changes: object) -> dict[str, object]:
    spec = {
        "source_table_full_name": "main.shop.orders",
        "primary_key_columns": ["ORDER_ID"],
        "scheduling_policy": "SNAPSHOT",
        **changes,
    }
    store = {"database_instance_name": "shop-store", "logical_database_name": "main"}
    return {"name": "main.shop.orders_online", **store, "spec": spec}


def test_a_synced_table_has_the_key_that_it_is_given() -> None:
    online = OnlineStandIn(properties={}, keys=())
    online.store()
    document = online.done("POST", "database/synced_tables", synced())
    assert document["spec"]["primary_key_columns"] == ["order_id"]
    listed = online.done("GET", "database/instances/shop-store/synced_tables")["synced_tables"]
    assert [table["name"] for table in listed] == ["main.shop.orders_online"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"primary_key_columns": ["nope"]}, 400),
        ({"source_table_full_name": None}, 400),
        ({"existing_pipeline_id": "x"}, 501),
    ],
)
def test_refused_synced_tables(changes: dict[str, object], status: int) -> None:
    online = OnlineStandIn()
    online.store()
    assert online.call("POST", "database/synced_tables", synced(**changes))[0] == status


def test_operations_of_the_postgres_api_end() -> None:
    online = OnlineStandIn()
    online.store()
    body = {"spec": {**synced()["spec"], "branch": "projects/shop-store/branches/production"}}  # type: ignore[dict-item]  # nested JSON
    query = "synced_table_id=main.shop.orders_online"
    started = online.done("POST", "postgres/synced_tables", body, query)
    assert started["done"] is False
    online.worker.step()
    ended = online.done("GET", f"postgres/{started['name']}")
    assert ended["done"] is True
    assert ended["response"]["status"]["detailed_state"] == "SYNCED_TABLE_ONLINE_NO_PENDING_UPDATE"
    gone = online.done("DELETE", "postgres/synced_tables/main.shop.orders_online")
    assert online.done("GET", f"postgres/{gone['name']}")["done"] is True
    assert online.call("GET", "postgres/synced_tables/main.shop.orders_online")[0] == 404
    assert online.call("GET", f"postgres/{gone['name']}x")[0] == 404


def test_operations_say_that_they_failed() -> None:
    online = OnlineStandIn()
    online.store()
    online.controls.fail_sync({"message": "the disk is full"})
    body = {"spec": {**synced()["spec"], "branch": "projects/shop-store/branches/production"}}  # type: ignore[dict-item]  # nested JSON
    query = "synced_table_id=main.shop.orders_online"
    started = online.done("POST", "postgres/synced_tables", body, query)
    online.worker.step()
    ended = online.done("GET", f"postgres/{started['name']}")
    assert (ended["done"], ended["error"]["message"]) == (True, "the disk is full")
