"""Rows of sources: filters, dedupe, delay, and that their physical order does not matter."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import events
from events import Document, Rows, at, feature, steps
from source_runs import COUNT, DAILY, LAST, ROWS, SUMS, close

# Filters, dedupe, delay


def test_where_keeps_only_what_is_true(tmp_path: Path) -> None:
    rows = [*ROWS, {"user_id": "u1", "event_time": at("01-01"), "amount": None}]
    run = events.run(tmp_path, events.spec([DAILY], source={"where": "amount < 8"}), rows)
    assert run.rows("f", "2") == steps("amount_sum_1d", ("01-02", 3.5), ("01-03", None))


DEDUPE_SCHEMA = {"id": "BIGINT", "version": "INTEGER", "note": "VARCHAR", **events.SCHEMA}


def dedupe_rows(*rows: Sequence[Any]) -> Rows:
    return events.table("id version note user_id event_time amount", *rows)


def deduped(root: Path, rows: Rows, dedupe: Document, **source: Any) -> list[float]:
    """The amounts that are left, smallest first, whatever the physical order of the rows."""
    results = set()
    for number, order in enumerate([rows, rows[::-1], rows[2:] + rows[:2]]):
        document = events.spec([feature(metrics=[COUNT])], source={"dedupe": dedupe, **source})
        run = events.run(root / str(number), document, order, DEDUPE_SCHEMA)
        results.add(tuple(row["amount"] for row in run.rows("stg_events", "amount")))
        run.connection.close()
    assert len(results) == 1, "the order of the rows matters"
    return list(results.pop())


def test_dedupe_keeps_the_latest(tmp_path: Path) -> None:
    rows = dedupe_rows(
        (1, 1, "a", "u1", at("01-01"), 10.0),
        (1, 3, "a", "u1", at("01-01"), 20.0),
        (1, 2, "a", "u1", at("01-05"), 30.0),
        (2, 1, "a", "u1", at("01-01"), 40.0),
    )
    assert deduped(tmp_path, rows, {"key": "id", "order_by": "version"}) == [20.0, 40.0]


def test_dedupe_breaks_ties_on_the_remaining_columns(tmp_path: Path) -> None:
    """In the order of the source: `note` before `amount`."""
    rows = dedupe_rows(
        (1, 1, "a", "u1", at("01-01"), 30.0),
        (1, 1, "b", "u1", at("01-01"), 10.0),
        (1, 1, "b", "u1", at("01-01"), 20.0),
        (1, 1, None, "u1", at("01-01"), 40.0),
    )
    assert deduped(tmp_path, rows, {"key": ["id"], "order_by": ["version"]}) == [20.0]


def test_dedupe_order_by_has_nulls_last(tmp_path: Path) -> None:
    rows = dedupe_rows(
        (1, None, "a", "u1", at("01-01"), 10.0),
        (1, -5, "a", "u1", at("01-01"), 20.0),
    )
    assert deduped(tmp_path, rows, {"key": ["id"], "order_by": ["version"]}) == [20.0]


def test_dedupe_keeps_rows_with_null_keys(tmp_path: Path) -> None:
    """Nobody knows whether they are one event or several."""
    rows = dedupe_rows(
        (None, 1, "a", "u1", at("01-01"), 10.0),
        (None, 1, "a", "u1", at("01-01"), 20.0),
        (1, 1, None, "u1", at("01-01"), 30.0),
        (1, 1, None, "u1", at("01-01"), 40.0),
    )
    found = deduped(tmp_path, rows, {"key": ["id", "note"], "order_by": ["version"]})
    assert found == [10.0, 20.0, 30.0, 40.0]


def test_dedupe_comes_after_where(tmp_path: Path) -> None:
    rows = dedupe_rows(
        (1, 1, "a", "u1", at("01-01"), 10.0),
        (1, 2, "a", "u1", at("01-01"), 20.0),
    )
    found = deduped(tmp_path, rows, {"key": ["id"], "order_by": ["version"]}, where="version < 2")
    assert found == [10.0]


def test_dedupe_of_whole_rows(tmp_path: Path) -> None:
    """Without `order_by`: the remaining columns decide."""
    rows = dedupe_rows(*[(1, 1, "a", "u1", at("01-01"), 10.0)] * 3, (1, 1, "a", "u1", at("01-01"), 11.0))  # fmt: skip
    assert deduped(tmp_path, rows, {"key": ["id"]}) == [11.0]


def test_dedupe_with_a_list_column_does_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    """A feature can be computed from a list, so which row is kept matters."""
    schema = {"id": "BIGINT", "tags": "VARCHAR[]", **events.SCHEMA}
    rows = events.table(
        "id tags user_id event_time amount",
        (1, ["a"], "u1", at("01-01"), 1.0),
        (1, ["a", "b"], "u1", at("01-01"), 1.0),
        (1, ["a", "b", "c"], "u1", at("01-01"), 1.0),
    )
    document = events.spec(
        [feature("last", select={"size": "len(tags)"})], source={"dedupe": {"key": ["id"]}}
    )
    sizes = set()
    for number, order in enumerate(itertools.permutations(rows)):
        run = events.run(tmp_path / str(number), document, list(order), schema)
        sizes |= {row["size"] for row in run.rows("last")}
    assert len(sizes) == 1


def test_delay_of_a_source(tmp_path: Path) -> None:
    run = events.run(tmp_path, events.spec([DAILY, LAST], source={"delay": "2h"}), ROWS)
    delayed = [
        {**row, "feature_timestamp": row["feature_timestamp"] + timedelta(hours=2)} for row in SUMS
    ]
    assert run.rows("f", "2") == delayed
    first = run.rows("last", "2")[0]
    assert first["feature_timestamp"] == at("01-01 14:00:00.000001")
    assert first["last_time"] == at("01-01 12:00"), "the event's own time is not moved"


# The physical order of rows


def shuffled_rows() -> Rows:
    chance = random.Random(7)
    return [
        {
            "user_id": chance.choice(["u1", "u2", None]),
            "event_time": at("01-01") + timedelta(hours=chance.randrange(0, 96, 6)),
            "amount": chance.choice([0.1, 0.2, 0.3, 1e9 + 0.1, -7.0, None]),
            "kind": chance.choice(["a", "b", None]),
            "number": chance.choice([1, 2, None]),
        }
        for _ in range(400)
    ]


def test_the_physical_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    """Bit for bit where it can be: latest values, counts, min, max, sums of integers."""
    schema = {**events.SCHEMA, "kind": "VARCHAR", "number": "BIGINT"}
    exact: Document = {
        "windows": ["1d", "lifetime"],
        "aggregations": {
            "amount": ["count", "min", "max"],
            "number": ["sum", "count"],
            "kind": ["max"],
        },
    }
    rounded: Document = {"windows": ["1d"], "aggregations": {"amount": ["sum", "mean", "std"]}}
    latest: Document = {"select": {"amount": "amount", "last_kind": "kind", "number": "number"}}
    features = [
        feature("gridded", interval="12h", metrics=[exact]),
        feature("continuous", metrics=[exact]),
        feature("latest", **latest),
        feature("latest_gridded", interval="1d", tie_breaker=["number"], **latest),
        feature("rounded", metrics=[rounded]),
        feature("rounded_gridded", interval="12h", metrics=[rounded]),
    ]
    source = {"dedupe": {"key": ["user_id", "event_time", "amount"], "order_by": ["number"]}}
    rows = shuffled_rows()
    results: list[dict[str, Rows]] = []
    for number in range(3):
        random.Random(number).shuffle(rows)
        connection = duckdb.connect(config={"threads": 4})
        document = events.spec(features, source=source)
        run = events.run(tmp_path / str(number), document, rows, schema, connection=connection)
        names = [item["name"] for item in features]
        results.append({name: run.rows(name, "user_id, feature_timestamp") for name in names})
        connection.close()
    first, *others = results
    assert first["gridded"]
    for other in others:
        for name in ("gridded", "continuous", "latest", "latest_gridded"):
            assert other[name] == first[name]
        for name in ("rounded", "rounded_gridded"):
            for left, right in zip(first[name], other[name], strict=True):
                assert left["feature_timestamp"] == right["feature_timestamp"]
                for column in ("amount_sum_1d", "amount_mean_1d", "amount_std_1d"):
                    assert close(right[column], left[column], rel=1e-6)
