"""A warning where all times of a file are midnights, as if they were dates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import events
import pytest
from events import at, feature
from harness import write_parquet, write_project

from mlforge_sql.errors import SpecErrors, plain
from mlforge_sql.workflows.compile import compile_project

LAST = feature("last", select={"amount": "amount"})
DAYS = [at("01-01 00:00"), at("01-02 00:00"), None]
WAYS_OUT = "give the feature an `interval` of whole days, such as `interval: 1d`, or add `delay: 1d` to source `events`"
SAID = (
    "features/spec.yml:6:14: warning[MF118]: every time in `event_time` of source `events` is a midnight, as if "
    f"it were a date: `last` would see events before their day is over; {WAYS_OUT}; if events do happen at midnight, all is well"
)


def warnings(root: Path, times: list[Any], spec: dict[str, Any], kind: str = "TIMESTAMP") -> Any:
    rows = [{"user_id": "u1", "event_time": time, "amount": 1.0} for time in times]
    write_parquet(root / events.PARQUET, {**events.SCHEMA, "event_time": kind}, rows)
    return [plain(item) for item in compile_project(write_project(root, spec)).project.warnings]


def test_midnights_look_like_dates(tmp_path: Path) -> None:
    assert warnings(tmp_path, DAYS, events.spec([LAST])) == [SAID]


@pytest.mark.parametrize(
    "times", [[*DAYS, at("01-02 00:00:00.000001")], DAYS[:1], DAYS[:1] * 3, [], [None]]
)
def test_other_times_do_not(tmp_path: Path, times: list[Any]) -> None:
    assert warnings(tmp_path, times, events.spec([LAST])) == []


@pytest.mark.parametrize(
    ("source", "keys"), [({}, {"interval": "1d"}), ({"delay": "1d"}, {}), ({"delay": "2d"}, {})]
)
def test_features_that_wait_do_not(
    tmp_path: Path, source: dict[str, Any], keys: dict[str, Any]
) -> None:
    assert warnings(tmp_path, DAYS, events.spec([{**LAST, **keys}], source=source)) == []


def test_local_midnights(tmp_path: Path) -> None:
    timestamp = {"column": "event_time", "timezone": "Europe/Berlin"}
    source = {"timestamp": timestamp, "delay": "24h"}
    daily = {**LAST, "interval": "1d"}
    (said,) = warnings(tmp_path, DAYS, events.spec([daily], source=source))
    assert "add `delay: 25h` to source `events`, for the longest day in `Europe/Berlin`" in said


def test_midnights_in_text(tmp_path: Path) -> None:
    source = {"timestamp": {"column": "event_time", "format": "%Y-%m-%d %H:%M"}}
    times = ["2024-01-01 00:00", "2024-01-02 00:00", None]
    said = warnings(tmp_path, times, events.spec([LAST], source=source), "VARCHAR")
    assert [item.partition(" every")[0][-14:] for item in said] == ["arning[MF118]:"]
    assert warnings(tmp_path, [*times, "2024-01-02 00:01"], events.spec([LAST], source=source), "VARCHAR") == []  # fmt: skip


def test_dates_in_csv(tmp_path: Path) -> None:
    """Dates are dates, whatever they are declared as, and however many there are."""
    (tmp_path / "data").mkdir()
    text = "user_id,event_time,amount\nu1,2024-01-01,1\nu1,2024-01-02,2\n"
    (tmp_path / "data" / "events.csv").write_text(text, encoding="utf-8")
    document = events.spec([LAST], source={"path": "data/events.csv"})
    for declared in ({}, {"event_time": "date"}, {"event_time": "timestamp"}):
        document["sources"][0]["columns"] = declared
        with pytest.raises(SpecErrors) as caught:
            compile_project(write_project(tmp_path, document))
        assert [item.code for item in caught.value.diagnostics] == ["MF117"]
    text = text.replace("2024-01-01", "2024-01-01 10:00:00")
    (tmp_path / "data" / "events.csv").write_text(text, encoding="utf-8")
    for declared in ({}, {"event_time": "timestamp"}):
        document["sources"][0]["columns"] = declared
        with pytest.raises(SpecErrors, match="dates without a time of the day"):
            compile_project(write_project(tmp_path, document))
    text = text.replace("2024-01-02", "2024-01-02T00:00")
    (tmp_path / "data" / "events.csv").write_text(text, encoding="utf-8")
    assert compile_project(write_project(tmp_path, document)).project.warnings == ()
