"""Windows made of shorter ones: which merges, and when."""

from __future__ import annotations

import copy
import random
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import events
import pytest
from harness import project_macros, write_parquet
from hypothesis import given
from hypothesis import strategies as st

from mlforge_sql.dbt.macros import MacroError
from mlforge_sql.plan.merging import REACH, Merge, merge_chain
from mlforge_sql.plan.nodes import Rolling

FEWEST = {
    (1,): 0,
    (2,): 1,
    (7,): 4,
    (23,): 6,
    (7, 30, 90): 9,
    (1, 2, 3, 4): 3,
    (24, 48, 168, 720): 12,
    (365,): 11,
    (1023,): 18,
}
"""Windows, and how many merges make them; up to 90 no search finds fewer."""


@pytest.mark.parametrize(("lengths", "number"), FEWEST.items(), ids=str)
def test_the_chain_is_short(lengths: tuple[int, ...], number: int) -> None:
    assert len(merge_chain(lengths)) <= number


@given(st.sets(st.integers(1, REACH - 1), min_size=1, max_size=6))
def test_every_window_is_made_of_two_that_are_there(lengths: set[int]) -> None:
    there = {1}
    for merge in merge_chain(lengths):
        assert merge.length == merge.near + merge.far
        assert {merge.near, merge.far} <= there
        assert merge.near <= merge.far
        assert merge.length not in there
        there.add(merge.length)
    assert lengths <= there


@given(st.sets(st.integers(1, 40), min_size=1, max_size=4))
def test_no_merge_is_for_nothing(lengths: set[int]) -> None:
    chain = merge_chain(lengths)
    used = lengths | {part for merge in chain for part in (merge.near, merge.far)}
    assert {merge.length for merge in chain} <= used


def test_the_order_of_windows_does_not_matter() -> None:
    assert merge_chain([90, 7, 30]) == merge_chain((7, 30, 90, 7, 1))
    assert merge_chain([2]) == (Merge(2, 1, 1),)


# Which features can merge


def rolling(root: Path, **feature: Any) -> Rolling:
    document = events.spec([events.feature("f", **feature)])
    schema = {
        "user_id": "VARCHAR",
        "event_time": "TIMESTAMP",
        "amount": "DOUBLE",
        "price": "DECIMAL(18,8)",
    }
    run = events.run(root, document, [dict.fromkeys(schema)], schema)
    run.connection.close()
    (node,) = run.compiled.plan.features
    assert isinstance(node, Rolling)
    return node


def metric(
    *windows: str, field: str = "amount", function: Any = "sum", **more: Any
) -> dict[str, Any]:
    return {"windows": list(windows), "aggregations": {field: function}, **more}


CAN = {
    "windows of days": (True, {"interval": "1d", "metrics": [metric("7d", "90d")]}),
    "with an offset": (True, {"interval": "1d", "metrics": [metric("7d", offset="1d")]}),
    "beside all time": (True, {"interval": "1d", "metrics": [metric("7d", "lifetime")]}),
    "a spread": (True, {"interval": "1d", "metrics": [metric("7d", function="std")]}),
    "no interval": (False, {"metrics": [metric("7d")]}),
    "all time with an offset": (False, {"interval": "1d", "metrics": [metric("lifetime", offset="1d")]}),
    "a spread over all time": (False, {"interval": "1d", "metrics": [metric("7d", "lifetime", function="std")]}),
    "as far as can be": (True, {"interval": "1h", "metrics": [metric(f"{REACH - 1}h")]}),
    "too far": (False, {"interval": "1h", "metrics": [metric(f"{REACH}h")]}),
    "too far with the offset": (False, {"interval": "1h", "metrics": [metric(f"{REACH - 1}h", offset="1h")]}),
    "digits that Databricks rounds": (False, {"interval": "1d", "metrics": [metric("7d", field="price")]}),
    "the largest of those": (True, {"interval": "1d", "metrics": [metric("7d", field="price", function="max")]}),
}  # fmt: skip


@pytest.mark.parametrize(("can", "feature"), CAN.values(), ids=CAN)
def test_features_that_can_merge(tmp_path: Path, can: bool, feature: dict[str, Any]) -> None:
    assert rolling(tmp_path, **feature).can_merge is can


# When they do

DOCUMENT = events.spec([events.feature("f", interval="1d", metrics=[metric("1d", "90d")])])


