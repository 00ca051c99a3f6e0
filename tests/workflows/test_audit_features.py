"""The audit of feature tables: a fault in a table is found, with or without a training set."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from audited import CONTINUOUS, EVENTS, GRIDDED, LABELS, LAST, ROWS, SPEC, audit, build
from events import at, table
from harness import Run

MOMENT = timedelta(microseconds=1)
FEATURES = ("daily", "recent", "last")
NO_SETS: dict[str, Any] = {**SPEC, "training_sets": []}


def found(run: Run, feature: str, **variables: Any) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """User, instant and column of each difference, and both values."""
    return {
        (row["user_id"], row["instant"], row["feature_column"]): (
            row["in_table"],
            row["recomputed"],
        )
        for row in audit(run, feature, of="feature", **variables)
    }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return build(tmp_path, NO_SETS)


def test_honest_tables_have_no_differences(run: Run) -> None:
    assert [found(run, name) for name in FEATURES] == [{}, {}, {}]


def test_a_value_at_its_own_instant(run: Run) -> None:
    where = "where user_id = 'u1' and feature_timestamp = timestamp '2024-01-03'"
    run.connection.execute(f"update daily set amount_sum_1d = 1100.5 {where}")
    instant = at("01-03 00:00")
    assert found(run, "daily") == {
        ("u1", instant, "amount_sum_1d"): ("1100.5", "1100.0"),
        # the row holds until the next one
        ("u1", at("01-04 00:00") - MOMENT, "amount_sum_1d"): ("1100.5", "1100.0"),
    }


def test_a_count_that_is_null(run: Run) -> None:
    """A training set would say 0; other tools would read NULL."""
    where = "where feature_timestamp = timestamp '2024-01-05 00:00:00.000001'"
    run.connection.execute(f"update recent set amount_count_2d = null {where}")
    assert found(run, "recent") == {
        ("u1", at("01-05 00:00") + MOMENT, "amount_count_2d"): (None, "0")
    }


@pytest.mark.parametrize("feature", FEATURES)
def test_an_entity_without_rows(run: Run, feature: str) -> None:
    run.connection.execute(f"delete from {feature} where user_id = 'u2'")
    rows = found(run, feature)
    assert rows["u2", None, "every column"] == ("no row", "an event")
    assert {key[0] for key in rows} == {"u2"}


@pytest.mark.parametrize("feature", FEATURES)
def test_an_entity_without_events(run: Run, feature: str) -> None:
    run.connection.execute(
        f"insert into {feature} select * replace ('u9' as user_id) from {feature} where user_id = 'u2'"
    )
    assert found(run, feature) == {("u9", None, "every column"): ("a row", "no event")}


@pytest.mark.parametrize("feature", FEATURES)
def test_each_row_that_is_missing(run: Run, feature: str) -> None:
    run.connection.execute("create table kept as from " + feature)
    for user, instant in run.connection.execute(
        f"select user_id, feature_timestamp from {feature} where user_id = 'u1'"
    ).fetchall():
        run.connection.execute(f"delete from {feature} where feature_timestamp = ?", [instant])
        assert found(run, feature)[user, instant, "every column"] == ("no row", "a change")
        run.connection.execute(f"create or replace table {feature} as from kept")


def test_a_row_where_nothing_changes(run: Run) -> None:
    run.connection.execute(
        "insert into daily select * replace (timestamp '2024-01-03 12:00:00' as feature_timestamp) "
        "from daily where user_id = 'u1' and feature_timestamp = timestamp '2024-01-03'"
    )
    assert found(run, "daily") == {
        ("u1", at("01-03 12:00"), "every column"): ("a row", "no change")
    }


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("microseconds", [-1, 1])
def test_rows_a_microsecond_early_or_late(run: Run, feature: str, microseconds: int) -> None:
    run.connection.execute(
        f"update {feature} set feature_timestamp = feature_timestamp + {microseconds} * interval '1 microsecond'"
    )
    rows = found(run, feature)
    assert {values for key, values in rows.items() if key[2] == "every column"} == {
        ("no row", "a change"),
        ("a row", "no change"),
    }
    seen = [key for key in rows if key[2] != "every column"]
    assert seen, "values are seen too early, or too late"
    assert {key[0] for key in seen} == {"u1", "u2"}


@pytest.mark.parametrize("feature", [GRIDDED, CONTINUOUS], ids=["daily", "recent"])
def test_an_offset_that_is_wrong_by_a_microsecond(tmp_path: Path, feature: dict[str, Any]) -> None:
    """Rows that begin with an event are right, those that an offset moves are not."""
    spec: dict[str, Any] = deepcopy(NO_SETS)
    metric = {"windows": ["1d"], "aggregations": {"amount": ["sum"]}}
    spec["features"] = [{**feature, "metrics": [metric, {**metric, "offset": "2d"}]}]
    run = build(tmp_path, spec)
    name = feature["name"]
    assert found(run, name) == {}
    row = at("01-06 00:00") if name == "daily" else at("01-05 00:00") + MOMENT
    run.connection.execute(
        f"update {name} set feature_timestamp = feature_timestamp + interval '1 microsecond' "
        "where feature_timestamp = ?",
        [row],
    )
    rows = found(run, name)
    assert rows["u1", row, "every column"] == ("no row", "a change")
    assert ("u1", row, "amount_sum_1d_offset_2d") in rows


def test_an_event_that_is_seen_at_its_own_time(tmp_path: Path) -> None:
    run = build(tmp_path, NO_SETS, edit={"('' if inclusive else ' + 1')": "''"})
    for feature, column in (("recent", "amount_sum_1d"), ("last", "last_amount")):
        assert found(run, feature)["u2", at("01-01 00:00"), column] == ("7.0", None)
    assert found(run, "daily") == {}


def test_a_ttl_does_not_empty_the_table(tmp_path: Path) -> None:
    spec = {**NO_SETS, "features": [{**GRIDDED, "ttl": "1d"}, {**LAST, "ttl": "1s"}]}
    run = build(tmp_path, spec)
    assert [found(run, name) for name in ("daily", "last")] == [{}, {}]


def test_defaults_of_an_entity_without_rows_yet(tmp_path: Path) -> None:
    metrics = [
        {"field": "amount", "function": "count", "windows": ["1d"], "default": 5},
        {"field": "amount", "function": "max", "windows": ["1d"], "default": -1},
    ]
    run = build(tmp_path, {**NO_SETS, "features": [{**CONTINUOUS, "metrics": metrics}]})
    assert found(run, "recent") == {}
    run.connection.execute("update recent set amount_count_1d = 0 where amount_count_1d = 5")
    assert set(found(run, "recent").values()) == {("0", "5")}


# The sample


def hot_and_rare(tmp_path: Path) -> Run:
    """A user with 3000 events, and fifty with one."""
    rows = [
        {
            "user_id": "hot",
            "event_time": datetime(2024, 1, 1) + n * timedelta(minutes=7),
            "amount": 1.0,
        }
        for n in range(3000)
    ]
    rows += table(
        "user_id event_time amount", *((f"u{n}", at("01-02 00:00"), 1.0) for n in range(50))
    )
    return build(tmp_path, NO_SETS, rows)


def test_rare_entities_are_in_the_sample(tmp_path: Path) -> None:
    run = hot_and_rare(tmp_path)
    run.connection.execute("update recent set amount_sum_1d = -1, amount_count_2d = 77")
    for seed in range(3):
        rows = found(run, "recent", mlforge_audit_rows=60, mlforge_audit_seed=seed)
        instants = {key[:2] for key in rows}
        assert len(instants) <= 60
        assert len({user for user, _ in instants}) > 25, (
            "of those a microsecond before, some are empty"
        )


def test_the_size_of_the_sample_and_its_seed(tmp_path: Path) -> None:
    run = hot_and_rare(tmp_path)
    run.connection.execute("update last set last_amount = -1")
    samples = []
    for seed in (0, 0, 1):
        rows = found(run, "last", mlforge_audit_rows=30, mlforge_audit_seed=seed)
        assert 10 < len(rows) <= 30
        samples.append(rows)
    assert samples[0] == samples[1] != samples[2]
    assert len(found(run, "last", mlforge_audit_rows=3)) <= 3


def test_a_busy_entity_is_looked_at_less_often(tmp_path: Path) -> None:
    """The work is bounded by the events of the entities in the sample, whatever the table's size."""
    run = hot_and_rare(tmp_path)
    text = next(
        text for path, text in run.compiled.files.items() if path.stem == "audit_feature__last"
    )
    assert "* 10000" in text
    run.connection.execute("update last set last_amount = -1 where user_id = 'hot'")
    whole = len(found(run, "last", mlforge_audit_rows=1000))
    file = next(path for path in run.compiled.files if path.stem == "audit_feature__last")
    run.compiled.files[file] = text.replace("* 10000", "* 10")
    some = len(found(run, "last", mlforge_audit_rows=1000))
    assert whole > 500
    assert 0 < some <= 4, "10,000 events are three instants of this user"


