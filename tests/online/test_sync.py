"""Syncs: what they load and what they leave, and that a table is the old one or the new one."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pytest
import served
from harness import write_parquet, write_project
from purchases import ROWS, SCHEMA

import mlforge_sql as mlf
from mlforge_sql.api.project import LoadedProject
from mlforge_sql.errors import OnlineError, SpecErrors, plain
from mlforge_sql.online.model import Synced
from mlforge_sql.online.postgres.loading import lock_key
from mlforge_sql.online.rows import needed_rows
from online.conftest import AS_OF
from online.conftest import FEATURES as SPEC

AT = datetime(2024, 1, 5, 12)
USERS = [{"first_name": f"name {number}", "born": ROWS[0]["born"]} for number in range(3)]


@pytest.fixture
def root(built: Path, tmp_path: Path, dsn: str) -> Path:  # noqa: ARG001 - in the environment
    """A project that a test may change."""
    return shutil.copytree(built, tmp_path / "project")


@pytest.fixture
def own(root: Path) -> Iterator[LoadedProject]:
    loaded = mlf.load_project(root)
    yield loaded
    loaded.close()


@pytest.fixture
def sql(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def actions(done: list[Synced]) -> list[tuple[str, str, str]]:
    return [(item.feature, item.action, item.reason) for item in done]


def tables(sql: psycopg.Connection[Any]) -> list[str]:
    rows = sql.execute(
        "select tablename from pg_tables where schemaname = 'mlforge_online' order by 1"
    )
    return [str(row[0]) for row in rows]


def contents(sql: psycopg.Connection[Any], table: str) -> list[tuple[Any, ...]]:
    found = sql.execute(f'select * from mlforge_online."{table}"').fetchall()
    return sorted(found, key=repr)


# What is loaded


def test_a_sync_loads_what_holds_from_then_on(
    own: LoadedProject, sql: psycopg.Connection[Any]
) -> None:
    done = served.sync(own, AS_OF)
    assert actions(done) == [
        ("spend", "loaded", "not there yet"),
        ("shop_spend", "loaded", "not there yet"),
        ("last", "loaded", "not there yet"),
    ]
    assert tables(sql) == ["_mlforge_online", "last", "shop_spend", "spend"]
    margin = AS_OF - timedelta(minutes=5)
    for item in done:
        stored = contents(sql, item.feature)
        assert item.rows == len(stored) > 0
        keys = [row[0] for row in stored]
        held = [row[0] for row in stored if row[1] <= margin]
        assert len(held) == len(set(held)) <= len(set(keys))  # one row per entity at most
    noted = sql.execute(
        "select feature, run_id, row_count, exact_from at time zone 'utc', as_of at time zone 'utc' "
        "from mlforge_online._mlforge_online order by feature"
    ).fetchall()
    assert noted == [
        (name, "run_1", next(item.rows for item in done if item.feature == name), margin, AS_OF)
        for name in ("last", "shop_spend", "spend")
    ]


def test_rows_that_say_nothing_are_left_out(
    own: LoadedProject, sql: psycopg.Connection[Any]
) -> None:
    done = {item.feature: item.rows for item in served.sync(own, datetime(2025, 1, 1))}
    assert done == {"spend": 0, "shop_spend": 0, "last": 3}  # every window has emptied
    assert contents(sql, "spend") == []
    found = own.get_online_features(["spend", "shop_spend"], {**USERS[0], "shop_id": 1}, "pg")
    true = own.get_online_features(["spend", "shop_spend"], {**USERS[0], "shop_id": 1}, "dev")
    assert found == true


def test_what_has_not_changed_is_left(own: LoadedProject) -> None:
    served.sync(own, AS_OF)
    again = served.sync(own, AS_OF + timedelta(days=1))
    assert {(item.action, item.reason) for item in again} == {("unchanged", "of the same build")}
    assert {item.rows for item in again} != {None}
    forced = served.sync(own, AS_OF + timedelta(days=1), full_refresh=True)
    assert {(item.action, item.reason) for item in forced} == {("loaded", "asked for")}
    earlier = served.sync(own, AS_OF)
    assert {(item.action, item.reason) for item in earlier} == {("loaded", "an earlier instant")}


def test_a_dry_run_changes_nothing(own: LoadedProject, sql: psycopg.Connection[Any]) -> None:
    done = served.sync(own, AS_OF, dry_run=True)
    assert {(item.action, item.reason) for item in done} == {("load", "not there yet")}
    assert tables(sql) == []
    assert (
        sql.execute("select 1 from pg_namespace where nspname = 'mlforge_online'").fetchall() == []
    )
    served.sync(own, AS_OF)
    assert {item.action for item in served.sync(own, AS_OF, dry_run=True)} == {"unchanged"}


def test_new_events_and_deleted_entities(
    root: Path, own: LoadedProject, sql: psycopg.Connection[Any]
) -> None:
    served.sync(own, AS_OF)
    before = own.get_online_features("spend", USERS, "pg", at=AT)
    kept = [row for row in ROWS if row["first_name"] != "name 1"]
    new = [{**ROWS[0], "amount": 1e6, "at": datetime(2024, 1, 4)}]
    write_parquet(root / served.EVENTS, SCHEMA, [*kept, *new])
    served.rebuild(root, "run_2", datetime(2024, 1, 5))
    assert {(item.action, item.reason) for item in served.sync(own, AS_OF)} == {
        ("loaded", "another build")
    }
    after = own.get_online_features("spend", USERS, "pg", at=AT)
    assert after == own.get_online_features("spend", USERS, "dev", at=AT)
    assert after[0]["spend__amount_sum_7d"] > 1e6 > before[0]["spend__amount_sum_7d"]
    assert before[1]["spend__amount_count_7d"] == 5
    assert after[1]["spend__amount_count_7d"] == 0
    key = mlf.surrogate_key("name 1", ROWS[0]["born"])
    assert not [row for row in contents(sql, "spend") if row[0] == key]


def test_a_build_without_a_record_is_always_loaded(root: Path, own: LoadedProject) -> None:
    import duckdb

    with duckdb.connect(str(root / served.DATABASE)) as connection:
        connection.execute("drop table _mlforge_metadata")
    served.sync(own, AS_OF)
    assert {(item.action, item.reason) for item in served.sync(own, AS_OF)} == {
        ("loaded", "a build without a record")
    }


def test_rows_that_end_in_an_error_fail_their_feature_alone(
    own: LoadedProject, sql: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that runs out in the middle of the rows: the old table stays, the others go on."""
    served.sync(own, AS_OF)
    before = contents(sql, "spend")

    def needed(offline: Any, feature: Any, since: datetime) -> Any:
        whole = needed_rows(offline, feature, since)
        if feature.name != "spend":
            return whole

        def batches() -> Iterator[Any]:
            yield whole.read_next_batch()
            raise duckdb.OutOfMemoryException("Out of Memory Error: no room is left")

        return pa.RecordBatchReader.from_batches(whole.schema, batches())

    monkeypatch.setattr("mlforge_sql.online.postgres.syncing.needed_rows", needed)
    done = {item.feature: item for item in served.sync(own, AS_OF, full_refresh=True)}
    assert [done[name].action for name in done] == ["failed", "loaded", "loaded"]
    found = done["spend"].problem
    assert found is not None
    assert plain(found).startswith(
        "error[MF147]: DuckDB has used up its memory; raise `memory_limit`"
    )
    assert contents(sql, "spend") == before


