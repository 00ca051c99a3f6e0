"""Times of sources: every type, unit and format that is read, and those that are refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import events
import pytest
import yaml
from events import Document, at, feature, steps
from harness import Run, compile_and_run, write_parquet, write_project
from source_runs import COUNT, DAILY, LAST, ROWS, codes, csv_project

from mlforge_sql.errors import SpecErrors


def table_run(
    root: Path,
    schema: dict[str, str],
    values: str,
    timestamp: Any,
    features: Sequence[Document],
    *,
    delay: timedelta = timedelta(0),
) -> Run:
    """Run over a table of SQL values: DuckDB has types and instants that Python has not."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'America/New_York'")
    connection.execute("create table raw (" + ", ".join(f"{name} {kind}" for name, kind in schema.items()) + ")")  # fmt: skip
    connection.execute(f"insert into raw values {values}")
    source = {
        "path": None,
        "model": "raw",
        "columns": schema,
        "timestamp": timestamp,
        "delay": f"{delay.days}d",
    }
    return events.run(root, events.spec(features, source=source), connection=connection)


INSTANTS = [
    ("timestamp", "timestamp '2024-01-01 12:00:00.123456'", "2024-01-01 12:00:00.123456"),
    ("timestamp", "timestamp '1969-12-31 23:59:59.999999'", "1969-12-31 23:59:59.999999"),
    ("timestamptz", "timestamptz '2024-01-01 12:00:00+02:00'", "2024-01-01 10:00"),
    ("timestamptz", "timestamptz '2024-07-01 23:30:00-04:00'", "2024-07-02 03:30"),
    ("timestamptz", "timestamptz '1960-01-01 00:00:00.000001+00'", "1960-01-01 00:00:00.000001"),
    ("timestamp_s", "timestamp_s '2024-01-01 12:00:01'", "2024-01-01 12:00:01"),
    ("timestamp_ms", "timestamp_ms '2024-01-01 12:00:00.123'", "2024-01-01 12:00:00.123"),
    ("timestamp_ms", "timestamp_ms '1969-12-31 23:59:59.999'", "1969-12-31 23:59:59.999"),
    ("timestamp_ns", "timestamp_ns '2024-01-01 12:00:00.123456789'", "2024-01-01 12:00:00.123456"),
    ("timestamp_ns", "timestamp_ns '1969-12-31 23:59:59.999999999'", "1969-12-31 23:59:59.999999"),
    ("timestamp_ns", "timestamp_ns '1969-12-31 23:59:59.999999001'", "1969-12-31 23:59:59.999999"),
    ("timestamp_ns", "timestamp_ns '1969-12-31 23:59:59.999999'", "1969-12-31 23:59:59.999999"),
    ("timestamp_ns", "timestamp_ns '1960-01-01 00:00:00'", "1960-01-01"),
    ("date", "date '2024-02-29'", "2024-02-29"),
    ("date", "date '1960-02-29'", "1960-02-29"),
]


@pytest.mark.parametrize(("kind", "value", "expected"), INSTANTS)
def test_timestamp_types(tmp_path: Path, kind: str, value: str, expected: str) -> None:
    """An instant in UTC, cut to microseconds towards the past, whatever the session's time zone."""
    schema = {"user_id": "varchar", "event_time": kind}
    delay = timedelta(days=1 if kind == "date" else 0)  # a date is known when its day is over
    run = table_run(tmp_path, schema, f"('u1', {value})", "event_time", [LAST], delay=delay)
    instant = at(expected)
    assert run.rows("last") == [
        {
            "user_id": "u1",
            "feature_timestamp": instant + delay + timedelta(microseconds=1),
            "last_time": instant,
        }
    ]


def test_timestamps_with_a_zone_from_a_file(tmp_path: Path) -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    row = {"user_id": "u1", "event_time": datetime(2024, 1, 2, 1, 0, tzinfo=zone), "amount": 2.0}
    schema = {**events.SCHEMA, "event_time": "TIMESTAMPTZ"}
    run = events.run(tmp_path, events.spec([DAILY]), [row], schema)
    assert run.rows("f", "2") == steps("amount_sum_1d", ("01-02", 2.0), ("01-03", None))


