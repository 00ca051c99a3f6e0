"""Arrow types that DuckDB does not take, or changes: held exactly, or refused by the column's name."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import mlforge_sql as mlf

TAKEN = datetime(2024, 1, 3, 12)
DAY = 86_400_000


@pytest.fixture(scope="module")
def project(root: Path) -> Any:
    return mlf.load_project(root)


def date64(*milliseconds: int) -> pa.Array:
    buffer = pa.array(milliseconds, pa.int64()).buffers()[1]
    return pa.Array.from_buffers(pa.date64(), len(milliseconds), [None, buffer])


HELD = {
    "halves": (pa.array([1.5, None], pa.float16()), [1.5, None]),
    "halves in lists": (pa.array([[0.1], None], pa.list_(pa.float16())), [[0.0999755859375], None]),
    "long decimals": (
        pa.array([Decimal("1.50"), Decimal(10) ** 35], pa.decimal256(50, 2)),
        [Decimal("1.50"), Decimal(10) ** 35],
    ),
    "decimals of hundreds": (
        pa.array([Decimal(100), None], pa.decimal128(5, -2)),
        [Decimal(100), None],
    ),
    "days in milliseconds": (date64(-DAY, DAY), [date(1969, 12, 31), date(1970, 1, 2)]),
    "halves in dictionaries": (
        pa.array([1.5, None], pa.float16()).dictionary_encode(),
        [1.5, None],
    ),
    "in structs": (
        pa.array([{"a": Decimal(1)}, None], pa.struct([("a", pa.decimal256(40, 0))])),
        [{"a": Decimal(1)}, None],
    ),
    "in maps": (
        pa.array([[("a", 0.5)], None], pa.map_(pa.string(), pa.float16())),
        [[("a", 0.5)], None],
    ),
    "in arrays": (pa.array([[1.5, 2.5], None], pa.list_(pa.float16(), 2)), [[1.5, 2.5], None]),
}

LOST = {
    "times in dates": (date64(-1, DAY), "it has times of the day"),
    "too many digits": (
        pa.array([Decimal(10) ** 45, None], pa.decimal256(50, 2)),
        "it has more digits than decimal(38) has room for",
    ),
    "nanoseconds": (pa.array([1500, None], pa.duration("ns")), "finer than microseconds"),
    "nanoseconds of intervals": (
        pa.array([pa.MonthDayNano([0, 0, 1]), None]),
        "finer than microseconds",
    ),
    "nanoseconds of intervals in lists": (
        pa.array([[None, pa.MonthDayNano([0, 0, 1])], None]),
        "finer than microseconds",
    ),
    "nanoseconds of intervals in structs": (
        pa.array([{"x": [pa.MonthDayNano([1, 2, 3])]}, None]),
        "finer than microseconds",
    ),
}


def labels(column: pa.Array) -> pa.Table:
    keys = pa.array([0, 1], pa.int64())
    return pa.table({"shop_id": keys, "taken": pa.array([TAKEN] * 2), "found": column})


def given(table: pa.Table, way: str) -> Any:
    return table.to_reader() if way == "stream" else table


@pytest.mark.parametrize("way", ["table", "stream"])
@pytest.mark.parametrize("name", [name for name in HELD if "dictionaries" not in name])
def test_what_another_type_holds(project: Any, name: str, way: str) -> None:
    column, expected = HELD[name]
    found = project.get_training_data(
        ["shop_spend"], given(labels(column), way), "taken", output="pyarrow"
    )
    assert found.column("found").to_pylist() == expected


def test_halves_behind_a_dictionary(project: Any) -> None:
    column, expected = HELD["halves in dictionaries"]
    found = project.get_training_data(["shop_spend"], labels(column), "taken", output="pyarrow")
    assert found.column("found").to_pylist() == expected


@pytest.mark.parametrize("way", ["table", "stream"])
@pytest.mark.parametrize("name", LOST)
def test_what_no_type_holds(project: Any, name: str, way: str) -> None:
    column, hint = LOST[name]
    with pytest.raises(mlf.RetrievalError) as error:
        project.get_training_data(
            ["shop_spend"], given(labels(column), way), "taken", output="pyarrow"
        )
    assert "MF061" in str(error.value)
    assert "`found`" in str(error.value)
    assert hint.split(":")[0] in str(error.value).replace("\n  ", " ")


def test_whole_microseconds_stay(project: Any) -> None:
    column = pa.array([1000, None], pa.duration("ns"))
    found = project.get_training_data(["shop_spend"], labels(column), "taken", output="relation")
    assert found.project("found").fetchall() == [(timedelta(microseconds=1),), (None,)]


@pytest.mark.parametrize("day", [0, -DAY])
def test_a_label_time_of_days(project: Any, day: int) -> None:
    """A day in milliseconds is the same label time as that day."""
    keys = pa.array([0], pa.int64())
    days = {"shop_id": keys, "taken": date64(day)}
    plain = {"shop_id": keys, "taken": date64(day).cast(pa.date32())}
    found = [
        project.get_training_data(["shop_spend"], pa.table(item), "taken", output="pyarrow")
        for item in (days, plain)
    ]
    assert found[0].drop("taken") == found[1].drop("taken")
