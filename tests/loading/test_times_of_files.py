"""Event times in csv and json: in zones, with and without offsets, in two columns, in order."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import events
import pytest
import yaml
from events import at, feature
from harness import Run, compile_and_run, project_macros, write_parquet, write_project

from mlforge_sql.workflows.compile import compile_project

LAST = feature("last", select={"amount": "amount"})


def run(root: Path, rows: list[dict[str, Any]], ending: str, **source: Any) -> Run:
    """The rows as a file of text."""
    file = root / "data" / f"events.{ending}"
    file.parent.mkdir(parents=True)
    if ending == "csv":
        lines = [",".join("" if value is None else str(value) for value in row.values()) for row in rows]  # fmt: skip
        file.write_text("\n".join([",".join(rows[0]), *lines]) + "\n", encoding="utf-8")
    else:
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    document = events.spec([LAST], source={"path": f"data/events.{ending}", **source})
    return compile_and_run(write_project(root, document))


def instants(found: Run, name: str = "event_time") -> list[Any]:
    return [row[name] for row in found.rows("stg_events", "amount")]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_text_with_and_without_offsets(tmp_path: Path, ending: str) -> None:
    """The zone is for times that have none."""
    times = ["2024-07-01 12:00:00", "2024-07-01T12:00:00Z", "2024-07-01 12:00:00-05:00", "2024-07-01 12:00"]  # fmt: skip
    rows = [{"user_id": "u1", "event_time": time, "amount": n} for n, time in enumerate(times)]
    zone = {"column": "event_time", "timezone": "Europe/Berlin"}
    found = run(tmp_path, rows, ending, timestamp=zone)
    assert instants(found) == [at(f"07-01 {hour}:00") for hour in ("10", "12", "17", "10")]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("day", "clock", "says"),
    [
        ("2024-07-01", "09:30:00", {}),
        ("2024-07-01", "9:30", {}),
        ("01.07.2024", "09:30 AM", {"format": "%d.%m.%Y %I:%M %p"}),
        ("20240701", "0930", {"format": "%Y%m%d %H%M"}),
    ],
)
@pytest.mark.parametrize("zone", [None, "UTC", "America/Chicago"])
def test_two_columns(
    tmp_path: Path, ending: str, day: str, clock: str, says: Any, zone: str | None
) -> None:
    hour = 14 if zone == "America/Chicago" else 9
    rows: list[dict[str, Any]] = [
        {"user_id": "u1", "sale_date": day, "sale_time": clock, "amount": 1},
        {"user_id": "u1", "sale_date": day, "sale_time": None, "amount": 2},
        {"user_id": "u1", "sale_date": None, "sale_time": clock, "amount": 3},
    ]
    timestamp = {"date": "sale_date", "time": "sale_time", **says}
    timestamp |= {"timezone": zone} if zone else {}
    found = run(tmp_path, rows, ending, timestamp=timestamp)
    assert instants(found, "event_timestamp") == [at(f"07-01 {hour:02}:30"), None, None]
    assert [row["amount"] for row in found.rows("last")] == [1]


def test_the_name_is_marked_where_it_is_taken(tmp_path: Path) -> None:
    row = {"user_id": "u1", "event_timestamp": "07:00", "sale_date": "2024-07-01", "amount": 1}
    found = run(tmp_path, [row], "csv", timestamp={"date": "sale_date", "time": "event_timestamp"})
    assert instants(found, "mlforge_event_timestamp") == [at("07-01 07:00")]


def test_the_last_row_by_two_columns(tmp_path: Path) -> None:
    """Text of days does not sort by time; the date stands for both columns."""
    rows = [
        {"user_id": "u1", "sale_date": "31.01.2024", "sale_time": "23:00", "amount": 1},
        {"user_id": "u1", "sale_date": "01.02.2024", "sale_time": "08:00", "amount": 2},
        {"user_id": "u1", "sale_date": "01.02.2024", "sale_time": "07:00", "amount": 3},
    ]
    timestamp = {"date": "sale_date", "time": "sale_time", "format": "%d.%m.%Y %H:%M"}
    dedupe = {"key": ["user_id"], "order_by": ["sale_date"]}
    found = run(tmp_path, rows, "csv", timestamp=timestamp, dedupe=dedupe)
    assert [row["amount"] for row in found.rows("stg_events")] == [2]


def test_freshness_is_asked_in_utc(tmp_path: Path) -> None:
    timestamp = {"column": "event_time", "timezone": "Europe/Berlin"}
    source = {"timestamp": timestamp, "freshness": {"warn_after": "12h"}}
    row = {"user_id": "u1", "event_time": at("07-01 12:00"), "amount": 1.0}
    write_parquet(tmp_path / events.PARQUET, events.SCHEMA, [row])
    compiled = compile_project(write_project(tmp_path, events.spec([LAST], source=source)))
    path = next(item for item in compiled.files if item.name == "_sources.yml")
    assert path.parent == PurePosixPath("models/staging")
    table = yaml.safe_load(compiled.files[path])["sources"][0]["tables"][0]
    field = project_macros(compiled, tmp_path).render(table["config"]["loaded_at_field"])
    with duckdb.connect() as connection:
        found = connection.execute(f"select {field} from '{tmp_path / events.PARQUET}'")
        assert found.fetchall() == [(at("07-01 10:00"),)]