@pytest.mark.parametrize("kind", ["INTEGER", "BIGINT", "UBIGINT", "HUGEINT", "SMALLINT"])
@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("s", 1_704_110_400, "2024-01-01 12:00"),
        ("s", 0, "1970-01-01"),
        ("s", -1, "1969-12-31 23:59:59"),
        ("s", -315_619_200, "1960-01-01"),
        ("ms", 1_704_110_400_123, "2024-01-01 12:00:00.123"),
        ("ms", -1, "1969-12-31 23:59:59.999"),
        ("us", 1_704_110_400_123_456, "2024-01-01 12:00:00.123456"),
        ("us", -1, "1969-12-31 23:59:59.999999"),
        ("ns", 1_704_110_400_123_456_789, "2024-01-01 12:00:00.123456"),
        ("ns", -1, "1969-12-31 23:59:59.999999"),
        ("ns", -999, "1969-12-31 23:59:59.999999"),
        ("ns", -1000, "1969-12-31 23:59:59.999999"),
        ("ns", -1001, "1969-12-31 23:59:59.999998"),
        ("ns", 999, "1970-01-01"),
        ("ns", -(2**63), "1677-09-21 00:12:43.145224"),
        ("ns", 2**63 - 1, "2262-04-11 23:47:16.854775"),
    ],
)
def test_epoch(tmp_path: Path, unit: str, value: int, expected: str, kind: str) -> None:
    sizes = {
        "SMALLINT": 2**15,
        "INTEGER": 2**31,
        "BIGINT": 2**63,
        "UBIGINT": 2**63,
        "HUGEINT": 2**63,
    }
    if not -sizes[kind] <= value < sizes[kind] or (kind == "UBIGINT" and value < 0):
        value, expected = 0, "1970-01-01"  # the number does not fit the type: another one does
    schema = {"user_id": "varchar", "event_time": kind}
    timestamp = {"column": "event_time", "unit": unit}
    run = table_run(tmp_path, schema, f"('u1', {value})", timestamp, [LAST])
    assert [row["last_time"] for row in run.rows("last")] == [at(expected)]


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("%Y-%m-%d %H:%M:%S", "2024-01-02 03:04:05", "2024-01-02 03:04:05"),
        ("%Y-%m-%d", "2024-02-29", "2024-02-29"),
        ("%Y-%m-%dT%H:%M:%S.%f", "2024-01-02T03:04:05.123456", "2024-01-02 03:04:05.123456"),
        ("%Y-%m-%dT%H:%M:%S.%f", "2024-01-02T03:04:05.5", "2024-01-02 03:04:05.5"),
        ("%Y-%m-%dT%H:%M:%S.%fZ", "2024-01-02T03:04:05.000001Z", "2024-01-02 03:04:05.000001"),
        ("%Y-%m-%d %H:%M:%S%z", "2024-01-02 03:04:05+0000", "2024-01-02 03:04:05"),
        ("%Y-%m-%d %H:%M:%S%z", "2024-01-02 03:04:05+02:00", "2024-01-02 01:04:05"),
        ("%Y-%m-%d %H:%M:%S%z", "2024-01-01 20:00:00-0430", "2024-01-02 00:30"),
        ("%Y-%m-%d %H:%M:%S.%f %z", "2024-01-01 20:00:00.000001 -04", "2024-01-02 00:00:00.000001"),
        ("%d/%m/%y %I:%M %p", "02/01/24 01:05 PM", "2024-01-02 13:05"),
        ("%d %b %Y, %H:%M", "02 Jan 2024, 03:04", "2024-01-02 03:04"),
        ("%d %B %Y", "29 February 2024", "2024-02-29"),
        ("%Y%m%d%H%M%S", "20240102030405", "2024-01-02 03:04:05"),
        ("%Y-%j", "2024-060", "2024-02-29"),
        ("it's %Y-%m-%d", "it's 2024-01-02", "2024-01-02"),
        ("100%% {{ x }} %Y-%m-%d", "100% {{ x }} 2024-01-02", "2024-01-02"),
    ],
)  # fmt: skip
def test_text_timestamps(tmp_path: Path, form: str, text: str, expected: str) -> None:
    schema = {"user_id": "VARCHAR", "event_time": "VARCHAR"}
    rows = events.table("user_id event_time", ("u1", text), ("u1", None))
    source = {"timestamp": {"column": "event_time", "format": form}, "delay": "1d"}
    run = events.run(tmp_path, events.spec([LAST], source=source), rows, schema)
    assert [row["last_time"] for row in run.rows("last")] == [at(expected)]


