"""Lookups through a SQL warehouse while the online store cannot be reached."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from harness import write_project

import mlforge_sql as mlf
from databricks_online.lakebase import feature, instant, lookup
from mlforge_sql.errors import Diagnostic, OnlineError, RetrievalError
from mlforge_sql.online.databricks import fallback as fallbacks
from mlforge_sql.online.databricks.fallback import AGAIN_SECONDS, Fallback, FallbackReader
from mlforge_sql.online.databricks.labels import labels_query
from mlforge_sql.online.databricks.reading import (
    PastHorizonError,
    UnreachableError,
    lakebase_problem,
)
from mlforge_sql.online.opening import on_databricks, open_online
from mlforge_sql.online.postgres.pool import PoolTimeoutError
from mlforge_sql.project.model import KeyColumn
from mlforge_sql.types import parse_type

WANTED = lookup(feature())
GONE = UnreachableError([Diagnostic("MF081", "the online store cannot be reached", hint="look")])
MISSING = OnlineError([Diagnostic("MF082", "there is no table", hint="build")])
REFUSED = RetrievalError([Diagnostic("MF063", "the warehouse is stopped", hint="start it")])


@dataclass
class Side:
    """A store, or the feature tables: raises, or answers with its name."""

    name: str
    problems: list[Exception] = field(default_factory=list)
    reads: int = 0
    closed: int = 0

    def reader(self, _lookup: Any) -> Side:
        return self

    def sample(self, _feature: Any, _rows: int, _seed: int) -> list[Any]:
        return []

    def read(self, keys: Sequence[Any], _at: datetime) -> list[Any]:
        self.reads += 1
        if self.problems:
            raise self.problems.pop(0)
        return [(self.name,)] * len(keys)

    def close(self) -> None:
        self.closed += 1


class Both:
    """A reader with both sides and a clock."""

    def __init__(self, store: list[Exception], tables: list[Exception] | None = None) -> None:
        self.now = 0.0
        self.opened = 0
        self.unopened: list[Exception] = []
        self.store, self.tables = Side("store", store), Side("tables", tables or [])
        self.fallback = Fallback("8f2c", self._open, lambda: self.now)
        self.reader = FallbackReader(WANTED, self.store, self.fallback)

    def _open(self) -> Side:
        if self.unopened:
            raise self.unopened.pop(0)
        self.opened += 1
        return self.tables

    def read(self) -> str:
        (row,) = self.reader.read([("a",)], instant(0))
        return str(row[0])


def test_a_store_that_answers_is_asked_alone() -> None:
    both = Both([])
    assert [both.read(), both.read()] == ["store", "store"]
    assert both.opened == 0


def test_one_that_cannot_be_reached_is_left_alone_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    both = Both([GONE, GONE])
    with caplog.at_level(logging.WARNING, "mlforge_sql"):
        assert [both.read(), both.read()] == ["tables", "tables"]
        assert (both.store.reads, both.opened) == (1, 1)
        both.now = AGAIN_SECONDS
        assert both.read() == "tables"
        assert (both.store.reads, both.opened) == (2, 1)
        both.now = 2 * AGAIN_SECONDS
        assert both.read() == "store"
    said = "the online store cannot be reached; lookups go through SQL warehouse 8f2c, which is slow, for 30 s"
    assert caplog.messages == [said, said]


@pytest.mark.parametrize("allowed", [True, False])
def test_past_the_horizon_the_tables_are_read_where_that_is_allowed(*, allowed: bool) -> None:
    past = PastHorizonError([Diagnostic("MF123", "it is later", hint="build")])
    both = Both([past, past])
    both.fallback.past_horizon = allowed
    if allowed:
        assert [both.read(), both.read()] == ["tables", "tables"]
        assert both.store.reads == 2, "the store is asked each time: a build may have come"
    else:
        with pytest.raises(PastHorizonError):
            both.read()
        assert both.opened == 0
    both.store.problems = []
    assert both.read() == "store"


def test_other_problems_are_not_hidden() -> None:
    both = Both([MISSING])
    with pytest.raises(OnlineError) as refused:
        both.read()
    assert refused.value is MISSING
    assert both.opened == 0


def test_a_session_that_has_ended_is_opened_again() -> None:
    both = Both([GONE], [])
    assert both.read() == "tables"
    both.tables.problems.append(REFUSED)
    assert both.read() == "tables"
    assert (both.opened, both.tables.closed) == (2, 1)
    both.fallback.close()
    assert both.tables.closed == 2


def test_a_lookup_that_is_refused_does_not_end_the_fallback() -> None:
    both = Both([GONE], [REFUSED])
    with pytest.raises(OnlineError) as refused:
        both.read()
    assert [item.code for item in refused.value.diagnostics] == ["MF063", "MF081"]
    assert both.read() == "tables"
    assert both.store.reads == 1


def test_lookups_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fallbacks, "WAIT_SECONDS", 0.05)
    both = Both([GONE])
    with both.fallback._lock, pytest.raises(OnlineError) as refused:
        both.read()
    assert "SQL warehouse 8f2c is busy" in str(refused.value)
    assert both.read() == "tables"


def test_a_forked_process_opens_a_session_of_its_own() -> None:
    both = Both([GONE])
    assert both.read() == "tables"
    both.fallback._owner = -1
    with both.fallback._lock:
        assert both.read() == "tables"
    assert (both.opened, both.tables.closed) == (2, 0), "the parent's is left alone"


def test_when_neither_answers_both_say_so_and_the_store_is_tried_again() -> None:
    both = Both([GONE])
    both.unopened.append(REFUSED)
    with pytest.raises(OnlineError) as refused:
        both.read()
    assert [item.code for item in refused.value.diagnostics] == ["MF063", "MF081"]
    assert both.read() == "store"


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (psycopg.OperationalError("connection refused"), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (psycopg.errors.AdminShutdown("terminating connection"), True),
        (psycopg.errors.CannotConnectNow("the database system is starting up"), True),
        (PoolTimeoutError("all 16 connections were in use for too long"), False),
        (psycopg.errors.QueryCanceled("canceling statement due to statement timeout"), False),
        (psycopg.errors.TooManyConnections("too many clients"), False),
        (psycopg.OperationalError("connection failed: FATAL:  sorry, too many clients"), False),
        (psycopg.OperationalError('FATAL:  database "main" does not exist'), False),
        (psycopg.OperationalError("FATAL:  the database system is starting up"), True),
        (psycopg.errors.UndefinedTable("no such table"), False),
    ],
)
def test_what_counts_as_unreachable(error: psycopg.Error, lost: bool) -> None:
    """A store that is busy would not be helped by a warehouse that is slow."""

    class Address:
        place = "host/main"

        def scrubbed(self, text: str) -> str:
            return text

    found = lakebase_problem(error, Address(), "live", "online", ["f_current"])  # type: ignore[arg-type]  # what is read of it
    assert isinstance(found, UnreachableError) == lost


def test_entities_as_literals() -> None:
    kinds = ("string", "boolean", "bigint", "decimal(10,2)", "date")
    columns = [KeyColumn(f"k`{kind}", parse_type(kind), ()) for kind in kinds]
    keys = [
        ("it's \\ :x {} ${y}", True, -7, Decimal("1.50"), date(2024, 2, 29)),
        (None,) * 5,
    ]
    text = labels_query(columns, keys, datetime(1969, 12, 31, 23, 59, 59, 999_999), ("n", "at"))
    assert "timestamp_micros(-1) as `at`" in text
    assert "try_cast(key_3 as decimal(10,2)) as `k``decimal(10,2)`" in text
    assert r"(0, 'it\'s \\ :x {} \u0024{y}', 'true', '-7', '1.50', '2024-02-29')" in text
    assert text.count("cast(null as string)") == 5


@pytest.mark.parametrize(
    ("wanted", "warehouse_id", "found"),
    [(True, "8f2c", "8f2c"), (False, "8f2c", None), (True, None, None)],
)
def test_a_store_is_opened_with_the_fallback_that_its_profile_names(
    tmp_path: Path, wanted: bool, warehouse_id: str | None, found: str | None
) -> None:
    """And without it for a check, which would compare the feature tables with themselves."""
    online = {"KIND": "databricks_online", "catalog": "c", "schema": "o"}
    profile = {
        "offline_store": {"KIND": "unity_catalog", "catalog": "c", "schema": "s"},
        "online_store": online | ({"warehouse_id": warehouse_id} if warehouse_id else {}),
    }
    write_project(tmp_path, {}, {"name": "shop", "profiles": {"live": profile}})
    project = mlf.load_project(tmp_path)._project
    store = open_online(tmp_path, project, lambda _: {}, "live", fallback=wanted)
    assert on_databricks(store)
    fallback = store._setting.fallback
    assert (fallback and fallback.warehouse_id) == found
    store.close()
