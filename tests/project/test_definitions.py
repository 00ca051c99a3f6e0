"""A feature's definition is what its values depend on: what changes its hash, and what does not."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from harness import compile_and_run, write_parquet, write_project
from served import build, config, rebuild

import mlforge_sql as mlf
from mlforge_sql.errors import RetrievalError
from mlforge_sql.project.definition import spec_hash
from mlforge_sql.workflows.compile import compile_project

NOON = datetime(2024, 1, 1, 12)
SCHEMA = {
    "user_id": "VARCHAR",
    "at": "TIMESTAMP",
    "event_id": "BIGINT",
    "amount": "BIGINT",
    "kind": "VARCHAR",
}
ROWS: list[dict[str, Any]] = [
    {
        "user_id": f"u{number % 3}",
        "at": NOON + timedelta(hours=number // 6),
        "event_id": number // 2,
        "amount": number * 7 % 5,
        "kind": "ab"[number % 2],
    }
    for number in range(36)
]
SPEC: dict[str, Any] = {
    "entities": [{"name": "user", "join_key": "user_id"}],
    "sources": [
        {
            "name": "events",
            "path": "data/events.parquet",
            "timestamp": "at",
            "dedupe": {"key": ["event_id"]},
        }
    ],
    "features": [
        {
            "name": "spend",
            "source": "events",
            "entities": ["user"],
            "interval": "1d",
            "where": "kind <> 'c'",
            "metrics": [
                {"windows": ["1d", "7d"], "aggregations": {"amount": ["sum", "max"]}},
                {"field": "amount", "function": "count", "windows": ["1d"], "name": "n"},
            ],
        },
        {
            "name": "last",
            "source": "events",
            "entities": ["user"],
            "select": {"amount": "amount", "kind": "lower(kind)"},
        },
    ],
}
LABELS = pd.DataFrame({"user_id": ["u0", "u1", "u2"], "at": [NOON + timedelta(hours=9)] * 3})


def hashes(root: Path, spec: Mapping[str, Any], schema: Mapping[str, str]) -> dict[str, str]:
    write_project(root, spec)
    write_parquet(root / "data" / "events.parquet", schema, [])
    return {item.name: spec_hash(item) for item in compile_project(root).project.features}


def changed(edit: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    spec = copy.deepcopy(SPEC)
    edit(spec)
    return spec


def reversed_keys(spec: dict[str, Any]) -> None:
    """Another order wherever order means nothing."""
    for feature in spec["features"]:
        turned = dict(reversed(feature.items()))
        feature.clear()
        feature.update(turned)
        if "select" in feature:
            feature["select"] = dict(reversed(feature["select"].items()))
        if "metrics" in feature:
            feature["metrics"].reverse()
    spec["features"].reverse()


OTHER_FEATURE = {
    "name": "other",
    "source": "events",
    "entities": ["user"],
    "select": {"kind": "kind"},
}
SAME: dict[str, Callable[[dict[str, Any]], Any]] = {
    "descriptions": lambda spec: (
        spec["features"][0].update(description="x"),
        spec["features"][0]["metrics"][1].update(description="x", unit="y"),
        spec["sources"][0].update(description="z"),
    ),
    "tags and ttl": lambda spec: spec["features"][1].update(tags=["core"], ttl="7d"),
    "validators": lambda spec: spec["features"][0].update(validators={"amount": ["not_null"]}),
    "freshness": lambda spec: spec["sources"][0].update(freshness={"warn_after": "1d"}),
    "order of keys": reversed_keys,
    "another feature": lambda spec: spec["features"].append(OTHER_FEATURE),
    "equal durations": lambda spec: spec["features"][0].update(interval="24h"),
    "declared columns": lambda spec: spec["sources"][0].update(columns={"amount": "bigint"}),
}
OTHER: dict[str, tuple[set[str], Callable[[dict[str, Any]], Any]]] = {
    "path": ({"spend", "last"}, lambda spec: spec["sources"][0].update(path="data/even*.parquet")),
    "delay": ({"spend", "last"}, lambda spec: spec["sources"][0].update(delay="1d")),
    "filter": ({"spend", "last"}, lambda spec: spec["sources"][0].update(where="amount > 0")),
    "dedupe": ({"spend", "last"}, lambda spec: spec["sources"][0].pop("dedupe")),
    "dedupe order": (
        {"spend", "last"},
        lambda spec: spec["sources"][0]["dedupe"].update(order_by=["kind"]),
    ),
    "interval": ({"spend"}, lambda spec: spec["features"][0].update(interval="12h")),
    "where": ({"spend"}, lambda spec: spec["features"][0].update(where="kind <> 'd'")),
    "default": ({"spend"}, lambda spec: spec["features"][0]["metrics"][0].update(default=-1)),
    "window": ({"spend"}, lambda spec: spec["features"][0]["metrics"][1].update(windows=["2d"])),
    "version": ({"last"}, lambda spec: spec["features"][1].update(version=2)),
    "ties": ({"last"}, lambda spec: spec["features"][1].update(tie_breaker=["event_id"])),
    "expression": ({"last"}, lambda spec: spec["features"][1]["select"].update(amount="-amount")),
    "boundary": ({"last"}, lambda spec: spec["features"][1].update(boundary="inclusive")),
}


def ordered(amount: str, order: str, **more: Any) -> dict[str, Any]:
    """The spec with a feature whose events of one time stand in the order of derived columns."""
    feature = {
        "name": "spend",
        "source": "events",
        "entities": ["user"],
        "select": {"amount": amount, "o": order},
        "metrics": [{"windows": ["1d"], "aggregations": {"amount": ["last"]}}],
        **more,
    }
    return {**SPEC, "features": [feature]}


def test_what_an_order_of_events_means_is_part_of_it(tmp_path: Path) -> None:
    """Also where the column is nothing but that: events of one time fall otherwise."""
    ties = {"tie_breaker": ["o"]}
    before = hashes(tmp_path, ordered("amount", "event_id", **ties), SCHEMA)
    assert hashes(tmp_path, ordered("amount", "-event_id", **ties), SCHEMA) != before
    assert hashes(tmp_path, ordered("amount", "event_id", **ties), SCHEMA) == before


@pytest.mark.parametrize("name", SAME)
def test_what_is_not_part_of_it(name: str, tmp_path: Path) -> None:
    before = hashes(tmp_path, SPEC, SCHEMA)
    after = hashes(tmp_path, changed(SAME[name]), SCHEMA)
    assert {feature: after[feature] for feature in before} == before


@pytest.mark.parametrize("name", OTHER)
def test_what_is_part_of_it(name: str, tmp_path: Path) -> None:
    wanted, edit = OTHER[name]
    before = hashes(tmp_path, SPEC, SCHEMA)
    after = hashes(tmp_path, changed(edit), SCHEMA)
    assert {feature for feature in before if after[feature] != before[feature]} == wanted


def test_types_of_columns_that_are_read(tmp_path: Path) -> None:
    before = hashes(tmp_path, SPEC, SCHEMA)
    assert hashes(tmp_path, SPEC, SCHEMA | {"amount": "INTEGER"}) != before
    assert hashes(tmp_path, SPEC, dict(reversed(SCHEMA.items()))) == before
    assert hashes(tmp_path, SPEC, {"a": "DOUBLE", **SCHEMA, "z": "DATE[]"}) == before


def test_both_columns_of_a_time_are_part_of_it(tmp_path: Path) -> None:
    spec = changed(in_two)
    schema = {**SCHEMA, "day": "DATE", "clock": "TIME", "other": "BIGINT"}
    before = hashes(tmp_path, spec, schema)
    for column in ("day", "clock"):
        retyped = hashes(tmp_path, spec, schema | {column: "VARCHAR"})
        assert all(retyped[name] != before[name] for name in before)
    assert hashes(tmp_path, spec, schema | {"other": "VARCHAR"}) == before


def in_two(spec: dict[str, Any]) -> None:
    """The time of the source as a date and a time of the day."""
    spec["sources"][0]["timestamp"] = {"date": "day", "time": "clock"}


def test_a_time_in_two_columns_decides_before_what_is_not_read(tmp_path: Path) -> None:
    """Which row of an event is kept, and so its day."""
    spec = changed(in_two)
    schema = {"aa": "BIGINT", **SCHEMA, "day": "DATE", "clock": "TIME"}
    row = {"user_id": "u", "at": NOON, "event_id": 1, "amount": 1, "kind": "a"}
    for sign in (1, -1):
        rows = [
            {**row, "day": NOON.date(), "clock": time(hour), "aa": sign * hour} for hour in (1, 2)
        ]
        write_project(tmp_path / str(sign), spec)
        write_parquet(tmp_path / str(sign) / "data" / "events.parquet", schema, rows)
        (staged,) = compile_and_run(tmp_path / str(sign)).rows("stg_events")
        assert staged["clock"] == time(2)


def test_the_salt_of_keys_is_part_of_it(tmp_path: Path) -> None:
    spec = copy.deepcopy(SPEC)
    spec["entities"] = [{"name": "user", "join_key": "user_key", "from_columns": ["user_id"]}]
    before = hashes(tmp_path, spec, SCHEMA)
    write_project(tmp_path, spec, {**config(), "surrogate_key_salt_env": "SALT"})
    features = compile_project(tmp_path).project.features
    assert {item.name: spec_hash(item) for item in features}.keys() == before.keys()
    assert all(spec_hash(item) != before[item.name] for item in features)


def test_no_column_that_is_not_read_decides_anything(tmp_path: Path) -> None:
    """Rows of one event and events of one time: wherever a new column stands, whatever it holds."""
    plain = values(tmp_path / "plain", SCHEMA, ROWS)
    assert len(plain) > 20
    for number, (sign, first) in enumerate(itertools.product((1, -1), (True, False))):
        rows = [{**row, "aa": sign * index} for index, row in enumerate(ROWS)]
        schema = {"aa": "BIGINT", **SCHEMA} if first else {**SCHEMA, "aa": "BIGINT"}
        assert values(tmp_path / str(number), schema, rows) == plain
    turned = dict(reversed(SCHEMA.items()))
    assert values(tmp_path / "turned", turned, ROWS[::-1]) == plain


def values(root: Path, schema: Mapping[str, str], rows: list[dict[str, Any]]) -> list[Any]:
    write_project(root, SPEC)
    write_parquet(root / "data" / "events.parquet", schema, rows)
    run = compile_and_run(root, as_of=NOON + timedelta(days=30))
    found = [row for table in ("spend", "last") for row in run.rows(table)]
    run.connection.close()
    return sorted((sorted(row.items()) for row in found), key=str)


def test_tables_stay_readable_when_a_column_is_added(tmp_path: Path) -> None:
    root = build(tmp_path, SPEC, ROWS, SCHEMA)
    before = read(root)
    wide = {"a": "BIGINT", **SCHEMA}
    rows = [{"a": -number, **row} for number, row in enumerate(ROWS)]
    loaded = mlf.load_project(root)
    write_parquet(root / "data" / "events.parquet", wide, rows)
    assert read(root) == before, "compiled anew, not built again"
    frame = loaded.get_training_data(["spend", "last"], LABELS, "at")
    assert len(frame) == len(LABELS), "only the file has changed"
    rebuild(root, "run_2", NOON)
    assert read(root) == before, "built again"


def test_a_table_of_another_definition_is_refused(tmp_path: Path) -> None:
    root = build(tmp_path, SPEC, ROWS, SCHEMA)
    with duckdb.connect(str(root / "feature_store" / "features.duckdb")) as connection:
        connection.execute("update _mlforge_metadata set spec_hash = 'of an earlier release'")
    with pytest.raises(RetrievalError) as caught:
        read(root)
    [first, *_] = caught.value.diagnostics
    assert "`spend`" in first.message
    assert "older definition" in first.message
    assert first.hint is not None
    assert "mlforge build" in first.hint


def read(root: Path) -> tuple[Any, ...]:
    project = mlf.load_project(root)
    frame = project.get_training_data(["spend", "last"], LABELS, "at")
    entities = [{"user_id": name} for name in LABELS["user_id"]]
    served = project.get_online_features(["spend", "last"], entities, "dev", at=NOON)
    return frame.to_dict("records"), served
