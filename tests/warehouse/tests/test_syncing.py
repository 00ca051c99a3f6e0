from __future__ import annotations

import threading
import time

import pytest

from warehouse.local_warehouse.online.errors import SyncError
from warehouse.tests.online_stand_in import OnlineStandIn

TABLE = "database/synced_tables/main.shop.orders_online"


def update(online: OnlineStandIn, pipeline: str, **body: object) -> tuple[int, dict[str, object]]:
    return online.call("POST", f"pipelines/{pipeline}/updates", body)


@pytest.mark.parametrize(
    ("mode", "state"),
    [
        ("SNAPSHOT", "ONLINE_NO_PENDING_UPDATE"),
        ("TRIGGERED", "ONLINE_NO_PENDING_UPDATE"),
        ("CONTINUOUS", "ONLINE_CONTINUOUS_UPDATE"),
    ],
)
def test_the_first_copy_is_whole(mode: str, state: str) -> None:
    online = OnlineStandIn()
    online.source.version = 3
    online.online(mode)
    assert online.state() == state
    assert online.target.done == ["replace shop.orders_online 3"]
    kind = "continuous" if mode == "CONTINUOUS" else "triggered"
    done = online.status()[f"{kind}_update_status"]
    assert done["last_processed_commit_version"] == 3
    assert done["timestamp"].endswith("Z")
    assert online.status()["last_sync"]["delta_table_sync_info"] == {
        "delta_commit_version": 3,
        "delta_commit_timestamp": "2024-01-02T00:00:00.000Z",
    }
    assert not online.worker.step()


def test_both_apis_tell_the_same() -> None:
    online = OnlineStandIn()
    online.online()
    status = online.done("GET", f"postgres/{TABLE.removeprefix('database/')}")["status"]
    assert status["detailed_state"] == online.status()["detailed_state"]
    assert status["last_processed_commit_version"] == 0
    assert status["pipeline_id"] == online.status()["pipeline_id"]


@pytest.mark.parametrize(
    ("mode", "body", "done"),
    [
        ("SNAPSHOT", {}, "replace shop.orders_online 5"),
        ("TRIGGERED", {}, "apply shop.orders_online 5"),
        ("TRIGGERED", {"full_refresh": False}, "apply shop.orders_online 5"),
        ("TRIGGERED", {"full_refresh": True}, "replace shop.orders_online 5"),
        ("TRIGGERED", {"full_refresh_selection": ["x"]}, "replace shop.orders_online 5"),
    ],
)
def test_an_update_copies_what_its_mode_says(mode: str, body: dict[str, object], done: str) -> None:
    online = OnlineStandIn()
    pipeline = online.online(mode)
    online.source.version = 5
    assert not online.worker.step()
    status, started = update(online, pipeline, **body)
    assert status == 200
    assert online.state() == "ONLINE_TRIGGERED_UPDATE"
    assert online.worker.step()
    assert online.target.done[1:] == [done]
    assert online.state() == "ONLINE_NO_PENDING_UPDATE"
    listed = online.done("GET", f"pipelines/{pipeline}/updates")["updates"]
    assert (listed[0]["update_id"], listed[0]["state"]) == (started["update_id"], "COMPLETED")


def test_only_versions_since_the_last_are_read() -> None:
    online = OnlineStandIn()
    pipeline = online.online()
    for version in (4, 4, 7):
        online.source.version = version
        update(online, pipeline)
        online.worker.step()
    assert online.source.asked == [
        "snapshot orders 0",
        "changes orders 1-4",
        "changes orders 5-7",
    ]


def test_maintenance_is_read_and_not_shown() -> None:
    online = OnlineStandIn()
    pipeline = online.online()
    online.source.version, online.source.maintained = 5, 2
    update(online, pipeline)
    online.worker.step()
    done = online.status()["triggered_update_status"]
    assert done["last_processed_commit_version"] == 3
    online.source.version, online.source.maintained = 6, 0
    update(online, pipeline)
    online.worker.step()
    assert online.source.asked[1:] == ["changes orders 1-5", "changes orders 6-6"]


def test_a_continuous_table_follows_by_itself() -> None:
    online = OnlineStandIn()
    pipeline = online.online("CONTINUOUS")
    online.source.version = 2
    assert online.worker.step()
    assert online.target.done[1:] == ["apply shop.orders_online 2"]
    assert online.state() == "ONLINE_CONTINUOUS_UPDATE"
    assert not online.worker.step()
    status, document = update(online, pipeline)
    assert (status, document["error_code"]) == (409, "RESOURCE_CONFLICT")
    assert online.done("GET", f"pipelines/{pipeline}")["state"] == "RUNNING"


