"""Std and variance of doubles over merged windows keep their digits, wherever the values are."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import duckdb
import events
import pytest
from harness import Run

START = datetime(2024, 1, 1)
DAYS = (3, 7)
ROUNDED = 2e-15
"""A few roundings of the last digit."""

VALUES: dict[str, Callable[[random.Random, int], float]] = {
    "a million deviations from zero": lambda chance, _: 1e6 + chance.gauss(0, 1),
    "1e12 deviations from zero": lambda chance, _: 1e12 + chance.gauss(0, 1),
    "a few digits apart at 1e15": lambda chance, _: -1e15 + chance.gauss(0, 8),
    "two sizes": lambda chance, _: chance.choice([1, 1e8]) * chance.uniform(0.9, 1),
    "one value": lambda _, __: 0.1,
    "ten times as large each day": lambda chance, day: 10.0**day + chance.random(),
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Each kind of values is a user."""
    chance = random.Random(11)
    found: list[dict[str, Any]] = []
    for user, value in VALUES.items():
        for _ in range(150):
            hours = chance.randrange(24 * 12)
            time = START + timedelta(hours=hours)
            found.append(
                {"user_id": user, "event_time": time, "amount": value(chance, hours // 24)}
            )
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> Run:
    windows = [f"{days}d" for days in DAYS]
    metrics = [{"windows": windows, "aggregations": {"amount": ["std", "variance"]}}]
    spec = events.spec([events.feature(interval="1d", metrics=metrics)])
    return events.run(tmp_path_factory.mktemp("spread"), spec, rows)


@pytest.mark.parametrize("user", VALUES)
def test_all_digits_are_right_and_never_fewer_than_the_engine_s(
    run: Run, rows: list[dict[str, Any]], user: str
) -> None:
    mine = [row for row in rows if row["user_id"] == user]
    steps = [row for row in run.rows("f", "feature_timestamp") if row["user_id"] == user]
    compared = 0
    for step in steps:
        end = step["feature_timestamp"]
        for days in DAYS:
            values = [
                row["amount"]
                for row in mine
                if end - timedelta(days=days) <= row["event_time"] < end
            ]
            found = step[f"amount_std_{days}d"], step[f"amount_variance_{days}d"]
            if len(values) < 2:
                assert found == (None, None)
                continue
            variance = exact_variance(values)
            wanted = math.sqrt(variance), float(variance)
            engine = one_pass(values)
            for actual, right, theirs in zip(found, wanted, engine, strict=True):
                error = abs(actual - right)
                assert error <= ROUNDED * right, (end, days, actual, right)
                assert error <= abs(theirs - right) + ROUNDED * right
            compared += 1
    assert compared > 20


def exact_variance(values: list[float]) -> Fraction:
    exact = [Fraction(value) for value in values]
    mean = sum(exact, Fraction(0)) / len(exact)
    apart = [value - mean for value in exact]
    return sum((value * value for value in apart), Fraction(0)) / (len(exact) - 1)


def one_pass(values: list[float]) -> tuple[float, float]:
    """What DuckDB's own functions make of the values of a window."""
    query = "select stddev_samp(x), var_samp(x) from (select unnest(?::double[]) as x)"
    ((std, variance),) = duckdb.execute(query, [values]).fetchall()
    return std, variance