def test_some_features_only(own: LoadedProject, sql: psycopg.Connection[Any]) -> None:
    from mlforge_sql.online.lookups import served as as_served
    from mlforge_sql.online.model import SyncOptions

    chosen = [as_served(item) for item in own.serving.chosen(["last"])]
    done = list(own.serving.store("pg").sync(chosen, SyncOptions(as_of=AS_OF)))
    assert actions(done) == [("last", "loaded", "not there yet")]
    assert tables(sql) == ["_mlforge_online", "last"]


def test_the_local_store_needs_no_sync(own: LoadedProject) -> None:
    assert {(item.action, item.reason) for item in served.sync(own, AS_OF, profile="dev")} == {
        ("unchanged", "served from the feature table itself")
    }


# Other definitions


def changed(root: Path, **feature: Any) -> LoadedProject:
    """The project with another definition of `spend`, not built yet."""
    spec = deepcopy(SPEC)
    spec["features"][0] |= feature
    write_project(root, spec, served.config())
    return mlf.load_project(root)


def test_another_definition(root: Path, own: LoadedProject, sql: psycopg.Connection[Any]) -> None:
    served.sync(own, AS_OF)
    metric = {"field": "amount", "function": "mean", "windows": ["3d"], "name": "m"}
    new = changed(root, metrics=[metric])
    with pytest.raises(OnlineError) as caught:
        new.get_online_features("spend", USERS, "pg", at=AT)
    assert str(caught.value) == (
        "error[MF082]: the online table of feature `spend` is of another definition of it; "
        "run `mlforge build` and `mlforge online sync` with `--profile pg`"
    )
    served.rebuild(root, "run_2", datetime(2024, 1, 5))
    assert actions(served.sync(new, AS_OF))[0] == ("spend", "loaded", "another definition")
    found = new.get_online_features("spend", USERS, "pg", at=AT)
    assert found == new.get_online_features("spend", USERS, "dev", at=AT)
    names = [row[0] for row in sql.execute(
        "select column_name from information_schema.columns where table_name = 'spend' order by "
        "ordinal_position"
    )]  # fmt: skip
    assert names == ["user_id", "feature_timestamp", "m_3d"]
    # a process that was started with the old definition gets an error, not values of another
    with pytest.raises(OnlineError, match=r"\[MF082\]"):
        own.get_online_features("spend", USERS, "pg", at=AT)
    new.close()