def test_one_update_at_a_time() -> None:
    online = OnlineStandIn()
    pipeline = online.online()
    online.controls.hold({"updates": True})
    started = update(online, pipeline)[1]["update_id"]
    assert not online.worker.step()
    assert online.done("GET", f"pipelines/{pipeline}")["state"] == "RUNNING"
    assert online.state() == "ONLINE_TRIGGERED_UPDATE"
    status, document = update(online, pipeline)
    assert (status, document["error_code"]) == (409, "RESOURCE_CONFLICT")
    assert f"An active update {started} already exists" in str(document["message"])
    online.controls.hold({"updates": False})
    assert online.worker.step()
    assert update(online, pipeline)[0] == 200


def test_the_first_copy_is_an_update_too() -> None:
    online = OnlineStandIn()
    online.store()
    pipeline = str(online.publish()[1]["pipeline_id"])
    assert update(online, pipeline)[0] == 409


def test_provisioning_takes_its_time() -> None:
    online = OnlineStandIn()
    online.controls.provision({"tables": 0.2})
    online.store()
    online.publish()
    assert not online.worker.step()
    assert online.state() == "PROVISIONING_PIPELINE_RESOURCES"
    time.sleep(0.25)
    assert online.worker.step()
    assert online.state() == "ONLINE_NO_PENDING_UPDATE"


# Failures ---------------------------------------------------------------------------------------


def test_a_first_copy_that_fails_is_offline() -> None:
    online = OnlineStandIn()
    online.target.failure = SyncError("CONNECTION_ERROR", "nobody there")
    pipeline = online.online()
    assert online.state() == "OFFLINE_FAILED"
    message = "[SYNCED_TABLE_USER_ERROR.CONNECTION_ERROR] nobody there"
    assert online.status()["message"] == message
    assert online.status()["failed_status"] == {}
    assert online.done("GET", f"pipelines/{pipeline}")["state"] == "FAILED"
    online.target.failure = None
    assert update(online, pipeline)[0] == 200
    assert online.state() == "PROVISIONING_INITIAL_SNAPSHOT"
    online.worker.step()
    assert online.state() == "ONLINE_NO_PENDING_UPDATE"
    assert online.target.done == ["replace shop.orders_online 0"]


def test_tables_take_turns() -> None:
    """One that always has something new does not keep the others waiting."""
    online = OnlineStandIn()
    online.online("CONTINUOUS")
    assert online.publish("CONTINUOUS", online_table_name="main.shop.second")[0] == 200
    online.worker.step()
    for version in range(1, 5):
        online.source.version = version
        online.worker.step()
    assert [done.split()[1] for done in online.target.done[2:]] == [
        "shop.orders_online",
        "shop.second",
    ] * 2


def test_an_update_that_fails_leaves_the_table_online() -> None:
    online = OnlineStandIn()
    pipeline = online.online()
    online.source.version = 1
    online.controls.fail_sync({"message": "as the test wants it"})
    update(online, pipeline)
    online.worker.step()
    assert online.state() == "ONLINE_PIPELINE_FAILED"
    status = online.status()
    assert status["message"] == "as the test wants it"
    assert status["failed_status"]["last_processed_commit_version"] == 0
    update(online, pipeline)
    online.worker.step()
    assert online.state() == "ONLINE_NO_PENDING_UPDATE"


def test_a_continuous_table_that_fails_stops() -> None:
    online = OnlineStandIn()
    pipeline = online.online("CONTINUOUS")
    online.controls.fail_sync({"message": "no"})
    online.source.version = 1
    online.worker.step()
    assert online.state() == "ONLINE_PIPELINE_FAILED"
    assert online.done("GET", f"pipelines/{pipeline}")["state"] == "FAILED"
    assert not online.worker.step()
    assert update(online, pipeline)[0] == 200
    online.worker.step()
    assert online.state() == "ONLINE_CONTINUOUS_UPDATE"
    assert online.target.done[1:] == ["apply shop.orders_online 1"]


