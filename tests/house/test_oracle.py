"""The oracle against the worked examples of docs/design.md, and the drawn projects against their rules."""

from __future__ import annotations

import hashlib
import itertools
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from oracle import (
    Clock,
    Column,
    Event,
    Value,
    aggregate,
    change_points,
    last_tick,
    latest_at,
    microseconds,
    split_by_entity,
    surrogate_key,
    value_at,
)
from strategies import (
    CONDITIONS,
    SCHEMA,
    GeneratedProject,
    duration_us,
    feature_entity,
    join_keys,
    oracle_clock,
    oracle_columns,
    oracle_delay,
    oracle_events,
    oracle_remaining,
    projects,
)

HOUR, DAY, WEEK = duration_us("1h"), duration_us("1d"), duration_us("1w")
CONTINUOUS, INCLUSIVE = Clock(), Clock(boundary="inclusive")
DAILY = Clock(interval_us=DAY)


def at(text: str) -> int:
    """`01-02 09:00` of 2024 as an instant."""
    return microseconds(datetime.fromisoformat(f"2024-{text}"))


def events(*pairs: tuple[str, Value]) -> list[Event]:
    return [(at(time), {"amount": amount}) for time, amount in pairs]


U1 = events(("01-01 12:00", 10), ("01-02 09:00", 100), ("01-02 18:00", 1000), ("01-03 00:00", 5000))
SUM_1D = Column("sum_1d", "amount", "sum", DAY)
COUNT_1D = Column("count_1d", "*", "count", DAY)
SUM_2D = Column("sum_2d", "amount", "sum", 2 * DAY)
COUNT_2D = Column("count_2d", "*", "count", 2 * DAY)

DAILY_EXAMPLE: list[tuple[str, tuple[Value, ...]]] = [
    ("01-02 00:00", (10, 1, 10, 1)),
    ("01-03 00:00", (1100, 2, 1110, 3)),
    ("01-04 00:00", (5000, 1, 6100, 3)),
    ("01-05 00:00", (None, 0, 5000, 1)),
    ("01-06 00:00", (None, 0, None, 0)),
]
CONTINUOUS_EXAMPLE: list[tuple[str, tuple[Value, ...]]] = [
    ("01-01 12:00:00.000001", (10, 1)),
    ("01-02 09:00:00.000001", (110, 2)),
    ("01-02 12:00:00.000001", (100, 1)),
    ("01-02 18:00:00.000001", (1100, 2)),
    ("01-03 00:00:00.000001", (6100, 3)),
    ("01-03 09:00:00.000001", (6000, 2)),
    ("01-03 18:00:00.000001", (5000, 1)),
    ("01-04 00:00:00.000001", (None, 0)),
]


@pytest.mark.parametrize(
    ("clock", "columns", "table"),
    [
        pytest.param(DAILY, (SUM_1D, COUNT_1D, SUM_2D, COUNT_2D), DAILY_EXAMPLE, id="daily"),
        pytest.param(CONTINUOUS, (SUM_1D, COUNT_1D), CONTINUOUS_EXAMPLE, id="continuous"),
    ],
)
@pytest.mark.parametrize("delay", [0, 1, 90 * 60 * 1_000_000, 3 * DAY])
def test_worked_example(
    clock: Clock,
    columns: tuple[Column, ...],
    table: list[tuple[str, tuple[Value, ...]]],
    delay: int,
) -> None:
    def values(t: int) -> tuple[Value, ...]:
        return tuple(value_at(column, U1, clock, delay, t) for column in columns)

    expected = [(at(time) + delay, row) for time, row in table]
    assert change_points(columns, U1, clock, delay) == [t for t, _ in expected]

    before: tuple[Value, ...] = tuple(
        0 if column.function == "count" else None for column in columns
    )
    for t, row in expected:
        assert values(t - 1) == before
        assert values(t) == row
        assert values(t + 1) == row
        before = row
    assert values(expected[-1][0] + 1000 * DAY) == before


def test_the_order_of_events_does_not_matter() -> None:
    for shuffled in itertools.permutations(U1):
        assert value_at(SUM_2D, shuffled, DAILY, 0, at("01-04 00:00")) == 6100