def test_another_meaning_of_the_same_columns(root: Path, own: LoadedProject) -> None:
    """The same columns and types, so that nothing but the hash tells them apart."""
    served.sync(own, AS_OF)
    assert own.get_online_features("spend", USERS, "pg", at=AT)
    new = changed(root, where="amount > 1000")
    served.rebuild(root, "run_2", datetime(2024, 1, 5))
    served.sync(new, AS_OF)
    with pytest.raises(OnlineError, match=r"is of another definition of it"):
        own.get_online_features("spend", USERS, "pg", at=AT)
    assert new.get_online_features("spend", USERS, "pg", at=AT)[0]["spend__amount_sum_7d"] is None
    new.close()


def test_another_type_of_a_column(root: Path, own: LoadedProject) -> None:
    """A statement that is prepared already must survive another type of its result."""
    served.sync(own, AS_OF)
    assert own.get_online_features("last", USERS, "pg", at=AT)
    schema = {**SCHEMA, "amount": "DECIMAL(12,2)"}
    write_parquet(root / served.EVENTS, schema, ROWS)
    new = mlf.load_project(root)
    served.rebuild(root, "run_2", datetime(2024, 1, 5))
    served.sync(new, AS_OF)
    pool = own.serving.store("pg")._pool  # type: ignore[attr-defined]  # Postgres has one
    assert pool.idle
    with pytest.raises(OnlineError, match=r"\[MF082\]"):
        own.get_online_features("last", USERS, "pg", at=AT)
    assert new.get_online_features("last", USERS, "pg", at=AT) == new.get_online_features(
        "last", USERS, "dev", at=AT
    )
    new.close()


def test_the_tables_must_be_of_these_specs(root: Path, own: LoadedProject) -> None:
    """Rows of an older build are not stored as if they were of the new definition."""
    new = changed(root, where="amount > 1000")
    done = {item.feature: item for item in served.sync(new, AS_OF)}
    assert done["spend"].action == "failed"
    assert done["spend"].problem is not None
    assert plain(done["spend"].problem) == (
        "error[MF064]: the table of feature `spend` was built from an older definition of it; "
        "run `mlforge build --profile pg`"
    )
    assert done["last"].action == "loaded"
    new.close()
    assert own