def test_a_replaced_source_breaks_updates_until_a_full_refresh() -> None:
    online = OnlineStandIn()
    pipeline = online.online()
    online.source.table_id = "id-2"
    for body, state in (
        ({}, "ONLINE_PIPELINE_FAILED"),
        ({"full_refresh": False}, "ONLINE_PIPELINE_FAILED"),
        ({"full_refresh": True}, "ONLINE_NO_PENDING_UPDATE"),
        ({}, "ONLINE_NO_PENDING_UPDATE"),
    ):
        assert update(online, pipeline, **body)[0] == 200
        online.worker.step()
        assert online.state() == state
    assert online.target.done == ["replace shop.orders_online 0"] * 2


def test_a_replaced_source_names_both_tables() -> None:
    online = OnlineStandIn()
    pipeline = online.online()
    online.source.table_id = "id-2"
    update(online, pipeline)
    online.worker.step()
    message = online.status()["message"]
    assert message.startswith("[DIFFERENT_DELTA_TABLE_READ_BY_STREAMING_SOURCE]")
    assert "(id = 'id-2')" in message
    assert "(id = 'id-1')" in message


def test_a_replaced_source_breaks_a_continuous_table_by_itself() -> None:
    online = OnlineStandIn()
    pipeline = online.online("CONTINUOUS")
    online.source.table_id = "id-2"
    online.worker.step()
    assert online.state() == "ONLINE_PIPELINE_FAILED"
    update(online, pipeline, full_refresh=True)
    online.worker.step()
    assert online.state() == "ONLINE_CONTINUOUS_UPDATE"


def test_a_continuous_table_takes_a_full_refresh_before_it_notices() -> None:
    online = OnlineStandIn()
    pipeline = online.online("CONTINUOUS")
    table = online.parts.tables.all()[0]
    assert table.position is not None
    table.position = type(table.position)(**{**vars(table.position), "table_id": "id-0"})
    assert update(online, pipeline, full_refresh=True)[0] == 200
    online.worker.step()
    assert online.target.done == ["replace shop.orders_online 0"] * 2


def test_a_snapshot_does_not_care_which_table_it_copies() -> None:
    online = OnlineStandIn()
    pipeline = online.online("SNAPSHOT")
    online.source.table_id = "id-2"
    update(online, pipeline)
    online.worker.step()
    assert online.state() == "ONLINE_NO_PENDING_UPDATE"


# Deleting ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "dropped"),
    [
        ("feature-store/online-tables/main.shop.orders_online", "", True),
        (TABLE, "", False),
        (TABLE, "purge_data=true", True),
        ("postgres/synced_tables/main.shop.orders_online", "", True),
    ],
)
def test_what_a_delete_leaves(path: str, query: str, dropped: bool) -> None:
    online = OnlineStandIn()
    pipeline = online.online()
    online.done("DELETE", path, query=query)
    assert online.target.done[1:] == (["drop main.shop.orders_online"] if dropped else [])
    assert online.call("GET", TABLE)[0] == 404
    assert online.call("GET", f"pipelines/{pipeline}")[0] == 404
    assert online.call("DELETE", path)[0] == 404
    assert online.publish()[0] == 200


def test_unknown_pipelines_and_updates() -> None:
    online = OnlineStandIn()
    pipeline = online.online()
    assert update(online, "nope")[0] == 404
    listed = online.done("GET", "pipelines")["statuses"]
    assert [item["pipeline_id"] for item in listed] == [pipeline]
    assert online.call("GET", f"pipelines/{pipeline}/updates/nope")[0] == 404
    first = online.done("GET", f"pipelines/{pipeline}/updates")["updates"][0]
    got = online.done("GET", f"pipelines/{pipeline}/updates/{first['update_id']}")
    assert got["update"]["cause"] == "USER_ACTION"


# The thread -------------------------------------------------------------------------------------


def test_the_thread_works_and_ends() -> None:
    online = OnlineStandIn()
    online.worker.start()
    online.store()
    online.publish("CONTINUOUS")
    until = time.monotonic() + 5
    while online.state() != "ONLINE_CONTINUOUS_UPDATE" and time.monotonic() < until:
        time.sleep(0.01)
    online.source.version = 1
    while len(online.target.done) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    online.worker.stop()
    assert online.target.done[1:] == ["apply shop.orders_online 1"]
    assert "sync worker" not in {thread.name for thread in threading.enumerate()}


def test_orders_end_with_off() -> None:
    online = OnlineStandIn()
    online.controls.provision({"tables": 5, "stores": 5})
    online.controls.hold({"updates": True})
    online.controls.fail_sync({"message": "no", "times": 2})
    online.controls.expire({"seconds": 1})
    online.controls.off()
    assert vars(online.controls) == {
        **vars(OnlineStandIn().controls),
        "_lock": online.controls._lock,
    }
