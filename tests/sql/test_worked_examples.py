"""The rule of time of docs/design.md, row for row: every expected table is whole and was written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import events
import pytest
from events import Document, Rows, at, feature, steps

# the worked example of the contract
EXAMPLE: Rows = events.table(
    "user_id event_time amount",
    ("u1", at("01-01 12:00"), 10.0),
    ("u1", at("01-02 09:00"), 100.0),
    ("u1", at("01-02 18:00"), 1000.0),
    ("u1", at("01-03 00:00"), 5000.0),
)


def rolling(windows: list[str], functions: list[str], **keys: Any) -> Document:
    return {"windows": windows, "aggregations": {"amount": functions}, **keys}


def table_of(
    root: Path,
    document: Document,
    rows: Rows = EXAMPLE,
    source: Document | None = None,
) -> Rows:
    """The whole feature table, with its columns in their order."""
    run = events.run(root, events.spec([document], source=source), rows)
    return run.rows(document["name"], "user_id, feature_timestamp")


def check(actual: Rows, expected: Rows) -> None:
    assert actual == expected
    assert [list(row) for row in actual] == [list(row) for row in expected], "order of columns"


def test_gridded_example(tmp_path: Path) -> None:
    windows = [rolling(["1d"], ["sum", "count"]), rolling(["2d"], ["sum", "count"])]
    check(
        table_of(tmp_path, feature(interval="1d", metrics=windows)),
        steps(
            "amount_sum_1d amount_count_1d amount_sum_2d amount_count_2d",
            ("01-02 00:00", 10.0, 1, 10.0, 1),
            ("01-03 00:00", 1100.0, 2, 1110.0, 3),
            ("01-04 00:00", 5000.0, 1, 6100.0, 3),
            ("01-05 00:00", None, 0, 5000.0, 1),
            ("01-06 00:00", None, 0, None, 0),
        ),
    )


def test_continuous_example(tmp_path: Path) -> None:
    check(
        table_of(tmp_path, feature(metrics=[rolling(["1d"], ["sum", "count"])])),
        steps(
            "amount_sum_1d amount_count_1d",
            ("01-01 12:00:00.000001", 10.0, 1),
            ("01-02 09:00:00.000001", 110.0, 2),
            ("01-02 12:00:00.000001", 100.0, 1),
            ("01-02 18:00:00.000001", 1100.0, 2),
            ("01-03 00:00:00.000001", 6100.0, 3),
            ("01-03 09:00:00.000001", 6000.0, 2),
            ("01-03 18:00:00.000001", 5000.0, 1),
            ("01-04 00:00:00.000001", None, 0),
        ),
    )


def test_inclusive_sees_the_event_of_its_own_time(tmp_path: Path) -> None:
    """`t-W < e <= t`: the rows of the exclusive table, each one microsecond earlier."""
    check(
        table_of(
            tmp_path,
            feature(boundary="inclusive", metrics=[rolling(["1d"], ["sum", "count"])]),
        ),
        steps(
            "amount_sum_1d amount_count_1d",
            ("01-01 12:00", 10.0, 1),
            ("01-02 09:00", 110.0, 2),
            ("01-02 12:00", 100.0, 1),
            ("01-02 18:00", 1100.0, 2),
            ("01-03 00:00", 6100.0, 3),
            ("01-03 09:00", 6000.0, 2),
            ("01-03 18:00", 5000.0, 1),
            ("01-04 00:00", None, 0),
        ),
    )


def test_gridded_delay_moves_the_rows_and_not_the_windows(tmp_path: Path) -> None:
    check(
        table_of(
            tmp_path,
            feature(interval="1d", metrics=[rolling(["1d"], ["sum", "count"])]),
            source={"delay": "90m"},
        ),
        steps(
            "amount_sum_1d amount_count_1d",
            ("01-02 01:30", 10.0, 1),
            ("01-03 01:30", 1100.0, 2),
            ("01-04 01:30", 5000.0, 1),
            ("01-05 01:30", None, 0),
        ),
    )


def test_continuous_delay(tmp_path: Path) -> None:
    check(
        table_of(
            tmp_path,
            feature(metrics=[rolling(["1d"], ["sum"])]),
            source={"delay": "1h"},
        ),
        steps(
            "amount_sum_1d",
            ("01-01 13:00:00.000001", 10.0),
            ("01-02 10:00:00.000001", 110.0),
            ("01-02 13:00:00.000001", 100.0),
            ("01-02 19:00:00.000001", 1100.0),
            ("01-03 01:00:00.000001", 6100.0),
            ("01-03 10:00:00.000001", 6000.0),
            ("01-03 19:00:00.000001", 5000.0),
            ("01-04 01:00:00.000001", None),
        ),
    )


def test_gridded_offset(tmp_path: Path) -> None:
    """At tick T the window holds `T-o-W <= e < T-o`: nothing is there before the offset is over."""
    check(
        table_of(
            tmp_path,
            feature(interval="1d", metrics=[rolling(["1d"], ["sum", "count"], offset="2d")]),
        ),
        steps(
            "amount_sum_1d_offset_2d amount_count_1d_offset_2d",
            ("01-04 00:00", 10.0, 1),
            ("01-05 00:00", 1100.0, 2),
            ("01-06 00:00", 5000.0, 1),
            ("01-07 00:00", None, 0),
        ),
    )


def test_continuous_offset_beside_a_window_without_one(tmp_path: Path) -> None:
    metrics = [rolling(["1d"], ["sum"]), rolling(["1d"], ["sum"], offset="12h")]
    check(
        table_of(tmp_path, feature(metrics=metrics)),
        steps(
            "amount_sum_1d amount_sum_1d_offset_12h",
            ("01-01 12:00:00.000001", 10.0, None),
            ("01-02 00:00:00.000001", 10.0, 10.0),
            ("01-02 09:00:00.000001", 110.0, 10.0),
            ("01-02 12:00:00.000001", 100.0, 10.0),
            ("01-02 18:00:00.000001", 1100.0, 10.0),
            ("01-02 21:00:00.000001", 1100.0, 110.0),
            ("01-03 00:00:00.000001", 6100.0, 100.0),
            ("01-03 06:00:00.000001", 6100.0, 1100.0),
            ("01-03 09:00:00.000001", 6000.0, 1100.0),
            ("01-03 12:00:00.000001", 6000.0, 6100.0),
            ("01-03 18:00:00.000001", 5000.0, 6100.0),
            ("01-03 21:00:00.000001", 5000.0, 6000.0),
            ("01-04 00:00:00.000001", None, 6000.0),
            ("01-04 06:00:00.000001", None, 5000.0),
            ("01-04 12:00:00.000001", None, None),
        ),
    )


def test_delay_and_offset_together(tmp_path: Path) -> None:
    check(
        table_of(
            tmp_path,
            feature(interval="1d", metrics=[rolling(["1d"], ["sum"], offset="1d")]),
            source={"delay": "1d"},
        ),
        steps(
            "amount_sum_1d_offset_1d",
            ("01-04 00:00", 10.0),
            ("01-05 00:00", 1100.0),
            ("01-06 00:00", 5000.0),
            ("01-07 00:00", None),
        ),
    )


def test_lifetime_has_no_lower_end(tmp_path: Path) -> None:
    """Nothing leaves it, so the only rows are those at which something enters."""
    metrics = [rolling(["lifetime"], ["sum", "count", "min", "max"])]
    check(
        table_of(tmp_path, feature(interval="1d", metrics=metrics)),
        steps(
            "amount_sum_lifetime amount_count_lifetime amount_min_lifetime amount_max_lifetime",
            ("01-02 00:00", 10.0, 1, 10.0, 10.0),
            ("01-03 00:00", 1110.0, 3, 10.0, 1000.0),
            ("01-04 00:00", 6110.0, 4, 10.0, 5000.0),
        ),
    )


def test_lifetime_continuous_with_offset(tmp_path: Path) -> None:
    check(
        table_of(tmp_path, feature(metrics=[rolling(["lifetime"], ["sum"], offset="1d")])),
        steps(
            "amount_sum_lifetime_offset_1d",
            ("01-02 12:00:00.000001", 10.0),
            ("01-03 09:00:00.000001", 110.0),
            ("01-03 18:00:00.000001", 1110.0),
            ("01-04 00:00:00.000001", 6110.0),
        ),
    )


@pytest.mark.parametrize("interval", ["1w", "7d", "168h"])
def test_weeks_begin_on_monday(tmp_path: Path, interval: str) -> None:
    """2024-01-01 and 2024-01-08 are Mondays; an event on the tick is in the week that it begins."""
    rows = events.table(
        "user_id event_time amount",
        ("u1", at("01-07 23:59:59.999999"), 1.0),  # Sunday
        ("u1", at("01-08 00:00"), 2.0),
        ("u1", at("01-10 12:00"), 4.0),  # Wednesday
    )
    check(
        table_of(tmp_path, feature(interval=interval, metrics=[rolling(["1w"], ["sum"])]), rows),
        steps("amount_sum_1w", ("01-08", 1.0), ("01-15", 6.0), ("01-22", None)),
    )


def test_weeks_begin_on_monday_before_1970(tmp_path: Path) -> None:
    """1969-12-22 and 1969-12-29 are Mondays."""
    rows = events.table(
        "user_id event_time amount",
        ("u1", at("1969-12-28 23:59:59.999999"), 1.0),
        ("u1", at("1969-12-29 00:00"), 2.0),
        ("u1", at("1970-01-04 23:00"), 4.0),
    )
    check(
        table_of(tmp_path, feature(interval="1w", metrics=[rolling(["1w"], ["sum"])]), rows),
        steps("amount_sum_1w", ("1969-12-29", 1.0), ("1970-01-05", 6.0), ("1970-01-12", None)),
    )


def test_an_event_on_a_tick_waits_for_the_next_one(tmp_path: Path) -> None:
    rows = events.table("user_id event_time amount", ("u1", at("01-03 00:00"), 5.0))
    check(
        table_of(tmp_path, feature(interval="1h", metrics=[rolling(["1h"], ["sum"])]), rows),
        steps("amount_sum_1h", ("01-03 01:00", 5.0), ("01-03 02:00", None)),
    )


def test_a_window_leaves_and_another_enters_at_one_instant(tmp_path: Path) -> None:
    """One day apart to the microsecond: the first leaves exactly as the second enters."""
    rows = events.table(
        "user_id event_time amount",
        ("u1", at("01-01 12:00"), 1.0),
        ("u1", at("01-02 12:00"), 2.0),
    )
    check(
        table_of(tmp_path, feature(metrics=[rolling(["1d"], ["sum", "count"])]), rows),
        steps(
            "amount_sum_1d amount_count_1d",
            ("01-01 12:00:00.000001", 1.0, 1),
            ("01-02 12:00:00.000001", 2.0, 1),
            ("01-03 12:00:00.000001", None, 0),
        ),
    )


def test_events_of_one_time_are_in_the_window_together(tmp_path: Path) -> None:
    rows = events.table(
        "user_id event_time amount",
        ("u1", at("01-01 12:00"), 1.0),
        ("u1", at("01-01 12:00"), 1.0),
        ("u1", at("01-01 12:00"), None),
        ("u2", at("01-01 12:00"), 7.0),
        (None, at("01-01 12:00"), 7.0),
        ("u1", None, 7.0),
    )
    metrics = [
        {"windows": ["1d"], "aggregations": {"*": ["count"], "amount": ["count", "sum", "std"]}}
    ]
    names = "count_1d amount_count_1d amount_sum_1d amount_std_1d"
    second = [
        {**row, "user_id": "u2"}
        for row in steps(
            names,
            ("01-01 12:00:00.000001", 1, 1, 7.0, None),
            ("01-02 12:00:00.000001", 0, 0, None, None),
        )
    ]
    check(
        table_of(tmp_path, feature(metrics=metrics), rows),
        [
            *steps(
                names,
                ("01-01 12:00:00.000001", 3, 2, 2.0, 0.0),
                ("01-02 12:00:00.000001", 0, 0, None, None),
            ),
            *second,
        ],
    )


def test_every_function_and_its_empty_value(tmp_path: Path) -> None:
    functions = ["sum", "count", "mean", "min", "max", "std", "variance"]
    check(
        table_of(tmp_path, feature(interval="1d", metrics=[rolling(["2d"], functions)])),
        steps(
            " ".join(f"amount_{name}_2d" for name in functions),
            ("01-02", 10.0, 1, 10.0, 10.0, 10.0, None, None),
            (
                "01-03",
                1110.0,
                3,
                370.0,
                10.0,
                1000.0,
                pytest.approx(547.4486277268398, rel=1e-12),
                pytest.approx(299700.0, rel=1e-12),
            ),
            (
                "01-04",
                6100.0,
                3,
                pytest.approx(6100 / 3, rel=1e-12),
                100.0,
                5000.0,
                pytest.approx(2608.320021265282, rel=1e-12),
                pytest.approx(6803333.333333333, rel=1e-12),
            ),
            ("01-05", 5000.0, 1, 5000.0, 5000.0, 5000.0, None, None),
            ("01-06", None, 0, None, None, None, None, None),
        ),
    )


def test_defaults_stand_for_empty_windows(tmp_path: Path) -> None:
    metrics = [
        {"field": "amount", "function": "sum", "windows": ["1d"], "default": 0},
        {"field": "amount", "function": "count", "windows": ["1d"], "default": -1, "name": "seen"},
    ]
    check(
        table_of(tmp_path, feature(interval="1d", metrics=metrics), EXAMPLE[:1]),
        steps("amount_sum_1d seen_1d", ("01-02", 10.0, 1), ("01-03", 0.0, -1)),
    )


def test_where_of_a_metric(tmp_path: Path) -> None:
    """The rows it leaves out still make change points of the table, with an empty window."""
    metrics = [
        {"field": "*", "function": "count", "windows": ["1d"], "where": "amount >= 1000", "name": "large"},
    ]  # fmt: skip
    check(
        table_of(tmp_path, feature(interval="1d", metrics=metrics)),
        steps(
            "large_1d",
            ("01-02", 0),
            ("01-03", 1),
            ("01-04", 1),
            ("01-05", 0),
        ),
    )


@pytest.mark.parametrize(
    ("keys", "source", "instants"),
    [
        ({}, {}, ["01-01 12:00:00.000001", "01-02 09:00:00.000001"]),
        ({"boundary": "inclusive"}, {}, ["01-01 12:00", "01-02 09:00"]),
        ({}, {"delay": "1h"}, ["01-01 13:00:00.000001", "01-02 10:00:00.000001"]),
        ({"interval": "1d"}, {}, ["01-02", "01-03"]),
        ({"interval": "1d"}, {"delay": "1h"}, ["01-02 01:00", "01-03 01:00"]),
    ],
    ids=["continuous", "inclusive", "delay", "gridded", "gridded_delay"],
)
def test_latest(tmp_path: Path, keys: Document, source: Document, instants: list[str]) -> None:
    """A row for each event, or for each tick with events; of one time the largest `amount` counts."""
    rows = events.table(
        "user_id event_time amount",
        ("u1", at("01-01 12:00"), 1.0),
        ("u1", at("01-02 09:00"), 3.0),
        ("u1", at("01-02 09:00"), 9.0),
        ("u1", at("01-02 09:00"), None),
    )
    check(
        table_of(tmp_path, feature(select={"last_amount": "amount"}, **keys), rows, source),
        steps("last_amount", *zip(instants, [1.0, 9.0], strict=True)),
    )


def test_gridded_latest_is_the_last_event_before_the_tick(tmp_path: Path) -> None:
    check(
        table_of(tmp_path, feature(interval="1d", select={"last_amount": "amount"})),
        steps("last_amount", ("01-02", 10.0), ("01-03", 1000.0), ("01-04", 5000.0)),
    )


def test_current_is_the_row_that_holds_at_as_of(tmp_path: Path) -> None:
    document = events.spec([feature(interval="1d", metrics=[rolling(["1d"], ["sum"])])])
    cases: list[tuple[str, list[tuple[str, float | None]]]] = [
        ("01-01 23:00", []),
        ("01-02 00:00", [("01-02 00:00", 10.0)]),
        ("01-03 23:59:59.999999", [("01-03 00:00", 1100.0)]),
        ("02-01 00:00", [("01-05 00:00", None)]),
    ]
    for as_of, expected in cases:
        run = events.run(tmp_path, document, EXAMPLE, as_of=at(as_of))
        check(run.rows("f_current"), steps("amount_sum_1d", *expected))
