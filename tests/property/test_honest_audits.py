"""The audits of honest projects: nothing differs, whatever the features, tables and labels are."""

from __future__ import annotations

import random
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import stored_times
import strategies
from examples import examples
from harness import Run, compile_and_run, project_macros, write_parquet, write_project
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

KEYS = ("user_id", "shop_id", "kind", "flag", "price")
"""Join keys, and the columns that surrogate keys are computed from."""

TTLS = ("1s", "90s", "1h", "1d", "7d", "4w")
MODELS = (f"stg_{strategies.SOURCE}", "int_judged__labels")
"""Models that rows of sources are staged in."""

MOMENT = timedelta(microseconds=1)


def with_training_set(project: strategies.GeneratedProject, chance: random.Random) -> None:
    """Give some features a ttl, and make a training set of all of them."""
    for feature in project.spec["features"]:
        if chance.random() < 0.3:
            feature["ttl"] = chance.choice(TTLS)
    names = [feature["name"] for feature in project.spec["features"]]
    labels = {"name": "marked", "path": "data/labels.parquet", "timestamp": "marked_at"}
    project.spec["sources"].append(labels)
    item = {"name": "judged", "labels": "marked", "features": names}
    project.spec["training_sets"] = [item]


def edges(project: strategies.GeneratedProject) -> list[timedelta]:
    """How long after an event something may happen: windows end, ticks come, rows get too old."""
    found = {timedelta(0)}
    delay = project.spec["sources"][0].get("delay")
    waits = [timedelta(0), *([length(delay)] if delay else [])]
    for feature in project.spec["features"]:
        spans = [timedelta(0)]
        for metric in feature.get("metrics", []):
            offset = length(metric["offset"]) if "offset" in metric else timedelta(0)
            spans.append(offset)
            spans += [offset + length(item) for item in metric["windows"] if item != "lifetime"]
        if "ttl" in feature:
            spans += [span + length(feature["ttl"]) for span in spans]
        found |= {span + wait for span in spans for wait in waits}
    return sorted(found)


def length(text: str) -> timedelta:
    return timedelta(microseconds=strategies.duration_us(text))


def labels(project: strategies.GeneratedProject, chance: random.Random) -> list[dict[str, Any]]:
    """Labels of the entities around the instants at which a value can change; some have no key."""
    events = [row for row in project.rows if row["event_time"] is not None]
    spans = edges(project)
    interval = [timedelta(0), timedelta(hours=1), timedelta(days=1), timedelta(days=7)]
    found: list[dict[str, Any]] = []
    for _ in range(60 if events else 3):
        row = dict(chance.choice(events)) if events else dict.fromkeys(strategies.SCHEMA)
        start = row["event_time"] or datetime(2024, 1, 1)
        assert isinstance(start, datetime)
        if chance.random() < 0.4:  # ticks
            unit = chance.choice(interval[1:])
            monday = datetime(1970, 1, 5)
            start -= (start - monday) % unit
            start += unit * chance.choice([0, 1])
        at: datetime | None = (
            start + chance.choice(spans) + chance.choice([-MOMENT, 0 * MOMENT, MOMENT])
        )
        if chance.random() < 0.03:
            at = None
        label = {name: row[name] for name in KEYS} | {"marked_at": at}
        if chance.random() < 0.1:
            label[chance.choice(KEYS)] = None
        found.append(label)
    return found


def failures(run: Run, root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows that each audit and account finds when it looks at all labels."""
    macros = project_macros(run.compiled, root, variables={"mlforge_audit_rows": 1_000_000})
    return {
        path.stem: run.connection.execute(macros.render(text)).fetchall()
        for path, text in run.compiled.files.items()
        if path.parts[:2] in {("tests", "audit"), ("tests", "rows")}
    }


@settings(
    max_examples=examples(__file__),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # an example costs a compile: shrinking takes minutes
)
@given(strategies.projects(stored_times.ALL), st.integers(0, 2**32))
def test_an_honest_training_set_has_no_differences(
    project: strategies.GeneratedProject, seed: int
) -> None:
    chance = random.Random(seed)
    with_training_set(project, chance)
    with tempfile.TemporaryDirectory() as name:
        root = write_project(Path(name), project.spec)
        write_parquet(root / "data" / "events.parquet", project.file_schema, project.file_rows)
        schema = {name: project.schema[name] for name in KEYS} | {"marked_at": "TIMESTAMP"}
        write_parquet(root / "data" / "labels.parquet", schema, labels(project, chance))
        run = compile_and_run(root)
        found = failures(run, root)
    run.connection.close()
    names = [item["name"] for item in project.spec["features"]]
    audits = {f"audit_{of}__{name}" for name in names for of in ("judged", "feature")}
    assert set(found) == audits | {f"rows_of__{name}" for name in (*MODELS, *names)}
    assert not any(found.values()), (project.spec, found)