def decide(
    root: Path,
    days: list[int],
    document: dict[str, Any] = DOCUMENT,
    longest: int = 90,
    **known: Any,
) -> tuple[str, list[str]]:
    """How a feature, of 1 and 90 days by default, is computed, and what is said about it."""
    first = datetime(2024, 1, 1)
    rows = [
        {"user_id": "u", "event_time": first + timedelta(days=day), "amount": 1.0} for day in days
    ]
    run = events.run(root, document, rows)
    said: list[str] = []

    def run_query(query: str) -> SimpleNamespace:
        return SimpleNamespace(rows=run.connection.execute(query).fetchall())

    def log(text: str, *, info: bool) -> str:
        assert info
        said.append(text)
        return ""

    context = {
        "load_relation": lambda name: name,
        "run_query": run_query,
        "log": log,
        "var": lambda _, default: default,
        **known,
    }
    macros = project_macros(run.compiled, root, more=context)
    text = next(text for path, text in run.compiled.files.items() if path.name == "f.sql")
    sql = macros.render(text)
    run.connection.close()
    return ("merged" if f"before_{longest}" in sql else "sliding"), said


def test_few_ticks_for_each_event_are_merged(tmp_path: Path) -> None:
    way, said = decide(tmp_path, list(range(12)))
    assert way == "merged"
    assert said == ["f: windows are merged tick by tick: 12 tiles, about 102 ticks"]


def test_many_are_not(tmp_path: Path) -> None:
    """An event has three rows of the feature, and 91 ticks in which it may be in a window."""
    way, said = decide(tmp_path, [0, 1000, 2000, 3000])
    assert way == "sliding"
    assert said == ["f: windows are computed for each row: 4 tiles, about 361 ticks"]


@pytest.mark.parametrize(("longest", "way"), [(128, "merged"), (129, "sliding")])
@pytest.mark.parametrize("days", [list(range(150)), [0, 1000, 2000]], ids=["dense", "sparse"])
def test_later_events_change_no_spread(
    tmp_path: Path, longest: int, way: str, days: list[int]
) -> None:
    """Both forms round otherwise: with std of doubles the definition alone says which is taken."""
    metrics = [metric("1d", f"{longest}d", function=["sum", "std"])]
    document = events.spec([events.feature("f", interval="1d", metrics=metrics)])
    assert decide(tmp_path, days, document, longest) == (way, [])


def test_no_events_are_merged(tmp_path: Path) -> None:
    assert decide(tmp_path, [])[0] == "merged"


@pytest.mark.parametrize("known", [{"load_relation": lambda _: None}, {"execute": False}])
def test_without_tiles_nothing_is_counted(tmp_path: Path, known: dict[str, Any]) -> None:
    """As in `dbt compile` and `dbt parse` of a project that was never built."""

    def refuse(_: str) -> None:
        raise AssertionError("a query")

    assert decide(tmp_path, [0, 1000], run_query=refuse, **known) == ("merged", [])


@pytest.mark.parametrize("way", ["merged", "sliding"])
def test_a_variable_decides(tmp_path: Path, way: str) -> None:
    assert decide(tmp_path, [0], var=lambda *_: way) == (way, [])


def test_another_value_of_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MacroError, match="'mlforge_windows' is 'merge'"):
        decide(tmp_path, [0], var=lambda *_: "merge")


# The same bits

BITS = events.spec(
    [
        events.feature("gridded", interval="1d", metrics=[metric("2d", "5d", "lifetime", function=["sum", "mean"]), metric("2d", "5d", function=["std", "variance"])]),
        events.feature("continuous", metrics=[metric("2d", "lifetime", function="sum")]),
    ]
)  # fmt: skip


def bits(root: Path, rows: list[dict[str, Any]], files: int) -> list[list[dict[str, Any]]]:
    """Every value of the features, from so many files."""
    document = copy.deepcopy(BITS)
    document["sources"][0]["path"] = "data/events_*.parquet"
    for number in range(files):
        write_parquet(root / f"data/events_{number}.parquet", events.SCHEMA, rows[number::files])
    run = events.run(root, document)
    names = ("gridded", "continuous")
    found = [run.rows(name, "user_id, feature_timestamp") for name in names]
    run.connection.close()
    return found


def test_other_files_of_the_same_events_make_the_same_bits(tmp_path: Path) -> None:
    """Doubles of very different sizes: added in another order, they make other sums."""
    chance = random.Random(7)
    start = datetime(2024, 1, 1)
    rows = [
        {
            "user_id": f"u{chance.randrange(3)}",
            "event_time": start + timedelta(hours=chance.randrange(24 * 12)),
            "amount": chance.uniform(-1, 1) * 10 ** chance.randrange(12),
        }
        for _ in range(3000)
    ]
    wanted = bits(tmp_path / "first", rows, 1)
    shuffled = sorted(rows, key=lambda row: (row["user_id"], -row["amount"]))
    assert bits(tmp_path / "second", shuffled, 3) == wanted
    assert len(wanted[0]) > 30
    plain = {(row["user_id"], row["event_time"].date()): 0.0 for row in rows}
    for row in rows:
        plain[row["user_id"], row["event_time"].date()] += row["amount"]
    other = dict.fromkeys(plain, 0.0)
    for row in shuffled:
        other[row["user_id"], row["event_time"].date()] += row["amount"]
    assert plain != other, "the order would not matter"
