"""``online sync`` against an API that answers what a test says: order, waiting, failures."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from mlforge_sql.errors import Diagnostic, OnlineError, plain
from mlforge_sql.online.databricks.steps import Published, Wanted
from mlforge_sql.online.databricks.syncing import TableSync
from mlforge_sql.online.databricks.tables import Naming, OnlineTable
from mlforge_sql.online.model import Synced, SyncOptions
from mlforge_sql.spec.config import UnityCatalogStore
from mlforge_sql.spec.databricks_online import DatabricksOnlineStore

NAMING = Naming(
    UnityCatalogStore.model_validate({"KIND": "unity_catalog", "catalog": "c", "schema": "s"}),
    DatabricksOnlineStore.model_validate(
        {"KIND": "databricks_online", "catalog": "c", "schema": "o"}
    ),
    frozenset({"f"}),
)
PATIENCE = 1800.0
IDLE, BUSY = "ONLINE_NO_PENDING_UPDATE", "ONLINE_TRIGGERED_UPDATE"


@dataclass
class FakeApi:
    """Tables that take some looks to get from one state to the next."""

    tables: dict[str, list[Published]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    busy: dict[str, int] = field(default_factory=dict)
    """How often an update cannot be started, by pipeline."""
    ends: dict[str, list[str]] = field(default_factory=dict)
    """States of updates, one for each look; the last for good."""
    refuses: str = ""

    def find(self, name: str) -> Published | None:
        self._note(f"find {name}")
        states = self.tables.get(name, [])
        return (states.pop(0) if len(states) > 1 else states[0]) if states else None

    def publish(self, wanted: Wanted, store: str) -> bool:
        self._note(f"publish {wanted.source} {store} {wanted.mode}")
        if wanted.name in self.tables:
            return False
        self.tables[wanted.name] = [
            published(wanted.name, "PROVISIONING_INITIAL_SNAPSHOT"),
            published(wanted.name, IDLE),
        ]
        return True

    def start(self, pipeline: str, name: str, *, full_refresh: bool) -> str | None:
        self._note(f"start {name}{' full' if full_refresh else ''}")
        if self.busy.get(pipeline, 0):
            self.busy[pipeline] -= 1
            return None
        return f"update of {pipeline}"

    def update_state(self, pipeline: str, update: str) -> str:
        assert update == f"update of {pipeline}"
        states = self.ends.get(pipeline, ["COMPLETED"])
        return states.pop(0) if len(states) > 1 else states[0]

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if self.refuses and self.refuses in call:
            raise OnlineError([Diagnostic("MF102", f"{call}: no", hint="h")])

    @property
    def done(self) -> list[str]:
        return [call for call in self.calls if not call.startswith("find")]


def published(name: str, state: str = IDLE, **changes: Any) -> Published:
    source = name.replace("c.o.", "c.s.")
    return Published(
        state, "words", f"p:{name}", source, changes.pop("mode", "TRIGGERED"), **changes
    )


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += max(seconds, 0.01)

    monkeypatch.setattr("mlforge_sql.online.databricks.syncing.time.sleep", sleep)
    monkeypatch.setattr("mlforge_sql.online.databricks.syncing.time.monotonic", lambda: clock[0])


def sync(
    api: FakeApi,
    *features: str,
    held: dict[str, str] | None = None,
    patience: float | None = None,
    **options: Any,
) -> list[Synced]:
    said: list[str] = options.pop("said", [])
    given = SyncOptions(as_of=datetime(2026, 1, 1), say=said.append, **options)
    tables: list[tuple[OnlineTable, ...]] = [NAMING.of(name) for name in features or ("f", "g")]
    return list(TableSync(api, "store", "live", held or {}, given, patience).run(tables))


def outcome(done: list[Synced]) -> list[tuple[str | None, str]]:
    return [(item.table, item.action) for item in done]


def test_what_is_missing_is_published_current_values_first() -> None:
    api = FakeApi()
    done = sync(api)
    assert outcome(done) == [
        ("f_current", "published"),
        ("g_current", "published"),
        ("f_upcoming", "published"),
    ]
    assert api.done == [
        "publish c.s.f_current store TRIGGERED",
        "publish c.s.g_current store TRIGGERED",
        "publish c.s.f_upcoming store TRIGGERED",
    ]


def test_what_is_there_is_updated() -> None:
    api = FakeApi(
        {f"c.o.{name}": [published(f"c.o.{name}")] for name in ("f_current", "f_upcoming")}
    )
    assert outcome(sync(api, "f")) == [("f_current", "updating"), ("f_upcoming", "updating")]
    assert api.done == ["start c.o.f_current", "start c.o.f_upcoming"]
    assert outcome(sync(api, "f", full_refresh=True)) == [
        ("f_current", "updating"),
        ("f_upcoming", "updating"),
    ]
    assert api.done[2:] == ["start c.o.f_current full", "start c.o.f_upcoming full"]


def test_a_dry_run_only_looks() -> None:
    api = FakeApi({"c.o.f_current": [published("c.o.f_current")]})
    assert outcome(sync(api, dry_run=True)) == [
        ("f_current", "update"),
        ("g_current", "publish"),
        ("f_upcoming", "publish"),
    ]
    assert api.done == []


def test_an_update_that_runs_is_not_waited_for_unless_asked() -> None:
    name = "c.o.g_current"
    api = FakeApi({name: [published(name, BUSY)]}, busy={f"p:{name}": 2})
    (done,) = sync(api, "g")
    assert (done.action, done.reason, done.problem) == ("running", "an update is running", None)
    (done,) = sync(api, "g", full_refresh=True)
    assert done.problem is not None
    assert done.problem.code == "MF104"
    assert "its full refresh could not start" in done.problem.message


def test_waiting_for_another_update_and_then_for_ours() -> None:
    """The one that runs may not have the new rows."""
    name = "c.o.g_current"
    api = FakeApi({name: [published(name, BUSY)]}, busy={f"p:{name}": 3})
    api.ends[f"p:{name}"] = ["QUEUED", "RUNNING", "COMPLETED"]
    (done,) = sync(api, "g", patience=PATIENCE)
    assert (done.action, done.problem) == ("loaded", None)
    assert api.done == [f"start {name}"] * 4


def test_later_rows_wait_for_the_current_ones() -> None:
    names = ("c.o.f_current", "c.o.f_upcoming")
    api = FakeApi({name: [published(name)] for name in names})
    api.ends["p:c.o.f_current"] = ["RUNNING"] * 5 + ["COMPLETED"]
    said: list[str] = []
    assert outcome(sync(api, "f", patience=PATIENCE, said=said)) == [
        ("f_current", "loaded"),
        ("f_upcoming", "loaded"),
    ]
    last_look = max(i for i, call in enumerate(api.calls) if call == "find c.o.f_current")
    assert api.calls.index("start c.o.f_upcoming") > last_look
    assert said[0] == f"f_current: {IDLE}"


def test_waiting_for_what_was_published() -> None:
    said: list[str] = []
    assert outcome(sync(FakeApi(), "g", patience=PATIENCE, said=said)) == [("g_current", "loaded")]
    assert said == ["g_current: PROVISIONING_INITIAL_SNAPSHOT", f"g_current: {IDLE}"]


@pytest.mark.parametrize(("looks", "ends"), [(3, "loaded"), (10**6, "failed")])
def test_a_published_table_may_appear_later(looks: int, ends: str) -> None:
    class Late(FakeApi):
        def find(self, name: str) -> Published | None:
            if len(self.calls) <= looks:
                self.calls.append(f"find {name}")
                return None
            return super().find(name)

    (done,) = sync(Late(), "g", patience=PATIENCE)
    assert done.action == ends
    if done.problem is not None:
        assert done.problem.message == "the online table `c.o.g_current` is gone"
        assert done.seconds >= 60, "it was waited for"


def test_a_copy_that_fails_keeps_later_rows_from_starting() -> None:
    names = ("c.o.f_current", "c.o.f_upcoming")
    api = FakeApi({name: [published(name)] for name in names})
    api.tables["c.o.f_current"].append(published("c.o.f_current", "ONLINE_PIPELINE_FAILED"))
    api.ends["p:c.o.f_current"] = ["FAILED"]
    (done,) = sync(api, "f", patience=PATIENCE)
    assert done.problem is not None
    assert (
        done.problem.message == "the online table `c.o.f_current` is ONLINE_PIPELINE_FAILED: words"
    )
    assert done.problem.hint == "what it had is still served"
    assert "start c.o.f_upcoming" not in api.calls


def test_time_runs_out() -> None:
    name = "c.o.g_current"
    api = FakeApi({name: [published(name, BUSY)]})
    api.ends[f"p:{name}"] = ["RUNNING"]
    said: list[str] = []
    (done,) = sync(api, "g", patience=60.0, said=said)
    assert done.problem is not None
    assert (
        done.problem.message == f"the online table `{name}` did not get ready within 60 s: {BUSY}"
    )
    assert done.problem.hint == "it goes on by itself: see `mlforge online status --profile live`"
    assert "still waiting for g_current" in said


def test_continuous_tables_follow() -> None:
    name = "c.o.g_current"
    api = FakeApi({name: [published(name, "ONLINE_CONTINUOUS_UPDATE", mode="CONTINUOUS")]})
    (done,) = TableSync(
        api, "store", "live", {}, SyncOptions(as_of=datetime(2026, 1, 1)), PATIENCE
    ).run([[OnlineTable("g", "g_current", Wanted("c.s.g_current", name, "CONTINUOUS"))]])
    assert (done.action, done.reason) == ("unchanged", "it follows every change by itself")


def test_another_mode_is_refused_with_the_next_step() -> None:
    api = FakeApi({"c.o.g_current": [published("c.o.g_current", mode="SNAPSHOT")]})
    (done,) = sync(api, "g")
    assert done.problem is not None
    assert "error[MF103]" in plain(done.problem)
    assert "is published as SNAPSHOT" in done.problem.message
    assert done.problem.hint == "`mlforge online delete --profile live --features g`"


def test_a_failed_test_holds_a_feature_back() -> None:
    api = FakeApi()
    done = sync(api, held={"f": "f__x__less_than"})
    assert outcome(done) == [("f_current", "failed"), ("g_current", "published")]
    assert done[0].problem is not None
    assert done[0].problem.code == "MF104"
    assert "its test `f__x__less_than` did not pass" in done[0].problem.message


def test_a_refusal_is_of_one_table_and_the_others_go_on() -> None:
    api = FakeApi(refuses="publish c.s.f_current")
    done = sync(api)
    assert outcome(done) == [("f_current", "failed"), ("g_current", "published")]
    assert done[0].problem is not None
    assert done[0].problem.code == "MF102"


def test_another_was_faster() -> None:
    name = "c.o.g_current"

    class Late(FakeApi):
        def find(self, name: str) -> Published | None:
            self.calls.append(f"find {name}")
            return published(name) if len(self.calls) > 1 else None

    api = Late({name: [published(name)]})
    assert outcome(sync(api, "g")) == [("g_current", "updating")]
    assert api.done == ["publish c.s.g_current store TRIGGERED", f"start {name}"]
