"""The whole chain: build, publish, wait, look up, check; through the real adapter, API and Postgres.

Online values are compared with the step function on DuckDB, built from the same events.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import conninfo_to_dict

import mlforge_sql as mlf
from databricks_online.payments import (
    LATEST,
    STORE,
    TABLES,
    VELOCITY,
    Payments,
    minutes_ago,
    profile,
)
from mlforge_sql.api.project import LoadedProject
from mlforge_sql.cli import main

if TYPE_CHECKING:
    from postgres_server import PostgresServer
    from warehouse import Warehouse

pytestmark = pytest.mark.functional

CATALOG = "chain_lakebase"
"""Foreign catalog of the Postgres that has the online tables."""

COLUMNS = [
    f"{LATEST}__amount",
    f"{LATEST}__note",
    f"{VELOCITY}__amount_sum_1d",
    f"{VELOCITY}__amount_count_1d",
]
"""Columns of all features, in the order in which they are asked for."""


def compared(payments: Payments) -> tuple[bool, str]:
    """Run the dbt tests that compare online tables with what they come from."""
    chosen = ("--select", "tag:mlforge_online", "--target-path", "target/online")
    return payments.dbt("test", *chosen, target="chain")


def warehouse_id(warehouse: Warehouse) -> str:
    return warehouse.http_path.rpartition("/")[2]


@pytest.fixture(scope="module")
def payments(
    shared_warehouse: Warehouse,
    postgres_server: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Payments]:
    """Two features, built and not published: the command line does that."""
    online = {
        "publish_via": "cli",
        "store": STORE,
        "warehouse_id": warehouse_id(shared_warehouse),
        "foreign_catalog": CATALOG,
    }
    profiles = {"chain": profile("chain", **online)}
    root = tmp_path_factory.mktemp("chain")
    with (
        pytest.MonkeyPatch.context() as patch,
        Payments.make(root, shared_warehouse, profiles) as it,
    ):
        for name, value in it.environment.items():
            patch.setenv(name, value)
        patch.setenv("PGPORT", str(postgres_server.port))
        shared_warehouse.api(
            "POST /api/2.0/feature-store/online-stores", {"name": STORE, "capacity": "CU_1"}
        )
        it.sql("create schema if not exists main.chain_online")
        it.pay(
            ("c1", minutes_ago(30), 10.0, "a"),
            ("c1", minutes_ago(24 * 60 - 3), 4.5, "old"),
            ("c2", minutes_ago(3000), 5.0, None),
            ("c3", minutes_ago(90), 1.0, "it's"),
        )
        options = conninfo_to_dict(shared_warehouse.online_dsn("main"))
        login = ", ".join(f"{key} '{options[key]}'" for key in ("host", "port", "user", "password"))
        it.sql(f"create connection chain_postgres type postgresql options ({login})")
        it.sql(
            f"create foreign catalog {CATALOG} using connection chain_postgres options (database 'main')"
        )
        it.green("build", "--exclude", "path:tests/audit", target="chain")
        yield it
        it.sql(f"drop catalog {CATALOG}")
        it.sql("drop connection chain_postgres")
        shared_warehouse.behave()
        for table in TABLES:
            name = f"main.chain_online.{table}"
            shared_warehouse.api(f"DELETE /api/2.0/feature-store/online-tables/{name}")
        for schema in ("chain_features", "chain_online", it.raw):
            it.sql(f"drop schema if exists main.{schema} cascade")
        shared_warehouse.api(f"DELETE /api/2.0/feature-store/online-stores/{STORE}")


@pytest.fixture
def project(payments: Payments) -> Iterator[LoadedProject]:
    found = mlf.load_project(payments.root)
    yield found
    found.close()


def mlforge(payments: Payments, *arguments: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "120", "NO_COLOR": "1"})
    return runner.invoke(main, ["--project-dir", str(payments.root), "online", *arguments])


def answered(result: Result, code: int = 0) -> Any:
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


# A store that is not filled yet


def said(result: Result) -> str:
    """What a command says, without its line breaks."""
    return " ".join(result.stderr.split())


def test_nothing_is_published_yet(payments: Payments, project: LoadedProject) -> None:
    found = answered(mlforge(payments, "status", "--json"))
    assert [(item["table"], item["state"]) for item in found["tables"]] == [
        (name, "not synced") for name in TABLES
    ]
    with pytest.raises(mlf.OnlineError) as refused:
        project.get_online_features([LATEST], {"customer_id": "c1"})
    assert "no feature is in the online store of profile `chain` yet" in str(refused.value)
    planned = answered(mlforge(payments, "sync", "--dry-run", "--json"))
    assert {item["action"] for item in planned["features"]} == {"publish"}
    assert payments.warehouse.synced_table(f"main.chain_online.{TABLES[0]}") is None


def test_a_sync_brings_what_was_built(payments: Payments) -> None:
    refused = mlforge(payments, "sync", "--as-of", "2024-01-01")
    assert refused.exit_code == 1
    assert "error[MF088]: on Databricks, online tables hold what was built" in said(refused)
    assert "mlforge build --profile chain -- --vars '{as_of: \"...\"}'" in said(refused)


def test_sync_waits_until_the_rows_are_there(payments: Payments) -> None:
    payments.warehouse.provision(tables=2)
    result = mlforge(payments, "sync", "--wait", "--timeout", "300", "--json")
    payments.warehouse.provision()
    done = answered(result)["features"]
    assert [(item["table"], item["action"]) for item in done] == [
        (f"{LATEST}_current", "loaded"),
        (f"{VELOCITY}_current", "loaded"),
        (f"{VELOCITY}_upcoming", "loaded"),
    ]
    assert "PROVISIONING" in result.stderr
    for table in TABLES:
        assert payments.online("chain", table) == payments.offline("chain", table)
    calls = [
        f"{call['method']} {call['status']}"
        for call in payments.warehouse.requests("/feature-store/tables/")
        if "chain_features" in call["path"]
    ]
    assert calls == ["POST 200"] * 3
    found = answered(mlforge(payments, "status", "--json"))["tables"]
    assert [(item["state"], item["mode"], item["versions_behind"]) for item in found] == [
        ("current", "triggered", 0)
    ] * 3


# Lookups


def truth(payments: Payments, at: datetime) -> dict[str, list[Any]]:
    """Each customer's values at an instant, by a loop over the events."""
    events = payments.sql(
        f"select customer_id, at, amount, note from main.{payments.raw}.payments order by at"
    )
    found: dict[str, list[Any]] = {}
    for customer in ("c1", "c2", "c3", "c4", "unknown"):
        own = [row for row in events if row[0] == customer and row[1].replace(tzinfo=None) < at]
        day = [row[2] for row in own if row[1].replace(tzinfo=None) >= at - timedelta(days=1)]
        last = own[-1] if own else (None, None, None, None)
        found[customer] = [last[2], last[3], sum(day) if day else None, len(day)]
    return found


