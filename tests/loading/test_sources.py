"""Sources: formats of files, kinds of timestamps, dedupe, delay, and numbers at their limits."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import events
import oracle
import pyarrow.parquet as pq
import pytest
import yaml
from events import Document, Rows, at, feature, steps
from harness import Run, compile_and_run, write_parquet, write_project

from mlforge_sql.errors import SpecErrors
from mlforge_sql.workflows.compile import compile_project

COUNT: Document = {"field": "*", "function": "count", "windows": ["lifetime"]}
SUM: Document = {"windows": ["1d"], "aggregations": {"amount": ["sum"]}}
DAILY = feature(interval="1d", metrics=[SUM])
LAST = feature("last", select={"last_time": "event_time"})

ROWS = events.table(
    "user_id event_time amount",
    ("u1", at("01-01 12:00"), 1.5),
    ("u1", at("01-01 18:30:15.25"), 2.0),
    ("u1", at("01-02 00:00"), 8.0),
)
SUMS = steps("amount_sum_1d", ("01-02", 3.5), ("01-03", 8.0), ("01-04", None))


def close(actual: Any, expected: Any, rel: float = 1e-9) -> bool:
    """Equal, or floats (also NaN) that differ by no more than a part of them."""
    if actual is None or expected is None or not isinstance(actual, float):
        return bool(actual == expected)
    if not math.isfinite(actual) or not math.isfinite(expected):
        return actual == expected or (math.isnan(actual) and math.isnan(expected))
    return math.isclose(actual, expected, rel_tol=rel, abs_tol=1e-300)


def codes(error: pytest.ExceptionInfo[SpecErrors]) -> list[str]:
    return [item.code for item in error.value.diagnostics]


# Files


def write_file(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".parquet":
        write_parquet(file, events.SCHEMA, rows)
        return
    texts = [{**row, "event_time": f"{row['event_time']:%Y-%m-%d %H:%M:%S.%f}"} for row in rows]
    separator = "\t" if ".tsv" in file.name else ","
    if ".csv" in file.name or ".tsv" in file.name:
        lines = [separator.join(events.SCHEMA)]
        lines += [separator.join(str(value) for value in row.values()) for row in texts]
        text = "\n".join(lines) + "\n"
    elif file.suffix == ".json":
        text = json.dumps(texts)
    else:
        text = "\n".join(json.dumps(row) for row in texts)
    data = text.encode()
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)


@pytest.mark.parametrize(
    "name",
    ["e.parquet", "e.csv", "e.tsv", "e.csv.gz", "e.json", "e.jsonl", "e.ndjson", "e.json.gz"],
)
def test_formats(tmp_path: Path, name: str) -> None:
    write_file(tmp_path / "data" / name, ROWS)
    run = events.run(tmp_path, events.spec([DAILY], source={"path": f"data/{name}"}))
    assert run.rows("f", "2") == SUMS


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("data/*.parquet", ["a.parquet", "b.parquet", "c.parquet"]),
        ("data/*.csv", ["a.csv", "b.csv", "c.csv"]),
        ("data/**/*.csv", ["2024/01/a.csv", "2024/02/b.csv", "2025/c.csv"]),
        ("data/2024-*/e.jsonl", ["2024-01/e.jsonl", "2024-02/e.jsonl", "2024-03/e.jsonl"]),
        ("data/e_?.csv.gz", ["e_1.csv.gz", "e_2.csv.gz", "e_3.csv.gz"]),
        ("data/e_[13].csv", ["e_1.csv", "e_2.csv", "e_3.csv"]),
    ],
)
def test_globs(tmp_path: Path, glob: str, names: list[str]) -> None:
    for name, row in zip(names, ROWS, strict=True):
        write_file(tmp_path / "data" / name, [row])
    run = events.run(tmp_path, events.spec([DAILY], source={"path": glob}))
    if "[13]" in glob:
        expected = steps("amount_sum_1d", ("01-02", 1.5), ("01-03", 8.0), ("01-04", None))
        assert run.rows("f", "2") == expected
    else:
        assert run.rows("f", "2") == SUMS


@pytest.mark.parametrize(
    "name", ["it's.csv", "100%.csv", "a b.csv", "{{ x }}.csv", "é🙂.csv", "%s.csv"]
)
def test_odd_file_names(tmp_path: Path, name: str) -> None:
    write_file(tmp_path / "data" / name, ROWS)
    run = events.run(tmp_path, events.spec([DAILY], source={"path": f"data/{name}"}))
    assert run.rows("f", "2") == SUMS


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["e[1]", "e*", "e?"])
def test_globs_find_files_whose_names_look_like_globs(
    tmp_path: Path, name: str, ending: str
) -> None:
    file = tmp_path / "data" / f"{name}.{ending}"
    write_file(file, ROWS)
    run = events.run(tmp_path, events.spec([DAILY], source={"path": f"data/*.{ending}"}))
    assert run.rows("f", "2") == SUMS


@pytest.mark.parametrize("name", ["e[1]", "e?"])
def test_the_columns_of_such_a_file_are_its_own(tmp_path: Path, name: str) -> None:
    """Beside one that its name would match if it were a glob."""
    write_file(tmp_path / "data" / "e1.parquet", ROWS)
    duckdb.execute(f"copy (select 'u' as user_id) to '{tmp_path}/other.parquet'")
    (tmp_path / "other.parquet").rename(tmp_path / "data" / f"{name}.parquet")
    write_project(tmp_path, events.spec([DAILY], source={"path": "data/*.parquet"}))
    with pytest.raises(SpecErrors) as caught:
        compile_project(tmp_path)
    assert f"`data/{name}.parquet` has no column `event_time`" in str(caught.value)


@pytest.mark.parametrize("name", ["a", "c"])
def test_columns_of_any_parquet_file_that_differ_by_case_alone(tmp_path: Path, name: str) -> None:
    write_file(tmp_path / "data" / "b.parquet", ROWS)
    table = pq.read_table(tmp_path / "data" / "b.parquet")
    twice = table.append_column("Amount", table["amount"])
    pq.write_table(twice, tmp_path / "data" / f"{name}.parquet")
    write_project(tmp_path, events.spec([DAILY], source={"path": "data/*.parquet"}))
    with pytest.raises(SpecErrors) as caught:
        compile_project(tmp_path)
    said = f"in `data/{name}.parquet`, two columns differ from `Amount` by case alone"
    assert said in str(caught.value)


def test_absolute_path(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "e.csv"
    write_file(file, ROWS)
    run = events.run(tmp_path / "project", events.spec([DAILY], source={"path": str(file)}))
    assert run.rows("f", "2") == SUMS


@pytest.mark.parametrize("path", ["data/none.parquet", "data/*.csv", "data/e", "data/e.xlsx"])
def test_no_such_file(tmp_path: Path, path: str) -> None:
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, events.spec([DAILY], source={"path": path}))
    assert codes(caught) == ["MF023"]


def test_broken_file(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / events.PARQUET).write_bytes(b"PAR1 this is no parquet file")
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, events.spec([DAILY]))
    assert codes(caught) == ["MF023"]
    assert str(tmp_path) not in str(caught.value), "messages show the path as written"


COLUMNS = {"user_id": "text", "event_time": "timestamp", "amount": "double"}


@pytest.mark.parametrize("name", ["e.parquet", "e.csv", "e.jsonl"])
def test_declared_columns_stand_for_a_missing_file(tmp_path: Path, name: str) -> None:
    """What is compiled without the file is what is compiled with it."""
    source = {"path": f"data/{name}", "columns": COLUMNS}
    write_project(tmp_path, events.spec([DAILY], source=source))
    without = compile_project(tmp_path)
    write_file(tmp_path / "data" / name, ROWS)
    run = compile_and_run(tmp_path)
    assert run.compiled.files == without.files
    assert run.rows("f", "2") == SUMS


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({**COLUMNS, "amount": "text"}, "MF024"),
        ({**COLUMNS, "amnt": "double"}, "MF022"),
    ],
)
def test_declared_columns_are_compared_with_the_file(
    tmp_path: Path, columns: dict[str, str], code: str
) -> None:
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, events.spec([DAILY], source={"columns": columns}), ROWS)
    assert codes(caught) == [code]


def test_declared_types_win_over_guesses_from_text(tmp_path: Path) -> None:
    """A csv file has no types: what DuckDB guesses from a sample would eat the zeros of a key."""
    file = tmp_path / "data" / "e.csv"
    file.parent.mkdir()
    file.write_text(
        "user_id,event_time,amount\n007,2024-01-01 12:00:00,1\n07,2024-01-01 12:00:00,2\n"
    )
    source = {"path": "data/e.csv", "columns": COLUMNS}
    run = events.run(tmp_path, events.spec([feature(metrics=[COUNT])], source=source))
    assert {row["user_id"] for row in run.rows("f")} == {"007", "07"}


@pytest.mark.parametrize("name", ["raw_events", "stg_events", "STG_EVENTS", "order"])
def test_model(tmp_path: Path, name: str) -> None:
    """An existing dbt model, also one with the name that our staging model would have."""
    connection = duckdb.connect()
    connection.execute(
        f'create table "{name}" (user_id varchar, event_time timestamp, amount double)'
    )
    connection.executemany(
        f'insert into "{name}" values (?, ?, ?)', [list(row.values()) for row in ROWS]
    )
    source = {"path": None, "model": name, "columns": COLUMNS}
    run = events.run(tmp_path, events.spec([DAILY], source=source), connection=connection)
    assert run.rows("f", "2") == SUMS
    (text,) = (
        text
        for path, text in run.compiled.files.items()
        if path.parent.name == "staging" and path.suffix == ".sql"
    )
    assert f"ref('{name}')" in text


def test_model_without_columns(tmp_path: Path) -> None:
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, events.spec([DAILY], source={"path": None, "model": "raw"}))
    assert codes(caught) == ["MF023"]


# Timestamps


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


# Numbers


def rolling_of(
    root: Path,
    values: Sequence[Any],
    kind: str,
    functions: Sequence[str],
    *,
    interval: str | None,
    step: timedelta = timedelta(hours=1),
    window: str = "6h",
) -> list[tuple[dict[str, Any], list[Any]]]:
    """The rows of a rolling feature beside the values that the rule of time puts into the window."""
    rows = [
        {"user_id": "u1", "event_time": at("01-01 00:30") + step * number, "amount": value}
        for number, value in enumerate(values)
    ]
    metrics = [{"windows": [window], "aggregations": {"amount": list(functions)}}]
    clock = {} if interval is None else {"interval": interval}
    document = events.spec([feature(metrics=metrics, **clock)])
    run = events.run(root, document, rows, {**events.SCHEMA, "amount": kind})
    known = [(oracle.microseconds(row["event_time"]), row) for row in rows]
    us = {"6h": 6 * 3_600_000_000}[window]
    ticks = oracle.Clock(None if interval is None else 3_600_000_000)
    found = []
    for row in run.rows("f", "feature_timestamp"):
        t = oracle.microseconds(row["feature_timestamp"])
        inside = [
            item["amount"]
            for e, item in known
            if oracle.is_visible(e, ticks, 0, t) and oracle.is_recent(e, ticks, 0, t, us, 0)
        ]
        found.append((row, inside))
    run.connection.close()
    assert len(found) > 1
    return found


def check_row(
    row: dict[str, Any],
    inside: Sequence[Any],
    functions: Sequence[oracle.Function],
    rel: float = 1e-9,
) -> None:
    for function in functions:
        expected = oracle.aggregate(function, inside)
        actual = row[f"amount_{function}_6h"]
        assert close(actual, expected, rel), (function, actual, expected, inside)


CLOCKS = pytest.mark.parametrize("interval", [None, "1h"], ids=["continuous", "gridded"])


@CLOCKS
@pytest.mark.parametrize(
    ("kind", "convert"),
    [
        ("DOUBLE", float),
        ("BIGINT", int),
        ("INTEGER", int),
        ("DECIMAL(18,2)", Decimal),
        ("DECIMAL(38,10)", Decimal),
    ],
)
def test_spread_of_large_numbers_close_together(
    tmp_path: Path, interval: str | None, kind: str, convert: Any
) -> None:
    """Values near 1e9 with variance 1 have std 1: sums of squares would have no digit left.

    Doubles have the digits of the engine's own function, which loses as many as the mean is larger than
    the std; integers and decimals have all.
    """
    values = [convert(10**9 + number % 3 - 1) for number in range(30)]
    found = rolling_of(tmp_path, values, kind, ["std", "variance", "mean"], interval=interval)
    full = [row for row, inside in found if len(inside) == 6]
    assert len(full) > 10
    rel = 1e-6 if kind == "DOUBLE" else 1e-14
    for row, inside in found:
        check_row(row, inside, ["std", "variance"], rel)
        check_row(row, inside, ["mean"], 1e-15)
    assert full[0]["amount_variance_6h"] == pytest.approx(0.8, rel=rel)


@CLOCKS
@pytest.mark.parametrize("outlier", [1e12, -1e12], ids=["above", "below"])
@pytest.mark.parametrize("place", [0, 5], ids=["first", "later"])
def test_spread_after_an_outlier_has_left(
    tmp_path: Path, interval: str | None, outlier: float, place: int
) -> None:
    values = [10.0**9 + number % 3 - 1 for number in range(30)]
    values[place] = outlier
    found = rolling_of(tmp_path, values, "DOUBLE", ["std", "variance"], interval=interval)
    without = [(row, inside) for row, inside in found if len(inside) > 1 and outlier not in inside]
    assert len(without) > 20
    for row, inside in without:
        check_row(row, inside, ["std"], rel=1e-6)


@CLOCKS
@pytest.mark.parametrize("outlier", [1e12, -1e12, 1e300], ids=["above", "below", "huge"])
def test_sums_after_an_outlier_has_left(
    tmp_path: Path, interval: str | None, outlier: float
) -> None:
    """Nothing is taken off a running sum: what has left leaves no trace."""
    values = [0.25 + number for number in range(20)]
    values[3] = outlier
    found = rolling_of(tmp_path, values, "DOUBLE", ["sum", "mean"], interval=interval)
    for row, inside in found:
        if outlier not in inside:
            assert row["amount_sum_6h"] == (sum(inside) if inside else None)


@CLOCKS
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf], ids=["nan", "inf", "-inf"])
def test_nan_and_infinity_stay_in_their_windows(
    tmp_path: Path, interval: str | None, odd: float
) -> None:
    """NaN is above every number, as in DuckDB and Spark; the spread of an infinity is NaN."""
    values = [float(number) for number in range(20)]
    values[4] = odd
    functions: list[oracle.Function] = ["sum", "count", "mean", "min", "max", "std", "variance"]
    found = rolling_of(tmp_path, values, "DOUBLE", functions, interval=interval)
    affected = 0
    for row, inside in found:
        check_row(row, inside, functions)
        affected += odd in inside or any(map(math.isnan, inside))
    assert affected == 6


@CLOCKS
def test_only_nan(tmp_path: Path, interval: str | None) -> None:
    """No finite value to take as the center."""
    functions: list[oracle.Function] = ["sum", "min", "max", "std"]
    for row, inside in rolling_of(tmp_path, [math.nan] * 3, "DOUBLE", functions, interval=interval):
        check_row(row, inside, functions)


@CLOCKS
def test_infinities_of_both_signs(tmp_path: Path, interval: str | None) -> None:
    values = [1.0, math.inf, 2.0, -math.inf, 3.0, *[4.0] * 8]
    for row, inside in rolling_of(tmp_path, values, "DOUBLE", ["sum", "mean"], interval=interval):
        check_row(row, inside, ["sum", "mean"])


@CLOCKS
def test_sums_of_large_integers_are_exact(tmp_path: Path, interval: str | None) -> None:
    """Beyond 2**53 a double would round; a sum fits 64 bits or is an error, never wrong."""
    values = [2**62, -(2**62) + 1, 3, -(2**62), 2**61 + 1, 5, 7, 2**53 + 1, 1]
    found = rolling_of(tmp_path, values, "BIGINT", ["sum", "min", "max"], interval=interval)
    for row, inside in found:
        assert row["amount_sum_6h"] == (sum(inside) if inside else None)
        assert row["amount_max_6h"] == max(inside, default=None)
    assert type(found[0][0]["amount_sum_6h"]) is int


@CLOCKS
@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(0)], ids=["apart", "together"])
def test_means_of_large_integers(tmp_path: Path, interval: str | None, step: timedelta) -> None:
    """The mean fits, so the sum inside it must not be what fails."""
    values = [2**62, 2**62 + 2**20, 2**62, 2**62 - 2**20]
    found = rolling_of(tmp_path, values, "BIGINT", ["mean", "std"], interval=interval, step=step)
    for row, inside in found:
        check_row(row, inside, ["mean"])


@CLOCKS
@pytest.mark.parametrize("kind", ["DECIMAL(4,2)", "DECIMAL(18,2)", "DECIMAL(38,2)"])
def test_sums_of_decimals_are_exact(tmp_path: Path, interval: str | None, kind: str) -> None:
    values = [
        Decimal(text) for text in ("0.10", "0.20", "-0.30", "99.99", "0.01", "-99.99", "0.07")
    ]
    for row, inside in rolling_of(tmp_path, values, kind, ["sum", "max"], interval=interval):
        assert row["amount_sum_6h"] == (sum(inside) if inside else None)
        if inside:
            assert isinstance(row["amount_sum_6h"], Decimal)
            assert row["amount_sum_6h"].as_tuple().exponent == -2


@CLOCKS
@pytest.mark.parametrize(
    ("kind", "convert"), [("FLOAT", float), ("TINYINT", int), ("UBIGINT", int), ("BOOLEAN", bool)]
)
def test_other_number_types(tmp_path: Path, interval: str | None, kind: str, convert: Any) -> None:
    values = [convert(number % 3) for number in range(9)]
    functions: list[oracle.Function] = ["sum", "mean", "std"]
    for row, inside in rolling_of(tmp_path, values, kind, functions, interval=interval):
        check_row(row, inside, functions)


# Edges


def all_kinds() -> list[Document]:
    metrics = [
        {
            "windows": ["7d", "lifetime"],
            "aggregations": {"amount": ["sum", "count", "std"], "*": ["count"]},
        }
    ]
    return [
        feature("gridded", interval="1d", metrics=metrics),
        feature("continuous", metrics=metrics),
        feature("shifted", metrics=[{**SUM, "offset": "1d"}]),
        feature("latest", select={"last_amount": "amount"}),
        feature("latest_gridded", interval="1d", select={"last_amount": "amount"}),
    ]


def test_empty_source(tmp_path: Path) -> None:
    run = events.run(tmp_path, events.spec(all_kinds()), [])
    for item in all_kinds():
        assert run.rows(item["name"]) == []
        assert run.rows(item["name"] + "_current") == []


def test_source_without_a_row_that_counts(tmp_path: Path) -> None:
    rows = events.table("user_id event_time amount", (None, at("01-01"), 1.0), ("u1", None, 1.0))
    run = events.run(tmp_path, events.spec(all_kinds()), rows)
    for item in all_kinds():
        assert run.rows(item["name"]) == []


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


def test_types_of_a_feature_table(tmp_path: Path) -> None:
    """As the contract in the YAML says: `feature_timestamp` is a plain TIMESTAMP in UTC."""
    aware = {**ROWS[0], "event_time": datetime(2024, 1, 1, tzinfo=UTC), "day": date(2024, 1, 1)}
    schema = {**events.SCHEMA, "event_time": "TIMESTAMPTZ", "day": "DATE"}
    metrics = [{"windows": ["1d"], "aggregations": {"amount": ["sum", "count"], "day": ["max"]}}]
    run = events.run(
        tmp_path, events.spec([feature(interval="1d", metrics=metrics)]), [aware], schema
    )
    types = run.connection.execute("select column_name, column_type from (describe f)").fetchall()
    assert types == [
        ("user_id", "VARCHAR"),
        ("feature_timestamp", "TIMESTAMP"),
        ("amount_sum_1d", "DOUBLE"),
        ("amount_count_1d", "BIGINT"),
        ("day_max_1d", "DATE"),
    ]


def test_types_of_text_files_are_guessed_from_all_rows(tmp_path: Path) -> None:
    """What DuckDB has not seen when it guesses is cut off or rounded when it is read."""
    rows = ["u1,2024-01-01,1"] * 21_000 + [
        "u2,2024-01-01 15:30:00,1.5",
        "u3,2024-01-02 23:00:00-05:00,2",
    ]
    root = write_project(tmp_path, events.spec([feature("f", select={"x": "amount"})]))
    spec = yaml.safe_load((root / "features" / "spec.yml").read_text(encoding="utf-8"))
    spec["sources"][0] |= {"path": "data/events.csv", "delay": "1d"}  # some have only a date
    (root / "features" / "spec.yml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    (root / "data").mkdir()
    text = "user_id,event_time,amount\n" + "\n".join(rows) + "\n"
    (root / "data" / "events.csv").write_text(text, encoding="utf-8")
    found = {row["user_id"]: row for row in compile_and_run(root).rows("f")}
    assert found["u2"]["feature_timestamp"] == datetime(2024, 1, 2, 15, 30, 0, 1)
    assert found["u2"]["x"] == 1.5
    assert found["u3"]["feature_timestamp"] == datetime(2024, 1, 4, 4, 0, 0, 1)


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


def csv_project(root: Path, text: str, **source: Any) -> Path:
    document = events.spec(
        [feature("f", select={"x": "x"})], source={"path": "data/e.csv", **source}
    )
    write_project(root, document)
    (root / "data").mkdir(exist_ok=True)
    (root / "data" / "e.csv").write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["12", "-3"], "bigint", [12, -3]),
        (["00501", "501"], "text", ["00501", "501"]),
        (["12345678901234567890", "12345678901234567891"], "decimal(38, 0)",
         [12345678901234567890, 12345678901234567891]),
        (["1" * 41, "1" * 40 + "2"], "text", ["1" * 41, "1" * 40 + "2"]),
        (["1.5", "2"], "double", [1.5, 2.0]),
        (["01/02/2024", "02/01/2024"], "text", ["01/02/2024", "02/01/2024"]),
        (["2024-01-02", "2024-02-01"], "date", [date(2024, 1, 2), date(2024, 2, 1)]),
        (["true", "false"], "boolean", [True, False]),
    ],
)  # fmt: skip
def test_what_csv_is_taken_for_loses_nothing(
    tmp_path: Path, values: list[str], kind: str, expected: list[Any]
) -> None:
    rows = [f"u{number},2024-01-01 12:00:00,{value}" for number, value in enumerate(values)]
    root = csv_project(tmp_path, "user_id,event_time,x\n" + "\n".join(rows) + "\n")
    run = compile_and_run(root)
    assert str(run.compiled.project.sources[0].schema["x"]) == kind
    assert [row["x"] for row in run.rows("f", "user_id")] == expected


def test_a_filter_reads_the_time_of_csv_as_an_instant(tmp_path: Path) -> None:
    """The time stays text until it is read as an instant, and a filter is about the instant."""
    text = "user_id,event_time,x\nu1,2024-01-01T11:00:00,1\nu2,2024-01-01 13:00:00+02:00,2\nu3,2024-01-01 12:00:00,3\n"
    root = csv_project(tmp_path, text, where="event_time < '2024-01-01 12:00:00'")
    assert [row["user_id"] for row in compile_and_run(root).rows("f", "user_id")] == ["u1", "u2"]


def test_zeros_of_both_signs_tie(tmp_path: Path) -> None:
    """Which of two equal rows is kept does not depend on the sign of a zero, nor on their order in the file."""
    found = []
    for name, zeros in (("a", ("-0.0", "0.0")), ("b", ("0.0", "-0.0"))):
        rows = "".join(
            f"u1,2024-01-01 12:00:00,{zero},{n}\n" for n, zero in zip("ab", zeros, strict=True)
        )
        root = csv_project(
            tmp_path / name,
            f"user_id,event_time,x,y\n{rows}",
            columns={"x": "double"},
            dedupe={"key": ["user_id"], "order_by": ["x"]},
        )
        (row,) = compile_and_run(root).rows("f")
        (kept,) = compile_and_run(root).rows("stg_events")
        found.append((math.copysign(1, row["x"]), kept["y"]))
    assert found == [(1, "b"), (1, "b")]
