"""The rule of time: the compiled SQL, run on DuckDB, against the brute-force oracle."""

from __future__ import annotations

import bisect
import itertools
import math
import random
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import oracle
import stored_times
import strategies
from examples import examples
from harness import Run, compile_and_run, write_parquet, write_project
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

EPOCH = datetime(1970, 1, 1)

EXACT = {*oracle.COUNTS, "min", "max", "any", "all", "first", "last", "mode", "arg_max", "arg_min"}
"""Functions whose values are never rounded."""

SMALLEST_WEIGHT = 0.001
"""What weights of both signs add up to at least, where they do not add up to 0."""


class Readable(Protocol):
    """A project that has run somewhere."""

    def rows(self, table: str, order: str | None = None) -> list[dict[str, Any]]:
        """All rows of a table."""
        ...


@dataclass(frozen=True)
class Tolerance:
    """How far a float may be off: 1e-9 of it, or what the inputs' own digits allow.

    Attributes:
        total: Sum of the sizes of the entity's values: sums of opposite signs cancel.
        largest: The largest size of the entity's values: std and variance of doubles that are close
            together keep the digits that are left of it. Those of integers and decimals keep all.
        count: Number of values.
        weighed: Sum of the sizes of the weights.
    """

    total: float
    largest: float
    count: int
    weighed: float = 0.0

    @classmethod
    def of(cls, column: oracle.Column, events: list[oracle.Event]) -> Tolerance:
        if oracle.name_of(column.function) in EXACT:
            return cls(0.0, 0.0, 0)
        found = [row[column.field] for _, row in events if row[column.field] is not None]
        values = [abs(float(value)) for value in found]  # type: ignore[arg-type]  # numbers
        if column.by is not None:
            return cls.of_weights(column, events)
        is_double = any(isinstance(value, float) for value in found)
        return cls(sum(values), max(values, default=0.0) if is_double else 0.0, len(values))

    @classmethod
    def of_weights(cls, column: oracle.Column, events: list[oracle.Event]) -> Tolerance:
        """That of a weighted mean: both of its sums are rounded."""
        assert column.by is not None
        rows = [row for _, row in events if None not in {row[column.field], row[column.by]}]
        values, weights = (
            [float(row[name]) for row in rows]  # type: ignore[arg-type]  # numbers
            for name in (column.field, column.by)
        )
        total = sum(abs(value * weight) for value, weight in zip(values, weights, strict=True))
        return cls(total, max(map(abs, values), default=0.0), len(rows), sum(map(abs, weights)))

    def allows(self, function: str, actual: float, expected: float) -> bool:
        if not math.isfinite(expected) or not math.isfinite(actual):
            return math.isnan(expected) == math.isnan(actual) and (
                actual == expected or math.isnan(actual)
            )
        digit = sys.float_info.epsilon
        if function.startswith("variance"):
            lost = 8 * digit * self.largest
            lost *= math.sqrt(max(expected, 0.0)) + lost
        elif function.startswith("std"):
            lost = 8 * digit * self.largest
        elif function.startswith("weighted_mean"):
            lost = digit * (self.total + self.largest * self.weighed) / SMALLEST_WEIGHT
        else:
            lost = digit * self.total
        return math.isclose(actual, expected, rel_tol=1e-9, abs_tol=lost * max(self.count, 1))


def same(column: oracle.Column, actual: Any, expected: Any, tolerance: Tolerance) -> bool:
    """Exact for everything but floats."""
    if isinstance(actual, float) and expected is not None:
        return tolerance.allows(column.function, actual, float(expected))
    if isinstance(actual, Decimal) and type(expected) is int:  # a default as the user wrote it
        return actual == expected
    return type(actual) is type(expected) and bool(actual == expected)


def build(project: strategies.GeneratedProject, **options: Any) -> Run:
    with tempfile.TemporaryDirectory() as name:
        root = write_project(Path(name), project.spec)
        write_parquet(root / "data" / "events.parquet", project.file_schema, project.file_rows)
        return compile_and_run(root, **options)


