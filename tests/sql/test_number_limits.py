"""Numbers at their limits: outliers, NaN, infinity, integers and decimals of many digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import events
import oracle
import pytest
from events import at, feature
from harness import compile_and_run
from source_runs import ROWS, close, csv_project


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