def test_events_at_the_same_time_enter_and_leave_together() -> None:
    twice = events(("01-01 12:00", 1), ("01-01 12:00", 2))
    assert change_points([SUM_1D], twice, CONTINUOUS, 0) == [
        at("01-01 12:00:00.000001"),
        at("01-02 12:00:00.000001"),
    ]
    assert value_at(SUM_1D, twice, CONTINUOUS, 0, at("01-01 12:00")) is None
    assert value_at(SUM_1D, twice, CONTINUOUS, 0, at("01-02 12:00")) == 3
    assert value_at(SUM_1D, twice, CONTINUOUS, 0, at("01-02 12:00:00.000001")) is None


def test_boundary_inclusive_moves_both_ends_by_one_microsecond() -> None:
    one = events(("01-01 12:00", 1))
    assert change_points([SUM_1D], one, INCLUSIVE, 0) == [at("01-01 12:00"), at("01-02 12:00")]
    assert value_at(SUM_1D, one, INCLUSIVE, 0, at("01-01 11:59:59.999999")) is None
    assert value_at(SUM_1D, one, INCLUSIVE, 0, at("01-01 12:00")) == 1
    assert value_at(SUM_1D, one, INCLUSIVE, 0, at("01-02 11:59:59.999999")) == 1
    assert value_at(SUM_1D, one, INCLUSIVE, 0, at("01-02 12:00")) is None
    assert latest_at({"last": "amount"}, one, INCLUSIVE, 0, at("01-01 12:00")) == {"last": 1}
    assert latest_at({"last": "amount"}, one, CONTINUOUS, 0, at("01-01 12:00")) is None


def test_boundary_is_for_continuous_clocks_only() -> None:
    with pytest.raises(ValueError, match="boundary belongs to continuous clocks"):
        Clock(interval_us=DAY, boundary="inclusive")


def test_offset_shifts_the_window_into_the_past() -> None:
    column = Column("sum_1d_offset_2d", "amount", "sum", DAY, offset_us=2 * DAY)
    one = events(("01-01 12:00", 1))
    enters, leaves = at("01-03 12:00:00.000001"), at("01-04 12:00:00.000001")
    assert change_points([column], one, CONTINUOUS, 0) == [enters, leaves]
    found = [
        value_at(column, one, CONTINUOUS, 0, t) for t in (enters - 1, enters, leaves - 1, leaves)
    ]
    assert found == [None, 1, 1, None]

    enters, leaves = at("01-04 00:00"), at("01-05 00:00")
    assert change_points([column], one, DAILY, 0) == [enters, leaves]
    found = [value_at(column, one, DAILY, 0, t) for t in (enters - 1, enters, leaves - 1, leaves)]
    assert found == [None, 1, 1, None]


def test_delay_moves_the_answer_of_a_grid_and_not_its_ticks() -> None:
    late = events(("01-01 23:30", 1))  # before the tick of 01-02, although it arrives after it
    t = at("01-02 01:00")
    assert change_points([SUM_1D], late, DAILY, HOUR) == [t, t + DAY]
    assert [value_at(SUM_1D, late, DAILY, HOUR, t + step) for step in (-1, 0)] == [None, 1]


def test_lifetime_has_no_lower_end() -> None:
    column = Column("sum_lifetime", "amount", "sum", None, offset_us=DAY)
    one = events(("01-01 12:00", 1))
    assert change_points([column], one, CONTINUOUS, 0) == [at("01-02 12:00:00.000001")]
    assert value_at(column, one, CONTINUOUS, 0, at("01-02 12:00")) is None
    assert value_at(column, one, CONTINUOUS, 0, at("12-31 00:00")) == 1