# What cannot be stored


def one_feature(root: Path, schema: dict[str, str], rows: list[dict[str, Any]]) -> LoadedProject:
    spec = {
        "entities": [{"name": "user", "join_key": "k"}],
        "sources": [{"name": "events", "timestamp": "at", "path": served.EVENTS}],
        "features": [
            {
                "name": "bad",
                "source": "events",
                "entities": ["user"],
                "select": {"v": "v"},
            },
            {
                "name": "good",
                "source": "events",
                "entities": ["user"],
                "where": "k = 'fine'",
                "metrics": [{"field": "*", "function": "count", "windows": ["lifetime"]}],
            },
        ],
    }
    served.build(root, spec, rows, schema)
    return mlf.load_project(root)


TEXTS = {"k": "VARCHAR", "at": "TIMESTAMP", "v": "VARCHAR"}
FINE = {"k": "fine", "at": datetime(2024, 1, 1), "v": "x"}


@pytest.mark.usefixtures("dsn")
@pytest.mark.parametrize(
    ("row", "schema", "text"),
    [
        (
            {"v": "a\0b"},
            TEXTS,
            (
                "error[MF086]: feature `bad` has text that Postgres cannot hold; remove NUL characters in "
                "the source; the database must be in UTF-8"
            ),
        ),
        (
            {"k": "".join(chr(33 + number * 7919 % 90) + str(number) for number in range(9000))},
            TEXTS,
            (
                "error[MF086]: feature `bad` has keys that are too long for an index; use keys of at most "
                "2,000 bytes, such as surrogate keys (`from_columns`)"
            ),
        ),
        (
            {"v": datetime(2024, 1, 1)},
            {**TEXTS, "v": "TIMESTAMP_NS"},
            (
                "error[MF086]: column `v` of feature `bad` is timestamp_ns, which Postgres cannot hold "
                "exactly; cast it to timestamp in the source"
            ),
        ),
    ],
    ids=["NUL", "long key", "nanoseconds"],
)
def test_what_postgres_cannot_hold(
    tmp_path: Path,
    sql: psycopg.Connection[Any],
    row: dict[str, Any],
    schema: dict[str, str],
    text: str,
) -> None:
    fine = FINE if schema["v"] == "VARCHAR" else {**FINE, "v": None}
    project = one_feature(tmp_path, schema, [fine, {**fine, "at": datetime(2024, 1, 2), **row}])
    done = served.sync(project, datetime(2024, 2, 1))
    assert [item.action for item in done] == ["failed", "loaded"]
    assert done[0].problem is not None
    assert plain(done[0].problem) == text
    assert tables(sql) == ["_mlforge_online", "good"]
    found = project.get_online_features("good", {"k": "fine"}, "pg")
    assert found["good__count_lifetime"] >= 1
    project.close()


def test_too_many_columns() -> None:
    from mlforge_sql.online.model import Served
    from mlforge_sql.online.postgres.loading import check_storable
    from mlforge_sql.plan.nodes import JoinedColumn
    from mlforge_sql.project.model import KeyColumn
    from mlforge_sql.types import DOUBLE, TEXT

    columns = tuple(JoinedColumn(f"c{number}", DOUBLE) for number in range(1599))
    feature = Served("wide", (KeyColumn("k", TEXT),), columns, None, "h")
    with pytest.raises(OnlineError, match=r"has 1,601 columns, Postgres takes 1,600"):
        check_storable(feature)


