from __future__ import annotations

import time

import pytest

from warehouse.tests.online_stand_in import OnlineStandIn

STORES = "feature-store/online-stores"
ENDPOINT = "projects/shop-store/branches/production/endpoints/primary"


def test_a_store_has_three_names() -> None:
    online = OnlineStandIn()
    created = online.store()
    assert (created["name"], created["capacity"], created["state"]) == (
        "shop-store",
        "CU_1",
        "AVAILABLE",
    )
    assert online.done("GET", f"{STORES}/shop-store") == created
    instance = online.done("GET", "database/instances/shop-store")
    assert (instance["read_write_dns"], instance["state"]) == ("127.0.0.1", "AVAILABLE")
    endpoint = online.done("GET", f"postgres/{ENDPOINT}")
    assert endpoint["status"]["hosts"] == {"host": "127.0.0.1"}


def test_stores_are_found_by_uid() -> None:
    online = OnlineStandIn()
    online.store()
    uid = online.done("GET", "database/instances/shop-store")["uid"]
    found = online.done("GET", "database/instances:findByUid", query=f"uid={uid}")
    assert found["name"] == "shop-store"
    assert online.call("GET", "database/instances:findByUid", query="uid=no")[0] == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "shop-store", "capacity": "CU_1"}, 409, "ALREADY_EXISTS"),
        ({"name": "shop_store", "capacity": "CU_1"}, 400, "INVALID_PARAMETER_VALUE"),
        ({"name": "Shop", "capacity": "CU_1"}, 400, "INVALID_PARAMETER_VALUE"),
        ({"name": "a" * 64, "capacity": "CU_1"}, 400, "INVALID_PARAMETER_VALUE"),
        ({"name": "other", "capacity": "CU_3"}, 400, "INVALID_PARAMETER_VALUE"),
        ({"name": "other"}, 400, "INVALID_PARAMETER_VALUE"),
        ({"capacity": "CU_1"}, 400, "INVALID_PARAMETER_VALUE"),
    ],
)
def test_refused_stores(body: dict[str, str], status: int, code: str) -> None:
    online = OnlineStandIn()
    online.store()
    answer = online.call("POST", STORES, body)
    assert (answer[0], answer[1]["error_code"]) == (status, code)


def test_stores_are_listed_in_pages() -> None:
    online = OnlineStandIn()
    for name in ("b", "a", "c"):
        online.store(name)
    first = online.done("GET", STORES, query="page_size=2")
    assert [store["name"] for store in first["online_stores"]] == ["a", "b"]
    rest = online.done("GET", STORES, query=f"page_size=2&page_token={first['next_page_token']}")
    assert [store["name"] for store in rest["online_stores"]] == ["c"]
    assert "next_page_token" not in rest
    everything = online.done("GET", STORES, query="page_size=0")
    assert len(everything["online_stores"]) == 3
    assert "next_page_token" not in everything
    for wrong in ("page_token=x", "page_token=-1", "page_size=-1"):
        assert online.call("GET", STORES, query=wrong)[0] == 400


def test_a_store_changes_its_capacity() -> None:
    online = OnlineStandIn()
    online.store()
    body = {"name": "shop-store", "capacity": "CU_4"}
    changed = online.done("PATCH", f"{STORES}/shop-store", body, "update_mask=capacity")
    assert changed["capacity"] == "CU_4"
    assert online.call("PATCH", f"{STORES}/shop-store", body, "update_mask=name")[0] == 400


def test_a_store_goes_when_it_is_empty() -> None:
    online = OnlineStandIn()
    online.online()
    status, document = online.call("DELETE", f"{STORES}/shop-store")
    assert (status, document["error_code"]) == (400, "INVALID_STATE")
    assert "main.shop.orders_online" in document["message"]
    online.done("DELETE", "feature-store/online-tables/main.shop.orders_online")
    online.done("DELETE", f"{STORES}/shop-store")
    assert online.call("GET", f"{STORES}/shop-store")[0] == 404
    assert online.call("DELETE", f"{STORES}/shop-store")[0] == 404


def test_a_new_store_takes_its_time() -> None:
    online = OnlineStandIn()
    online.controls.provision({"stores": 0.3})
    assert online.store()["state"] == "STARTING"
    status, document = online.publish()
    assert (status, document["error_code"]) == (400, "INVALID_STATE")
    time.sleep(0.35)
    assert online.done("GET", f"{STORES}/shop-store")["state"] == "AVAILABLE"
    assert online.publish()[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "projects/nope",
        "projects/shop-store/branches/nope",
        "projects/shop-store/branches/production/endpoints/nope",
    ],
)
def test_unknown_parts_of_a_project(path: str) -> None:
    online = OnlineStandIn()
    online.store()
    status, document = online.call("GET", f"postgres/{path}")
    assert (status, document["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_projects_list_what_is_in_them() -> None:
    online = OnlineStandIn()
    online.online()
    branch = "postgres/projects/shop-store/branches"
    assert online.done("GET", "postgres/projects")["projects"][0]["name"] == "projects/shop-store"
    assert online.done("GET", branch)["branches"][0]["status"]["default"] is True
    assert online.done("GET", f"{branch}/production/endpoints")["endpoints"][0]["name"] == ENDPOINT
    databases = online.done("GET", f"{branch}/production/databases")["databases"]
    assert [item["status"]["postgres_database"] for item in databases] == ["main"]


def test_credentials_end() -> None:
    online = OnlineStandIn()
    online.store()
    online.controls.expire({"seconds": 60})
    first = online.done("POST", "database/credentials", {"instance_names": ["shop-store"]})
    second = online.done("POST", "postgres/credentials", {"endpoint": ENDPOINT})
    assert first["token"] != second["token"]
    assert online.target.admitted == [
        ("local@example.com", first["expiration_time"]),
        ("local@example.com", second["expire_time"]),
    ]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("database/credentials", {"instance_names": ["nope"]}, 404),
        ("database/credentials", {}, 400),
        ("postgres/credentials", {"endpoint": "projects/nope/branches/b/endpoints/e"}, 404),
        ("postgres/credentials", {}, 400),
    ],
)
def test_credentials_are_for_a_store(path: str, body: dict[str, object], status: int) -> None:
    online = OnlineStandIn()
    online.store()
    assert online.call("POST", path, body)[0] == status
    assert online.target.admitted == []
