"""The stand-in for a workspace's own warehouse, tried on the local one."""

from __future__ import annotations

import pytest
from live_warehouse import LiveWarehouse
from warehouse import Warehouse


def test_it_reads_where_the_warehouse_is_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "https://w.invalid/")
    monkeypatch.setenv("DATABRICKS_TOKEN", "secret")
    monkeypatch.delenv("DATABRICKS_HTTP_PATH", raising=False)
    with pytest.raises(KeyError, match="DATABRICKS_HTTP_PATH"):
        LiveWarehouse.of_environment()
    monkeypatch.setenv("DATABRICKS_HTTP_PATH", "/sql/1.0/warehouses/1")
    found = LiveWarehouse.of_environment()
    assert (found.host, found.url) == ("w.invalid", "https://w.invalid")
    assert "secret" not in repr(found)


def test_it_runs_statements_in_utc(shared_warehouse: Warehouse) -> None:
    if not isinstance(shared_warehouse, Warehouse):
        pytest.skip("the shared warehouse is a workspace's already")
    live = LiveWarehouse(
        f"{shared_warehouse.host}:{shared_warehouse.port}",
        shared_warehouse.token,
        shared_warehouse.http_path,
        {
            "_connection_uri": f"{shared_warehouse.url}{shared_warehouse.http_path}",
            "_tls_trusted_ca_file": str(shared_warehouse.certificate),
            "enable_telemetry": False,
        },
    )
    assert live.sql("select 1, current_timezone()") == [(1, "UTC")]
    live.stop()
