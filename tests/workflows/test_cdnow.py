"""A second project: 69,659 purchases at CDNOW, checked against the oracle at 2,000 random labels.

The file comes with the package `lifetimes`, which is not imported.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import oracle
import pytest
from harness import Run, compile_and_run, write_project

ROWS = 69_659
LABELS = 2_000
FUNCTIONS: tuple[oracle.Function, ...] = ("sum", "count", "mean", "min", "max", "std", "variance")
WINDOWS = {
    "daily": ("7d", "30d", "90d", "lifetime"),
    "weekly": ("7d", "28d", "91d", "lifetime"),  # multiples of a week
    "continuous": ("7d", "30d", "90d", "lifetime"),
}
CLOCKS = {
    "daily": oracle.Clock(oracle.DAY_US),
    "weekly": oracle.Clock(oracle.WEEK_US),
    "continuous": oracle.Clock(),
    "last_purchase": oracle.Clock(),
    "last_purchase_weekly": oracle.Clock(oracle.WEEK_US),
}
DELAYS = {name: oracle.DAY_US if clock.interval_us is None else 0 for name, clock in CLOCKS.items()}
"""The purchases have dates: they are known at the end of their day."""

LATEST = {"last_date": "date", "last_quantity": "quantity", "last_amount": "amount"}
REMAINING = ("quantity", "amount")


@dataclass(frozen=True)
class Cdnow:
    """The compiled project, and what the oracle needs to know."""

    run: Run
    events: dict[oracle.Key, list[oracle.Event]]
    labels: list[tuple[str, datetime]]


def master_file() -> Path:
    found = find_spec("lifetimes")
    assert found is not None, "pip install lifetimes: its data is a test of ours"
    assert found.origin is not None
    return Path(found.origin).parent / "datasets" / "CDNOW_master.txt"


def purchases() -> list[dict[str, oracle.Value]]:
    rows: list[dict[str, oracle.Value]] = []
    for line in master_file().read_text(encoding="ascii").splitlines()[1:]:
        if not line.strip():
            continue
        customer, day, quantity, amount = line.split()
        rows.append(
            {
                "customer_id": customer,
                "date": datetime.strptime(day, "%Y%m%d"),
                "quantity": int(quantity),
                "amount": float(amount),
            }
        )
    return rows


def spec() -> dict[str, Any]:
    def rolling(name: str) -> dict[str, Any]:
        fields: dict[str, list[str]] = {"amount": list(FUNCTIONS), "quantity": list(FUNCTIONS)}
        metrics = [{"windows": list(WINDOWS[name]), "aggregations": {"*": ["count"], **fields}}]
        return {"name": name, "source": source(name), "entities": ["customer"], "metrics": metrics}

    def latest(name: str) -> dict[str, Any]:
        return {"name": name, "source": source(name), "entities": ["customer"], "select": LATEST}

    def source(feature: str) -> str:
        return "known_purchases" if CLOCKS[feature].interval_us is None else "purchases"

    file = {"path": "data/cdnow.parquet", "timestamp": "date"}

    return {
        "entities": [{"name": "customer", "join_key": "customer_id"}],
        "sources": [
            {"name": "purchases", **file},
            {"name": "known_purchases", **file, "delay": "1d"},
        ],
        "features": [
            {**rolling("daily"), "interval": "1d"},
            {**rolling("weekly"), "interval": "1w"},
            rolling("continuous"),
            latest("last_purchase"),
            {**latest("last_purchase_weekly"), "interval": "1w"},
        ],
    }


def random_labels(events: dict[oracle.Key, list[oracle.Event]]) -> list[tuple[str, datetime]]:
    """A half at any time, a half at the edges: an event or the end of one of its windows."""
    chance = random.Random(19970101)
    customers = sorted(events)
    first = datetime(1996, 12, 1)
    labels: list[tuple[str, datetime]] = []
    for number in range(LABELS):
        key = chance.choice(customers)
        if number % 2:
            instant = first + timedelta(seconds=chance.randrange(3 * 365 * 86_400))
        else:
            e, _ = chance.choice(events[key])
            days = chance.choice([0, 0, 1, 7, 28, 30, 90, 91])
            nudge = timedelta(days=days, microseconds=chance.choice([-1, 0, 1, 2]))
            instant = datetime(1970, 1, 1) + timedelta(microseconds=e) + nudge
        labels.append((str(key[0]), instant))
    return labels


@pytest.fixture(scope="module")
def cdnow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cdnow]:
    root = write_project(tmp_path_factory.mktemp("cdnow"), spec())
    rows = purchases()
    lines = (
        f"{row['customer_id']},{row['date']},{row['quantity']},{row['amount']}" for row in rows
    )
    (root / "data").mkdir()
    (root / "data" / "cdnow.txt").write_text("\n".join(lines), encoding="ascii")
    columns = {"customer_id": "VARCHAR", "date": "DATE", "quantity": "INTEGER", "amount": "DOUBLE"}
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select * from read_csv('{root}/data/cdnow.txt', header = false, columns = {columns})) "
            f"to '{root}/data/cdnow.parquet' (format parquet)"
        )
    run = compile_and_run(root)
    by_customer = oracle.split_by_entity(rows, ["customer_id"], "date")
    yield Cdnow(run, by_customer, random_labels(by_customer))
    run.connection.close()


def as_of(cdnow: Cdnow, feature: str) -> list[dict[str, Any]]:
    """The row of a feature that holds at each label; keys and values NULL before the first."""
    connection = cdnow.run.connection
    if not connection.execute(
        "select 1 from duckdb_tables() where table_name = 'labels'"
    ).fetchall():
        connection.execute(
            "create table labels (number int, customer_id varchar, label_time timestamp)"
        )
        numbered = [[number, *label] for number, label in enumerate(cdnow.labels)]
        connection.executemany("insert into labels values (?, ?, ?)", numbered)
    found = connection.execute(
        f"select {feature}.* from labels asof left join {feature} "
        f"on labels.customer_id = {feature}.customer_id "
        f"and labels.label_time >= {feature}.feature_timestamp order by labels.number"
    )
    names = [item[0] for item in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_the_whole_file_is_there(cdnow: Cdnow) -> None:
    staged = cdnow.run.connection.execute(
        "select count(*), count(distinct customer_id) from stg_purchases"
    )
    assert staged.fetchall() == [(ROWS, 23_570)]
    assert sum(map(len, cdnow.events.values())) == ROWS
    assert len(cdnow.labels) == LABELS
    assert len(set(cdnow.labels)) > LABELS * 0.9


@pytest.mark.parametrize("feature", WINDOWS)
def test_windows_equal_the_oracle(cdnow: Cdnow, feature: str) -> None:
    us = {"lifetime": None} | {f"{days}d": days * oracle.DAY_US for days in (7, 28, 30, 90, 91)}
    columns = [
        oracle.Column(f"{field}_{function}_{window}", field, function, us[window])
        for window in WINDOWS[feature]
        for field in ("amount", "quantity")
        for function in FUNCTIONS
    ]
    columns += [
        oracle.Column(f"count_{window}", "*", "count", us[window]) for window in WINDOWS[feature]
    ]
    compared = 0
    for (customer, instant), row in zip(cdnow.labels, as_of(cdnow, feature), strict=True):
        events = cdnow.events[(customer,)]
        t = oracle.microseconds(instant)
        for column in columns:
            expected = oracle.value_at(column, events, CLOCKS[feature], DELAYS[feature], t)
            actual = row[column.name]
            if row["feature_timestamp"] is None:
                assert expected == (0 if column.function == "count" else None)
            elif isinstance(expected, float):
                assert actual is not None
                assert math.isclose(actual, expected, rel_tol=1e-9, abs_tol=1e-9), (
                    column,
                    customer,
                    instant,
                )
            else:
                assert actual == expected, (column, customer, instant)
            compared += expected is not None
    assert compared > LABELS * len(columns) // 4, "most labels must have something to compare"


@pytest.mark.parametrize("feature", ["last_purchase", "last_purchase_weekly"])
def test_latest_equals_the_oracle(cdnow: Cdnow, feature: str) -> None:
    compared = 0
    for (customer, instant), row in zip(cdnow.labels, as_of(cdnow, feature), strict=True):
        t = oracle.microseconds(instant)
        events = cdnow.events[(customer,)]
        expected = oracle.latest_at(
            LATEST, events, CLOCKS[feature], DELAYS[feature], t, (), REMAINING
        )
        actual = {name: row[name] for name in LATEST}
        assert actual == (expected or dict.fromkeys(LATEST)), (customer, instant)
        compared += expected is not None
    assert compared > LABELS // 2


@pytest.mark.parametrize("feature", CLOCKS)
def test_one_row_for_each_customer_and_instant(cdnow: Cdnow, feature: str) -> None:
    found = cdnow.run.connection.execute(
        f"select count(*) - count(distinct (customer_id, feature_timestamp)), count(distinct customer_id) from {feature}"
    )
    assert found.fetchall() == [(0, 23_570)]


def test_every_change_point_of_a_customer_has_a_row(cdnow: Cdnow) -> None:
    """For a few customers the table has exactly the rows that its windows need."""
    chance = random.Random(7)
    columns = [
        oracle.Column("x", "*", "count", days and days * oracle.DAY_US)
        for days in (7, 30, 90, None)
    ]
    for key in chance.sample(sorted(cdnow.events), 20):
        expected = oracle.change_points(columns, cdnow.events[key], CLOCKS["daily"], 0)
        found = cdnow.run.connection.execute(
            "select feature_timestamp from daily where customer_id = ? order by 1", [key[0]]
        )
        assert [oracle.microseconds(row[0]) for row in found.fetchall()] == expected


def test_current_is_what_holds_at_as_of(cdnow: Cdnow) -> None:
    """2030: all windows are empty, and lifetime is everything."""
    total = cdnow.run.connection.execute(
        "select count(*), sum(count_7d), sum(count_lifetime), sum(quantity_sum_lifetime) from daily_current"
    )
    quantity = sum(
        int(str(row["quantity"])) for events in cdnow.events.values() for _, row in events
    )
    assert total.fetchall() == [(23_570, 0, ROWS, quantity)]


def test_days_are_dates(cdnow: Cdnow) -> None:
    first = cdnow.run.connection.execute(
        "select min(date), max(date) from stg_purchases"
    ).fetchall()
    assert first == [(datetime(1997, 1, 1), datetime(1998, 6, 30))]
    schema = cdnow.run.compiled.project.sources[0].schema
    assert str(schema["date"]) == "date"