def test_a_wide_feature_and_long_names(tmp_path: Path, dsn: str) -> None:  # noqa: ARG001 - in the environment
    """More columns than one statement gives, and names longer than Postgres keeps."""
    windows = [f"{number}h" for number in range(1, 451)]
    long = "a_column_with_a_name_that_is_longer_than_postgres_has_room_for"
    metrics = [{"field": "amount", "function": "sum", "windows": windows, "name": long}]
    features = [
        {"name": f"{name}_{'x' * 60}", "source": "events", "entities": ["shop"], "metrics": metrics}
        for name in "abcd"
    ]
    served.build(tmp_path, {**SPEC, "features": features}, ROWS, SCHEMA)
    project = mlf.load_project(tmp_path)
    served.sync(project, AS_OF)
    names = [str(item["name"]) for item in features]
    shops = [{"shop_id": number} for number in (1, 0, 7)]
    found = project.get_online_features(names, shops, "pg", at=AT)
    assert len(found[0]) == 1801
    assert found == project.get_online_features(names, shops, "dev", at=AT)
    assert project.get_online_features(names, shops[0], "pg", at=AT) == found[0]
    project.close()


def test_a_table_that_is_not_ours(own: LoadedProject, sql: psycopg.Connection[Any]) -> None:
    sql.execute("create schema mlforge_online; create table mlforge_online.last as select 42 as x")
    done = {item.feature: item for item in served.sync(own, AS_OF)}
    assert done["last"].action == "failed"
    assert done["last"].problem is not None
    assert plain(done["last"].problem) == (
        "error[MF086]: schema `mlforge_online` has a table `last` that mlforge did not make; "
        "move it away, or name another schema in the profile"
    )
    assert contents(sql, "last") == [(42,)]
    assert done["spend"].action == "loaded"


def test_a_table_that_somebody_dropped(own: LoadedProject, sql: psycopg.Connection[Any]) -> None:
    served.sync(own, AS_OF)
    assert own.get_online_features("last", USERS, "pg", at=AT)
    sql.execute("drop table mlforge_online.last")
    with pytest.raises(OnlineError) as caught:
        own.get_online_features("last", USERS, "pg", at=AT)
    assert str(caught.value) == (
        "error[MF082]: the online table of feature `last` is gone; "
        "run `mlforge online sync --profile pg`"
    )
    assert actions(served.sync(own, AS_OF))[2] == ("last", "loaded", "not there yet")
    assert own.get_online_features("last", USERS, "pg", at=AT)


def test_a_view_on_the_table(own: LoadedProject, sql: psycopg.Connection[Any]) -> None:
    served.sync(own, AS_OF)
    sql.execute("create view public.mine as select * from mlforge_online.last")
    before = contents(sql, "last")
    done = {item.feature: item for item in served.sync(own, AS_OF, full_refresh=True)}
    assert done["last"].problem is not None
    assert plain(done["last"].problem) == (
        "error[MF086]: something in the database depends on the online table of `last`; "
        "drop the views on it; they would keep the old table"
    )
    assert contents(sql, "last") == before


# Grants


def test_grants_survive_a_sync(own: LoadedProject, sql: psycopg.Connection[Any]) -> None:
    served.sync(own, AS_OF)
    sql.execute('drop role if exists "odd ""role"; create role "odd ""role"')
    sql.execute('grant select on mlforge_online.spend to "odd ""role"')
    sql.execute("grant select, insert on mlforge_online.last to public")
    served.sync(own, AS_OF, full_refresh=True)
    granted = sql.execute(
        "select table_name, grantee, privilege_type from information_schema.role_table_grants "
        "where table_schema = 'mlforge_online' and grantee <> current_user order by 1, 2, 3"
    ).fetchall()
    sql.execute('drop owned by "odd ""role"; drop role "odd ""role"')
    assert granted == [
        ("last", "PUBLIC", "INSERT"),
        ("last", "PUBLIC", "SELECT"),
        ("spend", 'odd "role', "SELECT"),
    ]


# Others at the same time


