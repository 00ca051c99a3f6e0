"""Std and variance against exact arithmetic: all widths of integers and decimals, and doubles.

Every entity and column has a place of its own on the number line and values around it, near or far;
some begin with a value at the other end of their type. What a window holds decides, nothing else.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import oracle
import pytest
from examples import examples, profile
from harness import compile_and_run, write_parquet, write_project
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from warehouse import Warehouse
from warehouse_harness import CONFIG, load_table, run_on_warehouse

from mlforge_sql.types import Kind, parse_type

SCHEMA = "main.exact_spread"
WHOLE = {
    "tiny": "TINYINT",
    "small": "SMALLINT",
    "normal": "INTEGER",
    "big": "BIGINT",
    "cents": "DECIMAL(9,2)",
    "parts": "DECIMAL(9,9)",
    "money": "DECIMAL(18,2)",
    "shares": "DECIMAL(18,18)",
    "wide": "DECIMAL(19,3)",
    "wider": "DECIMAL(38,10)",
    "widest": "DECIMAL(38,0)",
    "thin": "DECIMAL(38,38)",
}
UNSIGNED = {"unsigned": "UBIGINT"}
"""A type that only DuckDB has."""

START = datetime(2024, 1, 1)
HOUR = timedelta(hours=1)
HOUR_US = 3_600_000_000
WINDOWS = {"2h": 2 * HOUR_US, "6h": 6 * HOUR_US, "lifetime": None}
FUNCTIONS: tuple[oracle.Function, ...] = ("std", "variance")

Row = dict[str, Any]


def bounds(kind: str) -> tuple[int, int]:
    """The least and the largest value of a type, in its smallest unit."""
    if kind == "UBIGINT":
        return 0, 2**64 - 1
    found = parse_type(kind)
    if found.family is Kind.DECIMAL:
        return 1 - 10**found.precision, 10**found.precision - 1
    return -(2 ** (found.bits - 1)), 2 ** (found.bits - 1) - 1


def values(kind: str, count: int, chance: random.Random) -> list[Any]:
    """Values around one place, and perhaps one far away at the beginning."""
    low, high = bounds(kind)
    power = 1 << chance.randint(0, high.bit_length() - 1)
    middle = chance.choice([low, high, chance.randint(low, high), power, -power, 0])
    width = chance.choice([0, 1, 9, 1000, 10 ** chance.randint(0, len(str(high)) - 1), high])
    found = [
        min(high, max(low, middle + chance.randint(-width, width) + step * chance.choice([0, 37])))
        for step in range(count)
    ]
    if chance.random() < 0.3:
        found[0] = chance.choice([low, high])
    scale = parse_type(kind).scale
    whole = [None if chance.random() < 0.1 else value for value in found]
    if "DECIMAL" not in kind:
        return whole
    return [
        None if value is None else oracle.EXACT.scaleb(Decimal(value), -scale) for value in whole
    ]


def drawn(kinds: dict[str, str], entities: int, chance: random.Random) -> list[Row]:
    rows: list[Row] = []
    for number in range(entities):
        count = chance.randint(1, 12)
        times = [
            START + chance.choice([0, 0, 1, 1, 4]) * HOUR + HOUR * step for step in range(count)
        ]
        columns = {name: values(kind, count, chance) for name, kind in kinds.items()}
        for place, time in enumerate(sorted(times)):
            row = {name: found[place] for name, found in columns.items()}
            rows.append({"user_id": number, "at": time, **row})
    return rows


def document(names: Iterable[str]) -> dict[str, Any]:
    metrics = [
        {"windows": list(WINDOWS), "aggregations": {name: list(FUNCTIONS) for name in names}}
    ]
    return {
        "entities": [{"name": "user", "join_key": "user_id"}],
        "sources": [
            {"name": "events", "path": "events.parquet", "table": "a.b.c", "timestamp": "at"}
        ],
        "features": [
            {"name": name, "source": "events", "entities": ["user"], "metrics": metrics, **clock}
            for name, clock in (("gridded", {"interval": "1h"}), ("continuous", {}))
        ],
    }


Check = Callable[[list[Any], str, Any], None]


def check(run: Any, rows: list[Row], names: Iterable[str], is_right: Check) -> None:
    """Every value of both features against the values that the rule of time puts into its window."""
    names = list(names)
    events = {
        (number,): [
            (oracle.microseconds(row["at"]), row) for row in rows if row["user_id"] == number
        ]
        for number in {row["user_id"] for row in rows}
    }
    looked_at = 0
    for feature, clock in (("gridded", oracle.Clock(HOUR_US)), ("continuous", oracle.Clock())):
        for row in run.rows(feature):
            t = oracle.microseconds(row["feature_timestamp"])
            for window, us in WINDOWS.items():
                inside = [
                    event
                    for e, event in events[row["user_id"],]
                    if oracle.is_visible(e, clock, 0, t) and oracle.is_recent(e, clock, 0, t, us, 0)
                ]
                for name in names:
                    found = [item[name] for item in inside if item[name] is not None]
                    for function in FUNCTIONS:
                        looked_at += 1
                        is_right(found, function, row[f"{name}_{function}_{window}"])
    assert looked_at > len(names)


def is_exact(inside: list[Any], function: Any, actual: Any) -> None:
    """To the last digit or two of a double, whatever the values are."""
    expected = oracle.aggregate(function, inside)
    if expected is None:
        assert actual is None, (function, inside, actual)
        return
    assert isinstance(expected, float)
    assert actual == pytest.approx(expected, rel=1e-14, abs=0), (function, inside)


def build(kinds: dict[str, str], rows: list[Row], config: Any = CONFIG) -> Any:
    with tempfile.TemporaryDirectory() as name:
        root = write_project(Path(name), document(kinds), config)
        schema = {"user_id": "BIGINT", "at": "TIMESTAMP", **kinds}
        write_parquet(root / "events.parquet", schema, rows)
        return compile_and_run(root)


LOCAL = {**CONFIG, "profiles": {"dev": CONFIG["profiles"]["dev"]}}


@settings(
    max_examples=examples(__file__),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # an example costs a compile: shrinking takes minutes
)
@given(st.integers(0, 2**32))
def test_integers_and_decimals_are_exact(seed: int) -> None:
    kinds = {**WHOLE, **UNSIGNED}
    rows = drawn(kinds, 12, random.Random(seed))
    run = build(kinds, rows, LOCAL)
    check(run, rows, kinds, is_exact)
    run.connection.close()


def test_integers_and_decimals_are_exact_on_databricks(shared_warehouse: Warehouse) -> None:
    kinds = WHOLE if profile() == "long" else dict(list(WHOLE.items())[::2])  # a plan of each costs
    rows = drawn(kinds, 25, random.Random(4))
    compiled = build(kinds, rows).compiled
    connection = shared_warehouse.connect()
    connection.sql(f"create schema if not exists {SCHEMA}")
    load_table(
        connection,
        f"{SCHEMA}.events",
        {"user_id": "BIGINT", "at": "TIMESTAMP", **kinds},
        rows,
    )
    run = run_on_warehouse(compiled, connection, SCHEMA)
    check(run, rows, kinds, is_exact)


# Doubles


def doubles(count: int, chance: random.Random) -> list[float]:
    """Values whose mean is at most a million times their deviation."""
    width = 10.0 ** chance.randint(-6, 9)
    middle = chance.choice([-1, 1]) * width * 10.0 ** chance.uniform(-2, 5.8)
    return [middle + width * chance.choice([-1, 1]) * chance.uniform(0.8, 1) for _ in range(count)]


def condition(values: list[float]) -> float:
    """How many times the mean is larger than the deviation."""
    deviation = oracle.standard_deviation(values, 2)
    return max(map(abs, values)) / deviation if deviation else float("inf")


@settings(
    max_examples=examples(__file__),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
@given(st.integers(0, 2**32))
def test_doubles_keep_nine_digits_and_what_the_engine_keeps(seed: int) -> None:
    """To 1e-9 up to a mean of a million deviations, and close to the engine's own function beyond."""
    chance = random.Random(seed)
    rows: list[Row] = []
    for number in range(25):
        found = doubles(12, chance)
        if chance.random() < 0.5:
            found[0] = chance.choice([-1, 1]) * 10.0 ** chance.randint(10, 18)
        rows += [
            {"user_id": number, "at": START + HOUR * step, "x": value}
            for step, value in enumerate(found)
        ]
    run = build({"x": "DOUBLE"}, rows, LOCAL)
    engine = run.connection.cursor()

    def is_close(inside: list[Any], function: Any, actual: Any) -> None:
        expected = oracle.aggregate(function, inside)
        if expected is None or expected == 0:
            assert actual == expected
            return
        assert isinstance(expected, float)
        error = abs(actual / expected - 1)
        if condition(inside) <= 1e6:
            assert error <= 1e-9, (function, inside)
        name = {"std": "stddev_samp", "variance": "var_samp"}[function]
        found = engine.execute(f"select {name}(x) from unnest(?) t(x)", [inside]).fetchone()
        assert found is not None
        (alone,) = found
        own = abs(alone / expected - 1)
        assert error <= max(10 * own, 1e-15 * condition(inside), 1e-14), (function, inside, own)

    check(run, rows, ["x"], is_close)
    run.connection.close()