@pytest.mark.parametrize("directive", list("YymdHMSfbBjpIzTFeaAwUWZGuVgnsxXcDR"))
def test_every_directive_is_read_or_refused(tmp_path: Path, directive: str) -> None:
    """What compiles also runs."""
    form = {"I": "%Y-%m-%d %I %p", "p": "%Y-%m-%d %I %p"}.get(directive, f"%Y-%m-%d %{directive}")
    instant = datetime(2024, 1, 2, tzinfo=UTC)
    text = instant.strftime(form)
    rows = [{"user_id": "u1", "event_time": text}]
    schema = {"user_id": "VARCHAR", "event_time": "VARCHAR"}
    source = {"timestamp": {"column": "event_time", "format": form}, "delay": "1d"}
    document = events.spec([LAST], source=source)
    run = events.run_or_codes(tmp_path, document, rows, schema)
    if isinstance(run, set):
        assert run == {"MF038"}
        return
    assert [row["last_time"] for row in run.rows("last")] == [datetime(2024, 1, 2)]


@pytest.mark.parametrize(
    ("kind", "timestamp"),
    [
        ("VARCHAR", "event_time"),
        ("BIGINT", "event_time"),
        ("DOUBLE", "event_time"),
        ("BOOLEAN", "event_time"),
        ("TIME", "event_time"),
        ("VARCHAR", {"column": "event_time", "unit": "s"}),
        ("BIGINT", {"column": "event_time", "format": "%Y"}),
        ("TIMESTAMP", {"column": "event_time", "unit": "s"}),
        ("TIMESTAMP", {"column": "event_time", "format": "%Y"}),
        ("VARCHAR", {"column": "event_time", "format": "%H:%M"}),
        ("VARCHAR", {"column": "event_time", "format": "%Y %Q"}),
    ],
)
def test_timestamps_that_cannot_be_read(tmp_path: Path, kind: str, timestamp: Any) -> None:
    document = events.spec([feature(metrics=[COUNT])], source={"timestamp": timestamp})
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, document, [], {"user_id": "VARCHAR", "event_time": kind})
    assert codes(caught) == ["MF038"]


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "timestamp_ns", "timestamp_ms", "timestamp_s", "date"])  # fmt: skip
def test_infinite_and_null_times_and_null_keys_enter_no_table(tmp_path: Path, kind: str) -> None:
    schema = {"user_id": "varchar", "event_time": kind, "amount": "double"}
    values = ", ".join(
        [
            f"('u1', {kind} '2024-01-01', 1)",
            f"('u1', {kind} 'infinity', 10)",
            f"('u1', {kind} '-infinity', 100)",
            "('u1', null, 1000)",
            f"(null, {kind} '2024-01-01', 10000)",
            f"('u2', {kind} 'infinity', 100000)",
            "('u3', null, 1)",
        ]
    )
    functions = ["sum", "count", "mean", "min", "max", "std"]
    metrics = [{"windows": ["1d", "lifetime"], "aggregations": {"amount": functions}}]
    features = [
        feature("gridded", interval="1d", metrics=metrics),
        feature("weekly", interval="1w", metrics=[COUNT]),
        feature("continuous", metrics=metrics),
        feature("last", select={"amount": "amount"}),
        feature("last_gridded", interval="1d", select={"amount": "amount"}),
    ]
    late = timedelta(days=1)  # so that dates are known
    run = table_run(tmp_path, schema, values, "event_time", features, delay=late)
    for name, rows in [("gridded", 2), ("weekly", 1), ("continuous", 2), ("last", 1), ("last_gridded", 1)]:  # fmt: skip
        found = run.rows(name, "feature_timestamp")
        assert [row["user_id"] for row in found] == ["u1"] * rows, name
        assert all(row["feature_timestamp"].year == 2024 for row in found)
    last = run.rows("gridded", "feature_timestamp")[-1]
    assert last["amount_sum_lifetime"] == 1.0
    assert last["amount_count_lifetime"] == 1