def looked_up(project: LoadedProject, at: datetime | None) -> dict[str, list[Any]]:
    entities = [{"customer_id": name} for name in ("c1", "c2", "c3", "c4", "unknown")]
    rows = project.get_online_features([LATEST, VELOCITY], entities, at=at)
    return {row["customer_id"]: [row[name] for name in COLUMNS] for row in rows}


def test_values_are_those_of_the_instant_without_a_sync(
    payments: Payments, project: LoadedProject
) -> None:
    """Windows empty as time passes: minutes, hours and days after the last build."""
    now = datetime.now(UTC).replace(tzinfo=None)
    assert looked_up(project, None) == truth(payments, now)
    emptied = minutes_ago(90) + timedelta(days=1)
    for at in (
        now + timedelta(minutes=10),
        now + timedelta(hours=20),
        emptied,
        emptied + timedelta(minutes=1),
        now + timedelta(hours=71),
    ):
        assert looked_up(project, at) == truth(payments, at), at
    assert looked_up(project, now + timedelta(hours=71))["c1"] == [10.0, "a", None, 0]


def test_instants_past_the_horizon(payments: Payments, project: LoadedProject) -> None:
    """Three days after the build by default; what has no later rows has no horizon."""
    later = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=3)
    with pytest.raises(mlf.OnlineError) as refused:
        looked_up(project, later)
    (problem,) = refused.value.diagnostics
    assert problem.code == "MF123"
    assert project.get_online_features([LATEST], {"customer_id": "c1"}, at=later) is not None
    tables = answered(mlforge(payments, "status", "--json"))["tables"]
    until = {item["table"]: item["until"] for item in tables if item["until"]}
    assert list(until) == [f"{VELOCITY}_upcoming"]
    reach = datetime.fromisoformat(until[f"{VELOCITY}_upcoming"]).replace(tzinfo=None)
    assert timedelta(minutes=-30) < reach - later < timedelta(0)
    shown = " ".join(mlforge(payments, "status").stdout.split())
    assert f"{reach:%H:%M:%S}" in shown


