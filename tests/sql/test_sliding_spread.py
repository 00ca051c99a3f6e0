"""Std and variance of doubles over sliding frames: the engine's own function, and nine digits up to a million."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from typing import Any

import events
import pytest
from harness import Run
from test_merged_spread import VALUES, exact_variance, one_pass

START = datetime(2024, 1, 1)
HOURS = 200
"""More than the 128 ticks of windows that are merged."""

ROUNDED = 4e-16
"""The last digit."""


def drawn(seed: int) -> list[dict[str, Any]]:
    """Each kind of values is a user."""
    chance = random.Random(seed)
    return [
        {"user_id": user, "event_time": START + timedelta(hours=hour), "amount": value(chance, day)}
        for user, value in VALUES.items()
        for hour in sorted(chance.sample(range(24 * 25), 400))
        for day in [hour // 24]
    ]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return drawn(5)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> Run:
    metrics = [{"windows": [f"{HOURS}h"], "aggregations": {"amount": ["std", "variance", "count"]}}]
    spec = events.spec(
        [
            events.feature(name="ticked", interval="1h", metrics=metrics),
            events.feature(name="continuous", metrics=metrics),
        ]
    )
    return events.run(tmp_path_factory.mktemp("sliding"), spec, rows)


@pytest.mark.parametrize("feature", ["ticked", "continuous"])
@pytest.mark.parametrize("user", VALUES)
def test_digits_of_sliding_frames(
    run: Run, rows: list[dict[str, Any]], user: str, feature: str
) -> None:
    """The worst of all windows is no worse than the engine's in one pass over each, and what it is for."""
    mine = [row for row in rows if row["user_id"] == user]
    found = [row for row in run.rows(feature, "feature_timestamp") if row["user_id"] == user]
    errors: list[tuple[float, float]] = []
    for step in found[:: 3 if feature == "ticked" else 5]:
        end = step["feature_timestamp"]
        start = end - timedelta(hours=HOURS)
        values = [row["amount"] for row in mine if start <= row["event_time"] < end]
        assert step[f"amount_count_{HOURS}h"] == len(values)
        std = step[f"amount_std_{HOURS}h"]
        if len(values) < 2:
            assert std is None
            continue
        right = math.sqrt(exact_variance(values))
        theirs = one_pass(values)[0]
        if right == 0:
            assert std == 0
            continue
        errors.append((abs(std - right) / right, abs(theirs - right) / right))
        if max(map(abs, values)) <= 2e6 * right:
            assert abs(std - right) <= 1e-9 * right, (end, std, right)
    assert len(errors) > 50 or user == "one value"
    if errors:
        ours, theirs_worst = (max(column) for column in zip(*errors, strict=True))
        assert ours <= theirs_worst + ROUNDED, (ours, theirs_worst)
