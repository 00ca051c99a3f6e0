"""A sync that is killed: all tables are the old ones or all the new ones, and the next run repairs all.

Two builds of one project, `a` and `b`, take turns in one store. Each sync is a process of its own,
killed with SIGKILL at a random point of the time that it is connected to the server.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg
import pytest
import served
from examples import examples

import mlforge_sql as mlf

KILLS = examples(__file__)
KILLED = "killed"
WHOLE = "ended before it was killed"
SEED = 20_240_131
TABLES = ("amounts", "lasts", "shops")
SCHEMA = {"user_id": "VARCHAR", "shop_id": "BIGINT", "at": "TIMESTAMP", "amount": "DOUBLE"}
SPEC: dict[str, Any] = {
    "entities": [
        {"name": "user", "join_key": "user_id"},
        {"name": "shop", "join_key": "shop_id"},
    ],
    "sources": [{"name": "events", "timestamp": "at", "path": served.EVENTS}],
    "features": [
        {
            "name": "amounts",
            "source": "events",
            "entities": ["user"],
            "metrics": [{"windows": ["1d", "7d"], "aggregations": {"amount": ["sum", "count"]}}],
        },
        {
            "name": "lasts",
            "source": "events",
            "entities": ["user"],
            "select": {"amount": "amount", "shop": "shop_id"},
        },
        {
            "name": "shops",
            "source": "events",
            "entities": ["shop"],
            "metrics": [{"windows": ["30d"], "aggregations": {"amount": ["max", "mean"]}}],
        },
    ],
}
AS_OF = datetime(2024, 1, 1)


def rows(build: str) -> list[dict[str, Any]]:
    """4,000 events of 1,000 users; build `b` lacks every tenth user and has other amounts."""
    return [
        {
            "user_id": f"user {number % 1000}",
            "shop_id": number % 500,
            "at": AS_OF + timedelta(minutes=number),
            "amount": float(number if build == "a" else number * 3),
        }
        for number in range(4000)
        if build == "a" or number % 10
    ]


def sync(root: str, dsn: str) -> None:
    """`mlforge online sync` in a process of its own, without a word."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(nothing, stream)
    from mlforge_sql.cli import main

    os.environ[served.DSN] = dsn
    arguments = ["--project-dir", root, "online", "sync", "--profile", "pg", "--full-refresh"]
    main([*arguments, "--as-of", AS_OF.isoformat()])


@dataclass
class Store:
    """The store, the two builds, and what the tables of each hold."""

    dsn: str
    roots: dict[str, Path]
    connection: psycopg.Connection[Any]
    states: dict[str, dict[str, Any]] = field(default_factory=dict)

    def start(self, build: str) -> BaseProcess:
        context = multiprocessing.get_context("forkserver")
        process = context.Process(target=sync, args=(str(self.roots[build]), self.dsn))
        process.start()
        return process

    def finish(self, build: str) -> float:
        """A whole sync; how long it was connected, in seconds."""
        process = self.start(build)
        self.wait_until_connected(process)
        started = time.monotonic()
        process.join(120)
        assert process.exitcode == 0
        return time.monotonic() - started

    def kill(self, build: str, seconds: float) -> bool:
        """A sync that is killed after so long a time with the server; whether it was in time."""
        process = self.start(build)
        self.wait_until_connected(process)
        time.sleep(seconds)
        process.kill()
        process.join(30)
        self.wait_until_rolled_back()
        return process.exitcode != 0

    def wait_until_connected(self, process: BaseProcess) -> None:
        query = (
            "select count(*) from pg_stat_activity where application_name = 'mlforge' "
            "and datname = current_database()"
        )
        while self.connection.execute(query).fetchone() == (0,) and process.is_alive():
            time.sleep(0.002)

    def wait_until_rolled_back(self) -> None:
        """Until the server has noticed that the process is gone."""
        until = time.monotonic() + 30
        query = (
            "select (select count(*) from pg_stat_activity where application_name = 'mlforge' and "
            "datname = current_database()) + (select count(*) from pg_locks where locktype = 'advisory' "
            "and database = (select oid from pg_database where datname = current_database()))"
        )
        while self.connection.execute(query).fetchone() != (0,):
            assert time.monotonic() < until, "a killed sync still has a session or a lock"
            time.sleep(0.01)

    def tables(self) -> list[str]:
        found = self.connection.execute(
            "select relname from pg_class where relnamespace = 'mlforge_online'::regnamespace "
            "order by relname"
        )
        return [str(row[0]) for row in found]

    def state(self, table: str) -> Any:
        """What a table holds, and what is noted of it."""
        held = self.connection.execute(
            f"select count(*), md5(string_agg(t::text, '|' order by t::text)) "
            f"from mlforge_online.{table} as t"
        ).fetchone()
        noted = self.connection.execute(
            "select row_count, run_id from mlforge_online._mlforge_online where feature = %s",
            [table],
        ).fetchone()
        return held, noted

    def build_there(self) -> str:
        """Which build the tables are of; an error when they are not all of one, whole."""
        found: dict[str, str] = {}
        for table in TABLES:
            now = self.state(table)
            matching = [build for build, held in self.states.items() if held[table] == now]
            assert len(matching) == 1, f"{table} is between two states: {now}"
            found[table] = matching[0]
        assert len({*found.values()}) == 1, found
        return found[TABLES[0]]


