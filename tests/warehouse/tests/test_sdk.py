"""The calls of databricks-sdk that an online feature store needs, against the running warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from warehouse.client import Warehouse

if TYPE_CHECKING:
    from postgres_server import PostgresServer

pytestmark = pytest.mark.functional
SOURCE, ONLINE = "main.sdk.spend", "main.sdk.spend_online"
ENDPOINT = "projects/sdk-store/branches/production/endpoints/primary"


@pytest.fixture
def warehouse(online_warehouse: Warehouse) -> Warehouse:
    """A warehouse with a table to publish."""
    online_warehouse.sql("create schema if not exists main.sdk")
    if online_warehouse.sql("show tables in main.sdk") == []:
        online_warehouse.sql(
            f"create table {SOURCE} (id bigint not null, amount double, "
            "constraint spend_pk primary key (id)) using delta "
            "tblproperties ('delta.enableChangeDataFeed' = 'true')"
        )
        online_warehouse.sql(f"insert into {SOURCE} values (1, 1.0)")
    return online_warehouse


@pytest.fixture(params=["token", "machine"])
def client(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Any:
    """The real client, by token or by OAuth for machines."""
    from databricks.sdk import WorkspaceClient

    for name, value in warehouse.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    login = {"token": warehouse.token}
    if request.param == "machine":
        login = {"client_id": "robot", "client_secret": warehouse.token}
    return WorkspaceClient(host=warehouse.url, **login)


def _stores(client: Any) -> list[str]:
    return [item.name for item in client.feature_store.list_online_stores()]


@pytest.fixture
def store(client: Any) -> Iterator[str]:
    """An online store, which must be empty at the end."""
    from databricks.sdk.service import ml

    client.feature_store.create_online_store(ml.OnlineStore("sdk-store", "CU_1"))
    yield "sdk-store"
    client.feature_store.delete_online_store("sdk-store")
    assert "sdk-store" not in _stores(client)


@pytest.fixture
def pipeline(client: Any, warehouse: Warehouse, store: str) -> Iterator[str]:
    """The pipeline of a published table that is online."""
    from databricks.sdk.service import ml

    spec = ml.PublishSpec(store, ONLINE, ml.PublishSpecPublishMode.TRIGGERED)
    published = client.feature_store.publish_table(SOURCE, spec)
    assert published.online_table_name == ONLINE
    warehouse.wait_online(ONLINE)
    yield published.pipeline_id
    warehouse.behave()
    client.feature_store.delete_online_table(ONLINE)
    assert warehouse.synced_table(ONLINE) is None


def test_online_stores(client: Any, store: str) -> None:
    from databricks.sdk import errors
    from databricks.sdk.service import ml

    found = client.feature_store.get_online_store(store)
    assert (found.state, found.creator) == (ml.OnlineStoreState.AVAILABLE, "local@example.com")
    assert store in _stores(client)
    with pytest.raises(errors.AlreadyExists):
        client.feature_store.create_online_store(ml.OnlineStore(store, "CU_1"))
    changed = ml.OnlineStore(store, "CU_2")
    assert client.feature_store.update_online_store(store, changed, "capacity").capacity == "CU_2"
    with pytest.raises(errors.NotFound):
        client.feature_store.delete_online_table(ONLINE)
    with pytest.raises(errors.ResourceDoesNotExist):
        client.database.get_synced_database_table(ONLINE)


def test_a_published_table(client: Any, pipeline: str, store: str) -> None:
    from databricks.sdk import errors
    from databricks.sdk.service import database, ml

    with pytest.raises(errors.AlreadyExists, match="already exists"):
        client.feature_store.publish_table(
            SOURCE, ml.PublishSpec(store, ONLINE, ml.PublishSpecPublishMode.TRIGGERED)
        )
    table = client.database.get_synced_database_table(ONLINE)
    status = table.data_synchronization_status
    states = database.SyncedTableState
    assert status.detailed_state is states.SYNCED_TABLE_ONLINE_NO_PENDING_UPDATE
    assert status.pipeline_id == pipeline
    assert status.triggered_update_status.last_processed_commit_version is not None
    assert table.spec.scheduling_policy is database.SyncedTableSchedulingPolicy.TRIGGERED
    listed = client.database.list_synced_database_tables(store)
    assert [item.name for item in listed] == [ONLINE]
    successor = client.postgres.get_synced_table(f"synced_tables/{ONLINE}").status
    assert successor.detailed_state.value == status.detailed_state.value
    assert successor.last_sync_time.ToDatetime().year >= 2024


def test_updates(client: Any, warehouse: Warehouse, pipeline: str) -> None:
    from databricks.sdk import errors
    from databricks.sdk.service import pipelines

    warehouse.hold_updates()
    update = client.pipelines.start_update(pipeline, full_refresh=True)
    with pytest.raises(errors.ResourceConflict, match="active update"):
        client.pipelines.start_update(pipeline)
    assert client.pipelines.get(pipeline).state is pipelines.PipelineState.RUNNING
    warehouse.release_updates()
    warehouse.wait_online(ONLINE)
    found = client.pipelines.get(pipeline)
    assert found.state is pipelines.PipelineState.IDLE
    assert found.latest_updates[0].update_id == update.update_id
    info = client.pipelines.get_update(pipeline, update.update_id).update
    assert (info.state, info.full_refresh) == (pipelines.UpdateInfoState.COMPLETED, True)
    assert len(client.pipelines.list_updates(pipeline).updates) == 2


def test_instances_and_credentials(
    client: Any, warehouse: Warehouse, postgres_server: PostgresServer
) -> None:
    from databricks.sdk.service import database

    instance = database.DatabaseInstance(name="sdk-store", capacity="CU_1")
    made = client.database.create_database_instance(instance).result(timeout=timedelta(seconds=9))
    assert client.database.find_database_instance_by_uid(uid=made.uid).name == "sdk-store"
    assert "sdk-store" in [item.name for item in client.database.list_database_instances()]
    found = client.database.get_database_instance("sdk-store")
    endpoint = client.postgres.get_endpoint(ENDPOINT)
    assert found.read_write_dns == endpoint.status.hosts.host == postgres_server.host
    branch = next(iter(client.postgres.list_branches("projects/sdk-store")))
    assert [item.name for item in client.postgres.list_endpoints(branch.name)] == [ENDPOINT]
    assert client.postgres.get_project("projects/sdk-store").uid == made.uid

    spec = database.SyncedTableSpec(
        source_table_full_name=SOURCE,
        primary_key_columns=["id"],
        scheduling_policy=database.SyncedTableSchedulingPolicy.SNAPSHOT,
        create_database_objects_if_missing=True,
    )
    client.database.create_synced_database_table(
        database.SyncedDatabaseTable(
            name=ONLINE,
            database_instance_name="sdk-store",
            logical_database_name="main",
            spec=spec,
        )
    )
    warehouse.wait_online(ONLINE)
    user = client.current_user.me().user_name
    credential = client.database.generate_database_credential(instance_names=["sdk-store"])
    assert _read(warehouse.online_dsn("main", user, credential.token)) == [(1, 1.0)]
    credential = client.postgres.generate_database_credential(ENDPOINT)
    assert _read(warehouse.online_dsn("main", user, credential.token)) == [(1, 1.0)]
    client.database.delete_synced_database_table(ONLINE, purge_data=True)
    client.database.delete_database_instance("sdk-store")


def _read(dsn: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute("select * from sdk.spend_online").fetchall()


def test_synced_tables_by_operations(client: Any, store: str) -> None:
    from databricks.sdk.service import postgres

    spec = postgres.SyncedTableSyncedTableSpec(
        branch=f"projects/{store}/branches/production",
        source_table_full_name=SOURCE,
        primary_key_columns=["id"],
        scheduling_policy=(postgres.SyncedTableSyncedTableSpecSyncedTableSchedulingPolicy.SNAPSHOT),
    )
    started = client.postgres.create_synced_table(postgres.SyncedTable(spec=spec), ONLINE)
    made = started.wait()
    states = postgres.SyncedTableState
    assert made.status.detailed_state is states.SYNCED_TABLE_ONLINE_NO_PENDING_UPDATE
    client.postgres.delete_synced_table(f"synced_tables/{ONLINE}").wait()


def test_errors_have_their_classes(client: Any, warehouse: Warehouse) -> None:
    from databricks.sdk import errors
    from databricks.sdk.service import ml

    store = ml.OnlineStore("sdk-store", "CU_1")
    path = "/api/2.0/feature-store/online-stores"
    for status, code, expected in (
        (400, "INVALID_PARAMETER_VALUE", errors.InvalidParameterValue),
        (401, "UNAUTHENTICATED", errors.Unauthenticated),
        (403, "PERMISSION_DENIED", errors.PermissionDenied),
        (404, "RESOURCE_DOES_NOT_EXIST", errors.ResourceDoesNotExist),
        (409, "ALREADY_EXISTS", errors.AlreadyExists),
        (500, "INTERNAL_ERROR", errors.InternalError),
    ):
        warehouse.fail(f"POST {path}", status, code, "no")
        with pytest.raises(expected, match="no"):
            client.feature_store.create_online_store(store)
    warehouse.throttle(f"POST {path}")
    client.feature_store.create_online_store(store)
    assert [item["status"] for item in warehouse.requests(path)][-2:] == [429, 200]
    client.feature_store.delete_online_store("sdk-store")
    with pytest.raises(errors.NotFound):
        client.feature_store.get_online_store("sdk-store")


def test_connections(client: Any, warehouse: Warehouse) -> None:
    from databricks.sdk import errors

    warehouse.sql(
        f"create connection if not exists sdk_api type http options (host '{warehouse.url}', "
        "port '443', base_path '/api/', bearer_token 'dapi-of-nobody')"
    )
    found = client.connections.get("sdk_api")
    assert (found.connection_type.value, found.credential_type.value) == ("HTTP", "BEARER_TOKEN")
    assert "bearer_token" not in found.options
    assert "sdk_api" in [item.name for item in client.connections.list()]
    with pytest.raises(errors.NotFound):
        client.connections.get("nope")