def test_weeks_start_on_monday() -> None:
    tuesday = at("01-02 10:00")
    assert last_tick(WEEK, tuesday) == at("01-01 00:00")
    assert last_tick(WEEK, at("01-01 00:00")) == at("01-01 00:00")
    assert last_tick(WEEK, at("01-01 00:00") - 1) == microseconds(datetime(2023, 12, 25))
    for weeks, instant in itertools.product((1, 2, 3), (-3 * WEEK - 1, -1, 0, 1, tuesday)):
        tick = last_tick(weeks * WEEK, instant)
        assert datetime.fromtimestamp(tick // 1_000_000, UTC).weekday() == 0
        assert tick <= instant < tick + weeks * WEEK
        assert (tick - microseconds(datetime(1970, 1, 5))) % (weeks * WEEK) == 0


@pytest.mark.parametrize("interval", ["1h", "6h", "1d", "3d", "10d"])
def test_other_grids_tick_from_the_epoch(interval: str) -> None:
    unit = duration_us(interval)
    for instant in (-unit - 1, -unit, -1, 0, 1, unit - 1, unit, at("02-29 13:14")):
        tick = last_tick(unit, instant)
        assert tick % unit == 0
        assert tick <= instant < tick + unit


def test_a_grid_before_the_epoch() -> None:
    e = microseconds(datetime(1969, 12, 31, 12))
    one: list[Event] = [(e, {"amount": 1})]
    assert change_points([SUM_1D], one, DAILY, 0) == [0, DAY]
    assert [value_at(SUM_1D, one, DAILY, 0, t) for t in (-1, 0, DAY - 1, DAY)] == [None, 1, 1, None]


@pytest.mark.parametrize(
    ("function", "field", "values", "expected"),
    [
        ("count", "*", [], 0),
        ("count", "amount", [None], 0),
        ("count", "*", [None], 1),
        ("sum", "amount", [], None),
        ("sum", "amount", [None], None),
        ("mean", "amount", [None, None], None),
        ("min", "amount", [], None),
        ("max", "amount", [None], None),
        ("std", "amount", [1], None),
        ("variance", "amount", [1, None], None),
    ],
)
@pytest.mark.parametrize("default", [None, -1])
def test_empty_values(
    function: Any, field: str, values: list[Value], expected: Value, default: Value
) -> None:
    column = Column("column", field, function, DAY, default=default)
    rows = events(*(("01-01 12:00", value) for value in values))
    is_empty = expected is None or expected == 0
    wanted = default if is_empty and default is not None else expected
    assert value_at(column, rows, CONTINUOUS, 0, at("01-01 13:00")) == wanted


def test_where_passes_only_what_is_true() -> None:
    column = Column("n", "*", "count", None, where=CONDITIONS["amount > 10"])
    rows = events(("01-01 12:00", 11), ("01-01 12:00", 10), ("01-01 12:00", None))
    assert value_at(column, rows, CONTINUOUS, 0, at("01-02 00:00")) == 1


def test_aggregates() -> None:
    assert aggregate("sum", [2**62, 2**62, None]) == 2**63
    assert aggregate("sum", [0.1] * 10) == 1.0
    assert aggregate("sum", [Decimal("1e20"), Decimal("0.01")]) == Decimal(
        "100000000000000000000.01"
    )
    assert aggregate("sum", [True, False, True]) == 2
    assert aggregate("mean", [True, False, None]) == 0.5
    assert aggregate("mean", [Decimal("0.01"), Decimal("0.02")]) == 0.015
    assert aggregate("variance", [1e9 + 1, 1e9 + 2, 1e9 + 3]) == 1.0
    assert aggregate("std", [2, 4, 4, 4, 5, 5, 7, 9]) == math.sqrt(32 / 7)
    assert aggregate("std", [5, 5]) == 0.0
    assert aggregate("min", ["b", "B", "é"]) == "B"
    assert aggregate("max", ["b", "B", "é"]) == "é"


def test_aggregates_of_what_is_not_finite() -> None:
    inf, nan = math.inf, math.nan
    assert aggregate("sum", [1.0, inf, 1e308, 1e308]) == inf
    assert is_nan(aggregate("sum", [inf, -inf]))
    assert is_nan(aggregate("mean", [nan, 1.0]))
    assert is_nan(aggregate("std", [inf, 1.0]))
    assert aggregate("std", [nan]) is None
    assert aggregate("min", [nan, inf, 1.0]) == 1.0
    assert is_nan(aggregate("max", [1.0, nan, inf]))


def is_nan(value: Value) -> bool:
    return isinstance(value, float) and math.isnan(value)


def test_latest_breaks_ties_by_the_largest() -> None:
    t = at("01-01 12:00")
    rows: list[Event] = [
        (t, {"n": 1, "kind": "b", "amount": 1.0}),
        (t, {"n": None, "kind": "z", "amount": 9.0}),
        (t, {"n": 2, "kind": None, "amount": 3.0}),
        (t, {"n": 2, "kind": "a", "amount": 2.0}),
        (t - 1, {"n": 99, "kind": "z", "amount": 99.0}),
    ]

    def last(tie_breaker: list[str], remaining: list[str]) -> dict[str, Value] | None:
        found = [
            latest_at({"x": "amount"}, shuffled, CONTINUOUS, 0, t + 1, tie_breaker, remaining)
            for shuffled in itertools.permutations(rows)
        ]
        assert all(value == found[0] for value in found)
        return found[0]

    assert last(["n"], ["kind", "amount"]) == {"x": 2.0}
    assert last(["n"], ["amount", "kind"]) == {"x": 3.0}
    assert last([], ["kind", "n", "amount"]) == {"x": 9.0}
    assert latest_at({"x": "amount"}, rows, CONTINUOUS, 0, t, ["n"]) == {"x": 99.0}


def test_latest_on_a_grid_and_after_a_delay() -> None:
    select = {"x": "amount"}
    rows = events(("01-01 12:00", 1), ("01-02 00:00", 2))
    assert change_points([], rows, DAILY, HOUR) == [at("01-02 01:00"), at("01-03 01:00")]
    assert latest_at(select, rows, DAILY, HOUR, at("01-02 00:59:59.999999")) is None
    assert latest_at(select, rows, DAILY, HOUR, at("01-02 01:00")) == {"x": 1}
    assert latest_at(select, rows, DAILY, HOUR, at("01-03 01:00")) == {"x": 2}
    assert change_points([], rows, CONTINUOUS, HOUR) == [
        at("01-01 13:00:00.000001"),
        at("01-02 01:00:00.000001"),
    ]


def test_split_by_entity_drops_rows_that_cannot_count() -> None:
    noon = datetime(2024, 1, 1, 12)
    rows: list[dict[str, Value]] = [
        {"a": "x", "b": 1, "t": noon},
        {"a": None, "b": 1, "t": noon},
        {"a": "x", "b": None, "t": noon},
        {"a": "x", "b": 1, "t": None},
        {"a": "", "b": 1, "t": noon.replace(tzinfo=timezone(timedelta(hours=2)))},
    ]
    assert split_by_entity(rows, ["a", "b"], "t") == {
        ("x", 1): [(at("01-01 12:00"), rows[0])],
        ("", 1): [(at("01-01 10:00"), rows[4])],
    }


def test_surrogate_key_encodes_length_and_text() -> None:
    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    assert surrogate_key(["ab", None, "c"]) == digest("2:ab~1:c")
    assert surrogate_key(["🙂é", -12, True, False]) == digest("2:🙂é3:-124:true5:false")
    assert surrogate_key([date(2024, 2, 9), Decimal("1.50")]) == digest("10:2024-02-094:1.50")
    assert surrogate_key([Decimal("1E+3")]) == digest("4:1000")
    assert surrogate_key(["a"], salt="pepper") == digest("6:pepper1:a")
    assert surrogate_key([None, None]) is None
    assert surrogate_key([None], salt="pepper") is None
    assert surrogate_key([""]) == digest("0:")


@pytest.mark.parametrize("part", [1.5, datetime(2024, 1, 1)])
def test_surrogate_key_refuses_floats_and_timestamps(part: Value) -> None:
    with pytest.raises(TypeError, match="no part of a surrogate key"):
        surrogate_key([part])


def test_surrogate_key_is_injective() -> None:
    texts = (None, "", "a", "~", "1:a", "0:", "a1:", "ab", "1", ":", "2:~~")
    parts = [
        *itertools.product(texts, repeat=1),
        *itertools.product(texts, repeat=2),
        *itertools.product(texts, repeat=3),
    ]
    keyed = [part for part in parts if any(text is not None for text in part)]
    assert len({surrogate_key(part) for part in keyed}) == len(keyed)


# The strategies

SETTINGS = settings(
    max_examples=50,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@SETTINGS
@given(project=projects())
def test_projects_keep_their_own_rules(project: GeneratedProject) -> None:
    spec = project.spec
    assert list(spec) == ["entities", "sources", "features"]
    assert len(project.rows) <= 40
    assert all(list(row) == list(project.schema) for row in project.rows)
    assert is_unique([feature["name"] for feature in spec["features"]])
    for feature in spec["features"]:
        assert ("metrics" in feature) != ("select" in feature)
        check_columns(project, feature)
        check_durations(feature)


def check_columns(project: GeneratedProject, feature: dict[str, Any]) -> None:
    keys = join_keys(feature_entity(project, feature))
    columns = oracle_columns(feature)
    names = [column.name for column in columns] or list(feature["select"])
    assert names
    assert is_unique([name.lower() for name in [*keys, "feature_timestamp", *names]])
    assert {column.field for column in columns} <= {*project.schema, "*"}
    for metric in feature.get("metrics", []):
        if metric.keys() & {"where", "default", "offset"}:
            assert "name" in metric


def check_durations(feature: dict[str, Any]) -> None:
    interval = oracle_clock(feature).interval_us or 1
    for column in oracle_columns(feature):
        assert (column.window_us or 0) % interval == 0
        assert column.offset_us % interval == 0


def is_unique(names: list[str]) -> bool:
    return len(set(names)) == len(names)


@SETTINGS
@given(project=projects())
def test_values_change_only_at_change_points(project: GeneratedProject) -> None:
    delay = oracle_delay(project)
    for feature in project.spec["features"]:
        clock, columns = oracle_clock(feature), oracle_columns(feature)
        for rows in oracle_events(project, feature).values():
            points = change_points(columns, rows, clock, delay)
            assert values_at(feature, rows, delay, points[0] - 1) == values_at(
                feature, [], delay, 0
            )
            for point, following in itertools.pairwise([*points, points[-1] + 500 * DAY]):
                here = values_at(feature, rows, delay, point)
                assert here == values_at(feature, rows, delay, following - 1)
                assert here == values_at(feature, rows[::-1], delay, point)


def values_at(feature: dict[str, Any], rows: list[Event], delay: int, t: int) -> object:
    clock, columns = oracle_clock(feature), oracle_columns(feature)
    if columns:
        return [value_at(column, rows, clock, delay, t) for column in columns]
    tie_breaker = feature.get("tie_breaker", [])
    remaining = oracle_remaining(feature)
    return latest_at(feature["select"], rows, clock, delay, t, tie_breaker, remaining)


def test_names_of_columns() -> None:
    feature = {
        "metrics": [
            {"windows": ["7d", "lifetime"], "aggregations": {"amount": ["sum"], "*": ["count"]}},
            {"field": "amount", "function": "count", "windows": ["1d"], "name": "velocity"},
            {"field": "price", "function": "mean", "windows": ["4w", "lifetime"], "offset": "7d"},
        ]
    }
    assert [column.name for column in oracle_columns(feature)] == [
        "amount_sum_7d",
        "amount_sum_lifetime",
        "count_7d",
        "count_lifetime",
        "velocity_1d",
        "price_mean_4w_offset_7d",
        "price_mean_lifetime_offset_7d",
    ]


def test_conditions_mean_what_duckdb_says() -> None:
    options: dict[str, list[Value]] = {
        "amount": [None, 9.5, 10.0, 10.5],
        "quantity": [None, -1, 0, 3, 4, 5],
        "price": [None, Decimal("1.49"), Decimal("1.50")],
        "kind": [None, "", "a", "b", "it's"],
        "flag": [None, True, False],
    }
    rows = [dict(zip(options, row, strict=True)) for row in itertools.product(*options.values())]
    connection = duckdb.connect()
    for name, values in options.items():
        connection.execute(f"create table all_{name} ({name} {SCHEMA[name]})")
        connection.executemany(f"insert into all_{name} values (?)", [[value] for value in values])
    tables = ", ".join(f"all_{name}" for name in options)
    names = ", ".join(options)
    for text, condition in CONDITIONS.items():
        found = connection.execute(f"select {names}, ({text}) from {tables}").fetchall()
        assert len(found) == len(rows)
        for *row, answer in found:
            assert condition(dict(zip(options, row, strict=True))) is answer, (text, row)
