"""The two tables that go online, on DuckDB: the row that holds, and the rows that begin later."""

from __future__ import annotations

from pathlib import Path

import events
import pytest
from events import at, feature
from harness import CONFIG, compile_and_run, write_parquet, write_project

PROFILES = {
    **CONFIG["profiles"],
    "live": {
        "offline_store": {"KIND": "unity_catalog", "catalog": "c", "schema": "s"},
        "online_store": {"KIND": "databricks_online", "catalog": "c", "schema": "o"},
    },
}
ROWS = events.table(
    "user_id event_time amount",
    ("u1", at("01-01 12:00"), 10.0),
    ("u1", at("01-02 09:00"), 100.0),
    ("u2", at("01-02 18:00"), 1000.0),
    ("u1", at("01-03 00:00"), 5000.0),
)


@pytest.mark.parametrize("moment", ["01-01 12:00", "01-02 09:00:00.000001", "01-03 08:00", "02-01"])
@pytest.mark.parametrize("interval", [None, "1d"])
def test_they_are_the_table_from_as_of_on(
    tmp_path: Path, moment: str, interval: str | None
) -> None:
    as_of = at(moment if ":" in moment else f"{moment} 00:00")
    metrics = [{"windows": ["1d", "2d"], "aggregations": {"amount": ["sum", "count"]}}]
    keys = {"interval": interval} if interval else {}
    document = events.spec(
        [feature(metrics=metrics, **keys)], source={"columns": None, "table": "c.raw.events"}
    )
    write_project(tmp_path, document, {**CONFIG, "profiles": PROFILES})
    write_parquet(tmp_path / events.PARQUET, events.SCHEMA, ROWS)
    run = compile_and_run(tmp_path, as_of=as_of)
    order = "user_id, feature_timestamp"
    history = run.rows("f", order)
    held = {}
    for row in history:
        if row["feature_timestamp"] <= as_of:
            held[row["user_id"]] = row
    assert run.rows("f_current", order) == list(held.values())
    later = [row for row in history if row["feature_timestamp"] > as_of]
    assert run.rows("f_upcoming", order) == later
    assert later or moment == "02-01"