@pytest.fixture
def store(
    tmp_path_factory: pytest.TempPathFactory, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    del monkeypatch
    multiprocessing.get_context("forkserver").set_forkserver_preload(
        ["mlforge_sql.cli", "mlforge_sql.online.postgres.store", "pyarrow.csv", "duckdb", "served"]
    )
    roots = {
        build: served.build(
            tmp_path_factory.mktemp(build), SPEC, rows(build), SCHEMA, run_id=f"run_{build}"
        )
        for build in "ab"
    }
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield Store(dsn, roots, connection)


def test_a_killed_sync_leaves_the_old_or_the_new_tables(store: Store) -> None:
    chance = random.Random(SEED)
    seconds: list[float] = []
    for build in "ab":
        seconds += [store.finish(build), store.finish(build)]
        store.states[build] = {table: store.state(table) for table in TABLES}
        assert {noted[1] for _, noted in store.states[build].values()} == {f"run_{build}"}
    names = store.tables()
    assert store.states["a"] != store.states["b"]

    ended: Counter[str] = Counter()
    wanted = "a"
    while ended[KILLED] < KILLS:
        before = store.build_there()
        in_time = store.kill(wanted, chance.random() * min(seconds))
        after = store.build_there()
        assert store.tables() == names  # nothing else is left
        assert after in {before, wanted}
        ended[KILLED if in_time else WHOLE] += 1
        if after == wanted:
            wanted = "b" if wanted == "a" else "a"

        assert ended[WHOLE] < max(KILLS, 50), "the syncs end before they are killed"

    for build in "ab":
        store.finish(build)
        assert store.build_there() == build
    project = mlf.load_project(store.roots["b"])
    user = {"user_id": "user 999", "shop_id": 7}
    at = AS_OF + timedelta(days=3)
    assert project.get_online_features(list(TABLES), user, "pg", at=at) == (
        project.get_online_features(list(TABLES), user, "dev", at=at)
    )
    project.close()
    print(dict(ended))


def test_a_sync_whose_first_run_was_killed(store: Store) -> None:
    """Nothing was there before: a table is not there, or whole."""
    chance = random.Random(SEED + 1)
    seconds = store.finish("a")
    store.states["a"] = {table: store.state(table) for table in TABLES}
    for _ in range(8):
        store.connection.execute("drop schema mlforge_online cascade")
        store.kill("a", chance.random() * seconds)
        there = store.connection.execute(
            "select relname from pg_class where relnamespace = to_regnamespace('mlforge_online') "
            "and relkind = 'r'"
        ).fetchall()
        found = {table for (table,) in there}
        assert found in (set(), {"_mlforge_online"}, {"_mlforge_online", *TABLES})
        for table in found - {"_mlforge_online"}:
            assert store.state(table) == store.states["a"][table]
        store.finish("a")
        assert store.build_there() == "a"