def test_one_entity_on_the_command_line(payments: Payments) -> None:
    arguments = ("--features", f"{LATEST}:amount", "--entity", "customer_id=c3", "--json")
    found = answered(mlforge(payments, "get", *arguments))
    values = {"customer_id": "c3", f"{LATEST}__amount": 1.0}
    assert found == {"version": 1, "values": values}


def test_new_events_are_behind_until_the_next_sync(
    payments: Payments, project: LoadedProject
) -> None:
    payments.pay(("c4", minutes_ago(5), 8.0, "n"), ("c1", minutes_ago(4), 2.0, "b"))
    payments.green("run", target="chain")
    found = answered(mlforge(payments, "status", "--json"))["tables"]
    assert [(item["state"], item["versions_behind"]) for item in found] == [("behind", 1)] * 3
    assert found[0]["rows_behind"] == 2, "one row is new, one has changed"
    table = mlforge(payments, "status", "--features", LATEST)
    assert "1 version, 2 rows" in table.stdout
    success, text = compared(payments)
    assert not success
    assert "WARN=0 ERROR=3" in text, text
    assert f"FAIL 3 {LATEST}_current__online_equals" in text, "one row is new, one has changed"
    checked = mlforge(payments, "check", "--rows", "100")
    assert checked.exit_code == 1
    assert "FAIL" in checked.stdout
    assert "mlforge online status --profile chain" in checked.stderr
    done = answered(mlforge(payments, "sync", "--wait", "--json"))["features"]
    assert {item["action"] for item in done} == {"loaded"}, "a comparison holds nothing back"
    success, text = compared(payments)
    assert success, text
    assert "WARN=0 ERROR=0" in text, text
    now = datetime.now(UTC).replace(tzinfo=None)
    assert looked_up(project, now) == truth(payments, now)


def test_online_equals_offline(payments: Payments) -> None:
    """Against the step function on the warehouse, now and when windows have emptied."""
    later = (datetime.now(UTC) + timedelta(hours=23, minutes=57)).isoformat()
    for arguments in ((), ("--at", later)):
        found = answered(mlforge(payments, "check", "--json", *arguments))["features"]
        assert [(item["feature"], item["equal"], item["entities"]) for item in found] == [
            (LATEST, True, 4),
            (VELOCITY, True, 4),
        ]


# What can go wrong