@pytest.mark.parametrize("window", ["36500d", "5200w"])
def test_window_longer_than_the_data(tmp_path: Path, window: str) -> None:
    interval = "1d" if window.endswith("d") else "1w"
    metrics = [{"windows": [window], "aggregations": {"amount": ["sum", "count"]}}]
    run = events.run(tmp_path, events.spec([feature(interval=interval, metrics=metrics)]), ROWS)
    found = run.rows("f", "2")
    assert found[len(found) // 2 - 1][f"amount_sum_{window}"] == 11.5
    assert found[-1][f"amount_count_{window}"] == 0
    length = timedelta(days=36500) if window.endswith("d") else timedelta(weeks=5200)
    assert (
        found[-1]["feature_timestamp"] - found[-1 - len(found) // 2]["feature_timestamp"] == length
    )


def test_far_away_times(tmp_path: Path) -> None:
    """Events of all centuries that a timestamp can have in Python."""
    instants = [datetime(1, 1, 1), datetime(1582, 10, 15), datetime(1900, 3, 1), datetime(9998, 12, 30)]  # fmt: skip
    rows = [{"user_id": "u1", "event_time": instant, "amount": 1.0} for instant in instants]
    run = events.run(tmp_path, events.spec([DAILY, LAST]), rows)
    found = run.rows("f", "2")
    assert [row["amount_sum_1d"] for row in found] == [1.0, None] * 4
    starts = [row["feature_timestamp"] for row in found[::2]]
    assert starts == [instant + timedelta(days=1) for instant in instants]
    assert [row["last_time"] for row in run.rows("last", "2")] == instants


def test_an_event_on_a_tick_and_a_microsecond_before(tmp_path: Path) -> None:
    rows = events.table(
        "user_id event_time amount",
        ("u1", at("01-01 23:59:59.999999"), 1.0),
        ("u1", at("01-02 00:00"), 2.0),
    )
    run = events.run(tmp_path, events.spec([DAILY]), rows)
    assert run.rows("f", "2") == steps(
        "amount_sum_1d", ("01-02", 1.0), ("01-03", 2.0), ("01-04", None)
    )


def test_dates_in_text_files_are_read_with_their_format(tmp_path: Path) -> None:
    """DuckDB's own guess of 01/02/2024 is one of two."""
    document = events.spec([feature("f", select={"x": "amount"})])
    document["sources"][0] |= {
        "path": "data/events.csv",
        "timestamp": {"column": "event_time", "format": "%m/%d/%Y"},
        "dedupe": {"key": ["user_id"], "order_by": ["event_time"]},
        "delay": "1d",
    }
    root = write_project(tmp_path, document)
    (root / "data").mkdir()
    text = "user_id,event_time,amount\nu1,01/02/2024,1\nu1,02/01/2023,2\n"
    (root / "data" / "events.csv").write_text(text, encoding="utf-8")
    assert compile_and_run(root).rows("f") == [
        {"user_id": "u1", "feature_timestamp": datetime(2024, 1, 3, 0, 0, 0, 1), "x": 1}
    ]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_the_zone_of_the_machine_does_not_matter(tmp_path: Path, zone: str) -> None:
    """The profile keeps the session in UTC, so expressions over zoned times mean UTC."""
    document = events.spec([feature("f", select={"hour_of_day": "hour(zoned)"})])
    root = write_project(tmp_path, document)
    schema = {"user_id": "VARCHAR", "event_time": "TIMESTAMP", "zoned": "TIMESTAMPTZ"}
    row = {
        "user_id": "u",
        "event_time": datetime(2024, 1, 1),
        "zoned": datetime(2024, 1, 1, 23, tzinfo=UTC),
    }
    write_parquet(root / "data" / "events.parquet", schema, [row])
    connection = duckdb.connect()
    connection.execute(f"set TimeZone = '{zone}'")
    run = compile_and_run(root, connection=connection)
    output = yaml.safe_load(run.compiled.files[PurePosixPath("profiles.yml")])
    assert output["test_project"]["outputs"]["dev"]["settings"]["TimeZone"] == "UTC"
    assert [row["hour_of_day"] for row in run.rows("f")] == [23]


@pytest.mark.parametrize(
    "text",
    ["localtimestamp", "current_localtimestamp()", "age(event_time)", "ago(interval 1 day)"],
)
def test_nothing_looks_at_the_clock(tmp_path: Path, text: str) -> None:
    document = events.spec([feature("f", select={"x": f"{text} > event_time"})])
    if text.startswith("age"):
        document["features"][0]["select"] = {"x": "extract(year from age(event_time))"}
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, document, [])
    assert [item.code for item in caught.value.diagnostics] == ["MF042"]


def test_a_filter_reads_the_time_of_csv_as_an_instant(tmp_path: Path) -> None:
    """The time stays text until it is read as an instant, and a filter is about the instant."""
    text = "user_id,event_time,x\nu1,2024-01-01T11:00:00,1\nu2,2024-01-01 13:00:00+02:00,2\nu3,2024-01-01 12:00:00,3\n"
    root = csv_project(tmp_path, text, where="event_time < '2024-01-01 12:00:00'")
    assert [row["user_id"] for row in compile_and_run(root).rows("f", "user_id")] == ["u1", "u2"]