def steps_of(
    run: Readable, feature: str, keys: tuple[str, ...]
) -> dict[Any, list[tuple[int, dict[str, Any]]]]:
    """The step function of every entity: instants in order, each once, and their rows."""
    found: dict[Any, list[tuple[int, dict[str, Any]]]] = {}
    for row in run.rows(feature):
        key = tuple(row[name] for name in keys)
        instant = oracle.microseconds(row["feature_timestamp"])
        found.setdefault(key, []).append((instant, row))
    for rows in found.values():
        rows.sort(key=lambda item: item[0])
        instants = [item[0] for item in rows]
        assert len(set(instants)) == len(instants), "primary key"
    return found


def at(steps: list[tuple[int, dict[str, Any]]], instant: int) -> dict[str, Any] | None:
    index = bisect.bisect_right([item[0] for item in steps], instant)
    return steps[index - 1][1] if index else None


def instants(points: list[int], seed: int) -> list[int]:
    """Every change point, the microseconds around it, and random times in between."""
    chance = random.Random(seed)
    near = {point + move for point in points for move in (-1, 0, 1)}
    if points:
        low, high = points[0] - 10**12, points[-1] + 10**12
        near |= {chance.randint(low, high) for _ in range(10)}
        near |= {(a + b) // 2 for a, b in itertools.pairwise(points)}
    return sorted(near)


def check_feature(
    run: Readable, project: strategies.GeneratedProject, feature: dict[str, Any]
) -> None:
    keys = tuple(strategies.join_keys(strategies.feature_entity(project, feature)))
    clock = strategies.oracle_clock(feature)
    delay = strategies.oracle_delay(project)
    events_by_key = strategies.oracle_events(project, feature)
    steps = steps_of(run, feature["name"], keys)
    assert set(steps) <= set(events_by_key), "an entity without events"
    columns = strategies.oracle_columns(feature) if "metrics" in feature else []
    for key, events in events_by_key.items():
        points = oracle.change_points(columns, events, clock, delay)
        assert {item[0] for item in steps.get(key, [])} <= set(points), "a row that nothing needs"
        for instant in instants(points, len(events)):
            row = at(steps.get(key, []), instant)
            if columns:
                check_windows(row, columns, events, clock, delay, instant)
            else:
                expected = oracle.latest_at(
                    feature["select"],
                    events,
                    clock,
                    delay,
                    instant,
                    tuple(feature.get("tie_breaker", ())),
                    strategies.oracle_remaining(feature),
                )
                actual = row and {name: row[name] for name in feature["select"]}
                assert actual == expected, (feature, instant)


def check_windows(
    row: dict[str, Any] | None,
    columns: Iterable[oracle.Column],
    events: list[oracle.Event],
    clock: oracle.Clock,
    delay: int,
    instant: int,
) -> None:
    for column in columns:
        expected = oracle.value_at(column, events, clock, delay, instant)
        if row is None:
            nothing = oracle.value_at(column, [], clock, delay, instant)
            assert expected == nothing, (column, instant, expected)
            continue
        tolerance = Tolerance.of(column, events)
        actual = row[column.name]
        assert same(column, actual, expected, tolerance), (column, instant, actual, expected)


@settings(
    max_examples=examples(__file__),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # an example costs a compile: shrinking takes minutes
)
@given(strategies.projects(stored_times.ALL), st.sampled_from(("merged", "sliding")))
def test_compiled_sql_equals_the_oracle(project: strategies.GeneratedProject, windows: str) -> None:
    run = build(project, windows=windows)
    for feature in project.spec["features"]:
        check_feature(run, project, feature)
    run.connection.close()


_MUTATION_ROWS = [
    ("u1", "2024-01-01 12:00:00", 10.0),
    ("u1", "2024-01-02 09:00:00", 100.0),
    ("u1", "2024-01-02 18:00:00", 1000.0),
    ("u1", "2024-01-03 00:00:00", 5000.0),
]