def test_lookups_through_the_warehouse_while_the_store_is_away(
    payments: Payments, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    away = mlf.load_project(payments.root)
    now = datetime.now(UTC).replace(tzinfo=None)
    for at in (now, now + timedelta(hours=20), now + timedelta(days=3)):
        assert looked_up(away, at) == truth(payments, at), at
    entity = {"customer_id": "c3"}
    assert away.get_online_features(f"{LATEST}:amount", entity) == {
        **entity,
        f"{LATEST}__amount": 1.0,
    }
    away.close()
    (warned,) = (text for text in caplog.messages if "which is slow" in text)
    assert "the online store of profile `chain` cannot be reached" in warned
    assert mlforge(payments, "check").exit_code == 1, "it would compare the tables with themselves"


def test_a_copy_that_fails(payments: Payments) -> None:
    payments.warehouse.fail_sync("the disk is full")
    result = mlforge(payments, "sync", "--features", LATEST, "--wait")
    assert result.exit_code == 1
    assert (
        "error[MF104]: the online table `main.chain_online.payments_latest_current`"
        in result.stderr
    )
    assert "the disk is full" in result.stderr
    (found,) = answered(mlforge(payments, "status", "--features", LATEST, "--json"))["tables"]
    assert (found["state"], "the disk is full" in found["detail"]) == ("failed", True)
    (done,) = answered(mlforge(payments, "sync", "--features", LATEST, "--wait", "--json"))[
        "features"
    ]
    assert (done["action"], done["reason"].split(":")[0]) == (
        "loaded",
        "it was ONLINE_PIPELINE_FAILED",
    )


def test_time_runs_out(payments: Payments) -> None:
    payments.warehouse.hold_updates()
    result = mlforge(payments, "sync", "--features", LATEST, "--wait", "--timeout", "1")
    payments.warehouse.release_updates()
    assert result.exit_code == 1
    assert "did not get ready within 1 s" in said(result)


def test_what_the_api_refuses(payments: Payments) -> None:
    payments.warehouse.forbid("POST /api/2.0/pipelines/*")
    result = mlforge(payments, "sync", "--features", LATEST)
    payments.warehouse.lift()
    assert result.exit_code == 1
    assert (
        "error[MF102]: starting an update of `main.chain_online.payments_latest_current`: "
        "Databricks answers PERMISSION_DENIED: User does not have permission" in said(result)
    )
    assert payments.warehouse.token not in result.output


def test_a_token_that_is_not_accepted(payments: Payments, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-wrong")
    result = mlforge(payments, "sync")
    assert result.exit_code == 1, result.stderr
    assert "error[MF078]: Databricks does not accept the login of profile `chain`" in said(result)
    assert "dapi-wrong" not in result.output


def test_a_store_that_is_not_there(payments: Payments, tmp_path: Path) -> None:
    profiles = {
        "chain": profile("chain", publish_via="cli", store="no-such-store", schema="chain_new")
    }
    other = Payments(tmp_path, payments.warehouse)
    other.configure(profiles)
    (tmp_path / "features").symlink_to(payments.root / "features")
    result = mlforge(other, "sync", "--features", LATEST)
    assert result.exit_code == 1
    assert "Online store 'no-such-store' does not exist" in said(result)


def test_failed_tests_hold_a_feature_back(payments: Payments) -> None:
    payments.pay(("c9", minutes_ago(2), 5000.0, "too much"))
    success, _ = payments.dbt("build", "--exclude", "path:tests/audit", target="chain")
    assert not success
    payments.sql(f"delete from main.{payments.raw}.payments where amount > 1000")
    result = mlforge(payments, "sync", "--dry-run")
    assert result.exit_code == 1
    assert "its test `payments_velocity__amount__less_than` did not pass" in said(result)
    assert f"{LATEST}_current: update" in result.stderr


def test_credentials_that_end_are_renewed(payments: Payments, project: LoadedProject) -> None:
    payments.warehouse.expire_credentials(2)
    before = len(payments.warehouse.requests("/database/credentials"))
    entity = {"customer_id": "c3"}
    for _ in range(2):
        assert project.get_online_features(f"{LATEST}:amount", entity)[f"{LATEST}__amount"] == 1.0
        payments.warehouse.api("POST /api/2.0/database/credentials", {"instance_names": [STORE]})
        project.serving.store("chain")._pool.close()  # type: ignore[attr-defined]  # of this store alone
    assert len(payments.warehouse.requests("/database/credentials")) >= before + 3, (
        "two are the test's own"
    )
    payments.warehouse.behave()


def test_delete_removes_tables_and_rows(payments: Payments) -> None:
    done = answered(mlforge(payments, "delete", "--features", VELOCITY, "--yes", "--json"))
    assert done["deleted"] == [VELOCITY]
    found = answered(mlforge(payments, "status", "--json"))["tables"]
    assert [item["state"] == "not synced" for item in found] == [False, True, True]
    refused = mlforge(payments, "delete", "--features", VELOCITY, "--yes")
    assert refused.exit_code == 1
    done = answered(mlforge(payments, "delete", "--all", "--yes", "--json"))
    assert done["deleted"] == [LATEST]
    assert payments.version(f"main.chain_features.{LATEST}_current") >= 0, "the feature table stays"
