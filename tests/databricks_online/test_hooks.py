"""Hooks through real dbt on the local warehouse: what is asked of the API, and what arrives in Postgres.

A dbt run takes its time, so the tests of a profile follow one another in one story.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from warehouse import StatementError

from databricks_online.payments import (
    LATEST,
    STORE,
    TABLES,
    VELOCITY,
    Payments,
    minutes_ago,
    profile,
)
from mlforge_sql.cli import main

if TYPE_CHECKING:
    from warehouse import Warehouse

pytestmark = pytest.mark.functional

PROFILES = {
    "live": profile("live"),
    "eager": profile("eager", publish_when="built"),
    "snapshot": profile("snapshot", sync_mode="snapshot"),
    "continuous": profile("continuous", sync_mode="continuous"),
    "lenient": profile("lenient", on_error="warn", connection="no_such_connection"),
    "by_hand": profile("by_hand", publish_via="cli"),
}
CURRENT = f"{LATEST}_current"
ONE = ("run", "--select", CURRENT)
CHAIN = ("run", "--select", f"+{CURRENT}")
WITHOUT_AUDITS = ("build", "--exclude", "path:tests/audit")
PUBLISHING = ["old:{} 404", "new:{} 404", "table:{} 200", "old:{} 200"]


@pytest.fixture(scope="module")
def payments(
    shared_warehouse: Warehouse,
    postgres_server: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Payments]:
    del postgres_server  # without one there are no online stores
    root = tmp_path_factory.mktemp("hooks")
    with Payments.make(root, shared_warehouse, PROFILES) as project:
        project.pay(
            ("c1", minutes_ago(30), 10.0, "a"),
            ("c2", minutes_ago(3000), 5.0, None),
            ("c3", minutes_ago(90), 1.0, "it's"),
        )
        yield project
    shared_warehouse.behave()
    for name in PROFILES:
        for table in TABLES:
            shared_warehouse.api(
                f"DELETE /api/2.0/feature-store/online-tables/main.{name}_online.{table}"
            )
        for schema in (f"{name}_features", f"{name}_online"):
            shared_warehouse.sql(f"drop schema if exists main.{schema} cascade")
    shared_warehouse.sql("drop connection if exists mlforge_api")
    shared_warehouse.api(f"DELETE /api/2.0/feature-store/online-stores/{STORE}")


class Calls:
    """The calls of hooks since it was made."""

    def __init__(self, payments: Payments) -> None:
        self._payments = payments
        self._before = len(payments.asked())

    def __call__(self) -> list[str]:
        return self._payments.asked(self._before)


def refused(payments: Payments, *arguments: str, target: str) -> str:
    """What dbt says of a run that must fail, on one line."""
    success, text = payments.dbt(*arguments, target=target)
    assert not success, text
    return " ".join(text.split())


def built(payments: Payments, name: str) -> Result:
    """`mlforge build` of the first feature."""
    runner = CliRunner(env={**payments.environment, "COLUMNS": "80", "NO_COLOR": "1"})
    arguments = ["build", "--profile", name, "--features", LATEST]
    arguments += ["--", *WITHOUT_AUDITS[1:]]
    return runner.invoke(main, ["--project-dir", str(payments.root), *arguments])


def said(result: Result) -> str:
    """What a command says, without its line breaks."""
    return " ".join(result.stderr.split())


# The setup, missing part by part


def test_without_a_connection_the_run_fails_and_the_tables_are_built(payments: Payments) -> None:
    calls = Calls(payments)
    text = refused(payments, "run", target="live")
    assert "[CONNECTION_NOT_FOUND]" in text
    assert "payments.on-run-end.2 failed" in text
    assert "keyboard interrupt" not in text
    assert payments.sql(f"select count(*) from main.live_features.{CURRENT}") == [(3,)]
    assert calls() == []


def test_without_the_store_the_api_says_so(payments: Payments) -> None:
    payments.set_up("live", 0, 1, 2, 3, 4, 5, 6)
    calls = Calls(payments)
    text = refused(payments, *ONE, target="live")
    assert (
        f"the online table main.live_online.{CURRENT}: publish answered 404, "
        f"RESOURCE_DOES_NOT_EXIST: Online store '{STORE}' does not exist." in text
    )
    assert calls()[-1] == f"POST table:main.live_features.{CURRENT}/publish 404"


def test_without_the_privilege(payments: Payments) -> None:
    payments.warehouse.deny("USE CONNECTION")
    try:
        text = refused(payments, *ONE, target="live")
    finally:
        payments.warehouse.allow()
    assert "User does not have USE CONNECTION on Connection 'mlforge_api'" in text
    assert "keyboard interrupt" not in text


def test_the_setup_is_what_is_needed(payments: Payments) -> None:
    payments.set_up("live", 7, 8)
    ((state,),) = payments.sql("select 1")
    assert state == 1
    assert [item["name"] for item in payments.stores()] == [STORE]


# A failing validator, before anything is online


def test_a_failing_validator_keeps_its_feature_offline(payments: Payments) -> None:
    """The other feature is published: in one run, tests and all."""
    payments.pay(("c9", minutes_ago(20), 5000.0, "too much"))
    calls = Calls(payments)
    text = refused(payments, *WITHOUT_AUDITS, target="live")
    assert "payments_velocity__amount__less_than" in text
    assert f"online: main.live_online.{CURRENT}: published as TRIGGERED" in text
    assert not any(VELOCITY in call for call in calls())
    payments.sql(f"delete from main.{payments.raw}.payments where amount > 1000")


def test_a_failing_test_of_the_table_itself_keeps_it_offline(payments: Payments) -> None:
    """The table is built by then; a post-hook would have published it."""
    test = payments.root / "dbt" / "tests" / "no_customers.sql"
    test.write_text(f"select * from {{{{ ref('{VELOCITY}_current') }}}}\n", encoding="utf-8")
    calls = Calls(payments)
    try:
        text = refused(payments, *WITHOUT_AUDITS, target="live")
    finally:
        test.unlink()
    assert payments.sql(f"select count(*) from main.live_features.{VELOCITY}_current") == [(3,)]
    assert (
        f"online: {VELOCITY}_current is not published: its test no_customers did not pass" in text
    )
    assert not any(VELOCITY in call for call in calls())
    assert any(f"old:main.live_online.{CURRENT}" in call for call in calls()), "the other one is"


# Create, refresh, full refresh


def test_the_first_run_publishes(payments: Payments) -> None:
    calls = Calls(payments)
    text = payments.green(*WITHOUT_AUDITS, target="live")
    for table in TABLES[1:]:
        assert f"online: main.live_online.{table}: published as TRIGGERED" in text
    asked = [call.split(" ", 1)[1] for call in calls() if VELOCITY in call]
    assert asked == [
        line.replace(
            "{}",
            f"main.live_features.{table}/publish"
            if "table:" in line
            else f"main.live_online.{table}",
        )
        for table in TABLES[1:]
        for line in PUBLISHING
    ], "the current values first"
    payments.settled("live")
    assert payments.online("live", CURRENT) == payments.offline("live", CURRENT)
    for table in TABLES[1:]:
        assert payments.online("live", table) == payments.offline("live", table)
    later = payments.online("live", f"{VELOCITY}_upcoming")
    assert len(later) == 3, "two rows, and one of no entity that says how far they reach"
    (body,) = payments.bodies(f"/tables/main.live_features.{VELOCITY}_current/publish")
    assert body == {
        "publish_spec": {
            "online_store": STORE,
            "online_table_name": f"main.live_online.{VELOCITY}_current",
            "publish_mode": "TRIGGERED",
        }
    }


def test_the_second_run_updates_and_publishes_nothing_again(payments: Payments) -> None:
    payments.pay(("c1", minutes_ago(5), 7.0, "b"), ("c4", minutes_ago(4), 2.0, None))
    payments.sql(f"delete from main.{payments.raw}.payments where customer_id = 'c3'")
    calls = Calls(payments)
    payments.green("run", target="live")
    assert not any("/publish" in call for call in calls())
    assert [call for call in calls() if "updates" in call] == ["POST pipelines/updates 200"] * 3
    assert payments.bodies("/updates")[-3:] == [{"full_refresh": False}] * 3
    payments.settled("live")
    for table in TABLES:
        assert payments.online("live", table) == payments.offline("live", table)
    assert [row[0] for row in payments.online("live", CURRENT)] == ["c1", "c2", "c4"]


def test_the_command_line_shows_what_was_published(payments: Payments) -> None:
    result = built(payments, "live")
    assert result.exit_code == 0, result.stderr
    assert f"online: main.live_online.{CURRENT}: update started: its table was built" in said(
        result
    )
    payments.settled("live", [CURRENT])


def test_a_full_refresh_is_passed_on(payments: Payments) -> None:
    """The table is another one after it, which an ordinary update could not follow."""
    payments.green(*ONE, "--full-refresh", target="live")
    assert payments.bodies("/updates")[-1] == {"full_refresh": True}
    payments.settled("live", [CURRENT])
    assert payments.online("live", CURRENT) == payments.offline("live", CURRENT)


# Failures


def test_an_update_that_runs_already_is_fine(payments: Payments) -> None:
    warehouse = payments.warehouse
    warehouse.hold_updates()
    payments.green(*ONE, target="live")
    calls = Calls(payments)
    text = payments.green(*ONE, target="live")
    assert f"online: main.live_online.{CURRENT}: an update is running already" in text
    assert "POST pipelines/updates 409" in calls()
    warehouse.release_updates()
    payments.settled("live", [CURRENT])


@pytest.mark.parametrize(
    ("call", "what"),
    [
        ("GET /api/2.0/database/synced_tables/*", "the lookup"),
        ("POST /api/2.0/pipelines/*", "the update"),
    ],
)
def test_what_the_api_refuses_fails_the_run_in_its_words(
    payments: Payments, call: str, what: str
) -> None:
    payments.warehouse.forbid(call)
    try:
        text = refused(payments, *ONE, target="live")
    finally:
        payments.warehouse.lift()
    assert (
        f"the online table main.live_online.{CURRENT}: {what} answered 403, PERMISSION_DENIED: "
        "User does not have permission" in text
    )


def test_a_failed_copy_is_repaired_by_the_next_run(payments: Payments) -> None:
    warehouse = payments.warehouse
    name = f"main.live_online.{CURRENT}"
    warehouse.fail_sync("the disk is full")
    payments.pay(("c5", minutes_ago(3), 3.0, "z"))
    payments.dbt("run", "--select", f"stg_payments+1 {LATEST} {CURRENT}", target="live")
    warehouse.wait_state(name, "ONLINE_PIPELINE_FAILED")
    assert len(payments.online("live", CURRENT)) == 3, "what was online stays so"
    text = payments.green(*ONE, target="live")
    assert "full refresh started: it was ONLINE_PIPELINE_FAILED: the disk is full" in text
    assert payments.bodies("/updates")[-1] == {"full_refresh": True}
    payments.settled("live", [CURRENT])
    assert payments.online("live", CURRENT) == payments.offline("live", CURRENT)


def test_somebody_else_has_published_it_meanwhile(payments: Payments) -> None:
    """Two runs at once: the one that is late finds it there, and updates it."""
    warehouse = payments.warehouse
    name = f"main.live_online.{CURRENT}"
    missing = (404, "RESOURCE_DOES_NOT_EXIST", "not there yet")
    for path in ("database", "postgres"):
        warehouse.fail(f"GET /api/2.0/{path}/synced_tables/{name}", *missing)
    calls = Calls(payments)
    text = payments.green(*ONE, target="live")
    assert "update started" in text
    assert [call.split()[2] for call in calls()[1:]] == ["404", "404", "409", "200", "200", "200"]


# Other commands


def test_no_hook_in_other_commands(payments: Payments) -> None:
    calls = Calls(payments)
    for target in ("live", "eager"):
        payments.green("parse", "--no-partial-parse", target=target)
    payments.green("compile", "--select", CURRENT, target="eager")
    payments.dbt("test", "--select", CURRENT, target="live")
    payments.green("run", "--empty", "--select", CURRENT, target="live")
    one = ("--select", f"+{CURRENT}", "--indirect-selection", "cautious")  # no test of other tables
    payments.green("build", *one, target="by_hand")
    assert calls() == []
    with pytest.raises(StatementError):
        payments.sql("select * from main.by_hand_online.nothing")


# Other ways


def test_as_soon_as_a_table_is_built(payments: Payments) -> None:
    """Before its tests, and the current values before the later rows."""
    payments.set_up("eager", 2)
    calls = Calls(payments)
    payments.green("run", target="eager")
    published = [call for call in calls() if "/publish 200" in call]
    assert sorted(published) == sorted(
        f"POST table:main.eager_features.{table}/publish 200" for table in TABLES
    )
    assert published.index(published[-1]) == 2
    assert "upcoming" in published[2]
    payments.settled("eager")
    for table in TABLES:
        assert payments.online("eager", table) == payments.offline("eager", table)
    payments.warehouse.fail_update(403, "PERMISSION_DENIED", "You may not")
    text = refused(payments, *ONE, target="eager")
    assert "ERROR creating sql incremental model eager_features.payments_latest_current" in text
    assert "the update answered 403, PERMISSION_DENIED: You may not" in text


def test_snapshots(payments: Payments) -> None:
    payments.set_up("snapshot", 2)
    payments.green(*CHAIN, target="snapshot")
    payments.settled("snapshot", [CURRENT])
    payments.pay(("c6", minutes_ago(2), 3.0, "s"))
    payments.green(*CHAIN, target="snapshot")
    assert payments.bodies("/updates")[-1] == {"full_refresh": False}
    payments.settled("snapshot", [CURRENT])
    assert "c6" in [row[0] for row in payments.online("snapshot", CURRENT)]
    assert payments.online("snapshot", CURRENT) == payments.offline("snapshot", CURRENT)
    (body,) = payments.bodies(f"/tables/main.snapshot_features.{CURRENT}/publish")
    assert body["publish_spec"]["publish_mode"] == "SNAPSHOT"


def test_continuous_tables_follow_by_themselves(payments: Payments) -> None:
    payments.set_up("continuous", 2)
    payments.green(*CHAIN, target="continuous")
    payments.settled("continuous", [CURRENT])
    payments.pay(("c7", minutes_ago(1), 3.0, "s"))
    calls = Calls(payments)
    text = payments.green(*CHAIN, target="continuous")
    assert "it follows every change by itself" in text
    assert not any("updates" in call for call in calls())
    payments.settled("continuous", [CURRENT])
    assert "c7" in [row[0] for row in payments.online("continuous", CURRENT)]
    assert payments.online("continuous", CURRENT) == payments.offline("continuous", CURRENT)
    payments.green(*ONE, "--full-refresh", target="continuous")
    assert payments.bodies("/updates")[-1] == {"full_refresh": True}
    payments.settled("continuous", [CURRENT])
    assert payments.online("continuous", CURRENT) == payments.offline("continuous", CURRENT)


def test_another_mode_is_refused(payments: Payments) -> None:
    changed = {**PROFILES, "snapshot": profile("snapshot", sync_mode="triggered")}
    payments.configure(changed)
    payments.compile()
    try:
        text = refused(payments, *ONE, target="snapshot")
    finally:
        payments.configure(PROFILES)
        payments.compile()
    assert "is published as SNAPSHOT, and the profile says TRIGGERED" in text


def test_a_warning_where_the_profile_says_so(payments: Payments) -> None:
    calls = Calls(payments)
    text = " ".join(payments.green(*("run", "--select", f"+{CURRENT}"), target="lenient").split())
    assert "the connection no_such_connection is not there, or you may not use it" in text
    result = built(payments, "lenient")
    assert result.exit_code == 0, result.stderr
    assert "warning: nothing is published: the connection no_such_connection is not" in said(result)
    payments.configure({**PROFILES, "lenient": profile("lenient", on_error="warn")})
    payments.compile()
    text = " ".join(payments.green(*ONE, target="lenient").split())
    assert "publish answered 404" in text
    assert "lenient_online' does not exist" in text, "its schema was never made"
    assert calls()[-1].endswith("/publish 404")


def test_slow_provisioning(payments: Payments) -> None:
    """The run does not wait; a second one meanwhile is fine."""
    warehouse = payments.warehouse
    payments.set_up("lenient", 2)
    warehouse.provision(tables=60)
    payments.green(*ONE, target="lenient")
    state = warehouse.sync_state(f"main.lenient_online.{CURRENT}") or ""
    assert state.startswith("PROVISIONING")
    text = payments.green(*ONE, target="lenient")
    assert "an update is running already" in text
    warehouse.provision()
