"""The two tables that go online, on DuckDB: the row that holds, and the rows that begin later."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import events
import pytest
from events import at, feature
from harness import CONFIG, compile_and_run, project_macros, write_parquet, write_project

from mlforge_sql.errors import SpecErrors, plain
from mlforge_sql.plan.nodes import NEVER
from mlforge_sql.workflows.compile import compile_project

PROFILES: dict[str, Any] = {
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
    *rows, reach = run.rows("f_upcoming", "feature_timestamp = timestamp '9999-01-01', " + order)
    assert rows == [{**row, "mlforge_until": None} for row in later]
    assert later or moment == "02-01"
    assert {name: value for name, value in reach.items() if value is not None} == {
        "user_id": "",
        "feature_timestamp": NEVER,
        "mlforge_until": NEVER,
    }


HORIZONS: dict[str, tuple[list[str | None], timedelta | None]] = {
    "default": ([None], timedelta(days=3)),
    "hours": (["36h"], timedelta(hours=36)),
    "all": (["all"], None),
    "the longest of two": (["12h", "2d"], timedelta(days=2)),
    "all and another": (["all", "1d"], None),
}


@pytest.mark.parametrize("case", HORIZONS)
@pytest.mark.parametrize("interval", [None, "1d"])
def test_they_reach_as_far_as_the_horizon(tmp_path: Path, case: str, interval: str | None) -> None:
    horizons, length = HORIZONS[case]
    profiles = dict(CONFIG["profiles"])
    for number, horizon in enumerate(horizons):
        online = {**PROFILES["live"]["online_store"], "schema": f"o{number}"}
        if horizon is not None:
            online["horizon"] = horizon
        profiles[f"live{number}"] = {**PROFILES["live"], "online_store": online}
    metrics = [{"windows": ["1d", "2d", "9d"], "aggregations": {"amount": ["sum", "count"]}}]
    keys = {"interval": interval} if interval else {}
    source = {"columns": None, "table": "c.raw.events"}
    write_project(
        tmp_path,
        events.spec([feature(metrics=metrics, **keys)], source=source),
        {**CONFIG, "profiles": profiles},
    )
    write_parquet(tmp_path / events.PARQUET, events.SCHEMA, ROWS)
    as_of = at("01-02 18:00")
    run = compile_and_run(tmp_path, as_of=as_of)
    target = SimpleNamespace(type="databricks", name="job", database="C", schema="S")
    macros = project_macros(run.compiled, tmp_path, as_of, more={"target": target})
    path = next(path for path in run.compiled.files if path.name == "f_upcoming.sql")
    found = run.connection.sql(macros.render(run.compiled.files[path])).fetchall()
    until = as_of + length if length else NEVER
    wanted = [
        (*row.values(), None)
        for row in run.rows("f", "user_id, feature_timestamp")
        if as_of < row["feature_timestamp"] <= until
    ]
    reach = [row for row in found if row[1] == NEVER]
    assert sorted(row for row in found if row[1] != NEVER) == sorted(wanted)
    assert [(row[0], row[-1]) for row in reach] == [("", until)]
    assert wanted
    assert len(wanted) < len(run.rows("f"))


def test_a_horizon_reads(tmp_path: Path) -> None:
    for value, said in (
        ("soon", "error[MF016]: `soon` is not a duration"),
        ("0d", "error[MF016]: `0d` is empty"),
        (3, "error[MF016]: `3` is not a duration"),
    ):
        with pytest.raises(SpecErrors) as refused:
            configured(tmp_path, horizon=value)
        assert said in plain(refused.value.diagnostics[0])
    with pytest.raises(SpecErrors) as refused:
        configured(tmp_path, past_horizon="warehouse")
    assert "`past_horizon: warehouse` needs a warehouse" in plain(refused.value.diagnostics[0])


def configured(root: Path, **online: Any) -> None:
    """Compile with an online store of these keys."""
    store = {**PROFILES["live"]["online_store"], **online}
    live = {**PROFILES["live"], "online_store": store}
    source = {"columns": None, "table": "c.raw.events"}
    document = events.spec([feature(select={"amount": "amount"})], source=source)
    write_project(root, document, {**CONFIG, "profiles": {"live": live}})
    write_parquet(root / events.PARQUET, events.SCHEMA, ROWS)
    compile_project(root)