# Names and keys


def test_a_row_names_nobody(tmp_path: Path) -> None:
    person = {"name": "person", "join_key": "person_id", "from_columns": ["First Name"]}
    spec: dict[str, Any] = {
        "entities": [person],
        "sources": [EVENTS],
        "features": [{**GRIDDED, "entities": ["person"]}],
    }
    rows = [
        {"First Name": "Ann", "event_time": row["event_time"], "amount": row["amount"]}
        for row in ROWS
    ]
    schema = {"First Name": "VARCHAR", "event_time": "TIMESTAMP", "amount": "DOUBLE"}
    run = build(
        tmp_path, spec, rows, LABELS, (schema, {"user_id": "VARCHAR", "marked_at": "TIMESTAMP"})
    )
    assert audit(run, "daily", of="feature") == []
    run.connection.execute("update daily set amount_count_1d = 77")
    differences = audit(run, "daily", of="feature")
    assert differences
    assert "Ann" not in str(differences)
    shown = ["person_id", "instant", "feature_column", "in_table", "recomputed"]
    assert all(list(row) == shown for row in differences)


def test_names_that_the_audit_uses_itself(tmp_path: Path) -> None:
    keys = ["instant", "turn", "found"]
    columns = {
        "entity_events": "amount",
        "row_begins": "amount + 1",
        "origin": "amount",
        "edge": "amount",
    }
    spec: dict[str, Any] = {
        "entities": [{"name": "user", "join_key": keys}],
        "sources": [EVENTS],
        "features": [
            {"name": "last", "source": "events", "entities": ["user"], "select": columns},
            {
                "name": "daily",
                "source": "events",
                "entities": ["user"],
                "interval": "1d",
                "metrics": [
                    {"field": "amount", "function": "std", "windows": ["1d"], "name": "in_table"},
                    {"field": "amount", "function": "count", "windows": ["1d"], "name": "held"},
                ],
            },
        ],
    }
    rows = [{**dict.fromkeys(keys, row["user_id"]), **row} for row in ROWS]
    for row in rows:
        del row["user_id"]
    schema = {**dict.fromkeys(keys, "VARCHAR"), "event_time": "TIMESTAMP", "amount": "DOUBLE"}
    run = build(
        tmp_path, spec, rows, [], (schema, {"user_id": "VARCHAR", "marked_at": "TIMESTAMP"})
    )
    assert [audit(run, name, of="feature") for name in ("last", "daily")] == [[], []]
    run.connection.execute("update daily set held_1d = 9")
    first = audit(run, "daily", of="feature")[0]
    assert list(first) == [*keys, "mlforge_instant", "feature_column", "in_table", "recomputed"]