def test_two_syncs_at_once(root: Path, sql: psycopg.Connection[Any]) -> None:
    """Each table is loaded once: the second sync waits, and then finds that it is there."""
    projects = [mlf.load_project(root) for _ in range(2)]
    done: list[list[Synced]] = [[], []]

    def run(number: int) -> None:
        done[number] = served.sync(projects[number], AS_OF)

    for _ in range(3):
        threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for one, other in zip(*done, strict=True):
            assert {one.action, other.action} == {"loaded", "unchanged"}, (one, other)
        assert tables(sql) == ["_mlforge_online", "last", "shop_spend", "spend"]
        sql.execute("drop schema mlforge_online cascade")
    for project in projects:
        project.close()


def test_a_sync_waits_for_another_and_gives_up(
    own: LoadedProject, sql: psycopg.Connection[Any]
) -> None:
    served.sync(own, AS_OF)
    said: list[str] = []
    with sql.transaction():
        sql.execute("select pg_advisory_xact_lock(%s)", [lock_key("mlforge_online", "spend")])
        done = served.sync(own, AS_OF, full_refresh=True, wait_seconds=0.5, say=said.append)
    assert said == ["spend: another sync is loading it; waiting"]
    assert done[0].problem is not None
    assert plain(done[0].problem) == (
        "error[MF087]: another sync is loading feature `spend`; wait until it is done, then run again"
    )
    assert [item.action for item in done] == ["failed", "loaded", "loaded"]


WHOLE = ["spend", "shop_spend", "last"]
"""Features of different keys, out of the order in which they are exchanged."""


@pytest.mark.parametrize("limit", [None, "MAX_VALUES", "MAX_ENTITIES"])
def test_a_lookup_sees_all_features_as_one_sync_left_them(
    root: Path, own: LoadedProject, monkeypatch: pytest.MonkeyPatch, limit: str | None
) -> None:
    """While tables are exchanged over and over, every answer is that of one state, whole.

    With a limit of 1, each feature, or each entity, is a statement of its own.
    """
    if limit is not None:
        monkeypatch.setattr(f"mlforge_sql.online.postgres.reading.{limit}", 1)
    asked = [{**user, "shop_id": 1} for user in USERS]

    def look_up(profile: str = "pg") -> Any:
        return own.get_online_features(WHOLE, asked, profile, at=AT)

    served.sync(own, AS_OF)
    states = [look_up()]
    more = [{**row, "amount": row["amount"] * 3} for row in ROWS]
    write_parquet(root / served.EVENTS, SCHEMA, more)
    served.rebuild(root, "run_2", datetime(2024, 1, 5))
    states.append(look_up("dev"))
    changed = [
        {name for name in one if one[name] != other[name]}
        for one, other in zip(*states, strict=True)
    ]
    assert {name.split("__")[0] for name in set().union(*changed) if "__" in name} == {*WHOLE}
    both = [root, Path(shutil.copytree(root, root.parent / "before"))]
    write_parquet(both[1] / served.EVENTS, SCHEMA, ROWS)
    served.rebuild(both[1], "run_1", datetime(2024, 1, 6))
    syncers = [mlf.load_project(item) for item in both]
    answers: list[Any] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            answers.append(look_up())

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(8):  # the two builds take turns, so that answers come from both
        done = served.sync(syncers[turn % 2], AS_OF)
        assert [item.action for item in done] == ["loaded"] * 3, done
    stop.set()
    for reader in readers:
        reader.join()
    for syncer in syncers:
        syncer.close()
    assert all(states.count(answer) == 1 for answer in answers)
    assert {states.index(answer) for answer in answers} == {0, 1}
    assert len(answers) > 20


def test_a_long_query_does_not_stop_readers(
    own: LoadedProject, sql: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exchange waits for whoever uses the table, and lets lookups pass meanwhile."""
    monkeypatch.setattr("mlforge_sql.online.postgres.exchanging.TRIES", 3)
    served.sync(own, AS_OF)
    want = own.get_online_features("spend", USERS, "pg", at=AT)
    slowest = 0.0
    done: list[Synced] = []
    said: list[str] = []
    with sql.transaction():
        sql.execute("select count(*) from mlforge_online.spend")  # keeps a lock on it
        thread = threading.Thread(
            target=lambda: done.extend(served.sync(own, AS_OF, full_refresh=True, say=said.append))
        )
        thread.start()
        while thread.is_alive():
            started = time.perf_counter()
            assert own.get_online_features("spend", USERS, "pg", at=AT) == want
            slowest = max(slowest, time.perf_counter() - started)
        thread.join()
    assert "spend: others are using the table; waiting" in said
    assert done[0].problem is not None
    assert plain(done[0].problem) == (
        "error[MF087]: the online table of feature `spend` is in use and cannot be exchanged; "
        "see who holds a lock on it in pg_locks, then run again"
    )
    assert [item.action for item in done] == ["failed", "loaded", "loaded"]
    assert slowest < 5


# Status and deletion


def test_status(root: Path, own: LoadedProject, sql: psycopg.Connection[Any]) -> None:
    from mlforge_sql.online.lookups import served as as_served

    features = [as_served(item) for item in own.serving.chosen()]
    store = own.serving.store("pg")
    assert [item.state for item in store.status(features)] == ["not synced"] * 3
    served.sync(own, AS_OF)
    found = store.status(features)
    assert [item.state for item in found] == ["current"] * 3
    assert {(item.as_of, item.run_id) for item in found} == {(AS_OF, "run_1")}
    served.rebuild(root, "run_2", datetime(2024, 1, 5))
    found = store.status(features)
    assert [(item.state, item.detail) for item in found] == [
        ("behind", "profile `pg` was built 2024-01-05 00:00:00")
    ] * 3
    sql.execute("drop table mlforge_online.last")
    new = changed(root, where="amount > 1000")
    features = [as_served(item) for item in new.serving.chosen(["spend", "last"])]
    assert [(item.feature, item.state) for item in store.status(features)] == [
        ("spend", "older definition"),
        ("last", "not synced"),
        ("shop_spend", "not in the project"),
    ]
    (root / served.DATABASE).unlink()
    features = [as_served(item) for item in own.serving.chosen(["spend"])]
    found = store.status(features)
    assert (found[0].state, found[0].detail) == ("current", "the offline store cannot be read")
    new.close()


def test_a_delete_waits_for_readers_and_gives_up(
    own: LoadedProject, sql: psycopg.Connection[Any], dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never stands in the way of readers for longer than a second."""
    monkeypatch.setattr("mlforge_sql.online.postgres.exchanging.TRIES", 1)
    served.sync(own, AS_OF)
    with psycopg.connect(dsn) as reading:
        reading.execute("select count(*) from mlforge_online.spend")
        with pytest.raises(OnlineError, match=r"\[MF087\].*`spend` is in use"):
            own.serving.store("pg").delete(["spend"])
    assert "spend" in tables(sql)
    assert own.serving.store("pg").delete(["spend"]) == ["spend"]


def test_a_delete_waits_for_a_sync_and_gives_up(
    own: LoadedProject, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlforge_sql.online.postgres.store.DELETE_WAIT_SECONDS", 0.0)
    served.sync(own, AS_OF)
    with psycopg.connect(dsn) as loading:
        key = lock_key("mlforge_online", "spend")
        loading.execute("select pg_advisory_xact_lock(%s)", [key])
        with pytest.raises(OnlineError, match=r"\[MF087\].*another sync is loading"):
            own.serving.store("pg").delete(["spend"])


def test_delete(own: LoadedProject, sql: psycopg.Connection[Any]) -> None:
    served.sync(own, AS_OF)
    store = own.serving.store("pg")
    assert store.delete(["spend", "nothing"]) == ["spend"]
    assert tables(sql) == ["_mlforge_online", "last", "shop_spend"]
    with pytest.raises(OnlineError, match=r"\[MF082\]"):
        own.get_online_features("spend", USERS, "pg", at=AT)
    assert own.get_online_features("last", USERS, "pg", at=AT)
    with pytest.raises(SpecErrors, match=r"serves from its feature tables"):
        own.serving.store("dev").delete(["last"])
