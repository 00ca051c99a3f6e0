"""A project with a training set to be audited, and its audits run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from events import at, table
from harness import CONFIG, Run, compile_and_run, project_macros, write_parquet, write_project

USER = {"name": "user", "join_key": "user_id"}

EVENTS = {"name": "events", "timestamp": "event_time", "path": "data/events.parquet"}

MARKED = {"name": "marked", "timestamp": "marked_at", "path": "data/labels.parquet"}

EVENT_SCHEMA = {"user_id": "VARCHAR", "event_time": "TIMESTAMP", "amount": "DOUBLE"}

LABEL_SCHEMA = {"user_id": "VARCHAR", "marked_at": "TIMESTAMP"}

METRICS = [{"windows": ["1d", "2d"], "aggregations": {"amount": ["sum", "count"]}}]

GRIDDED = {
    "name": "daily",
    "source": "events",
    "entities": ["user"],
    "interval": "1d",
    "metrics": METRICS,
}

CONTINUOUS = {"name": "recent", "source": "events", "entities": ["user"], "metrics": METRICS}

LAST = {
    "name": "last",
    "source": "events",
    "entities": ["user"],
    "select": {"last_amount": "amount"},
}

SPEC: dict[str, Any] = {
    "entities": [USER],
    "sources": [EVENTS, MARKED],
    "features": [GRIDDED, CONTINUOUS, LAST],
    "training_sets": [
        {"name": "judged", "labels": "marked", "features": ["daily", "recent", "last"]}
    ],
}

ROWS = table(
    "user_id event_time amount",
    ("u1", at("01-01 12:00"), 10.0),
    ("u1", at("01-02 09:00"), 100.0),
    ("u1", at("01-02 18:00"), 1000.0),
    ("u1", at("01-03 00:00"), 5000.0),
    ("u2", at("01-01 00:00"), 7.0),
)

LABELS = table(
    "user_id marked_at",
    ("u1", at("01-02 09:00")),  # at an event's own time
    ("u1", at("01-03 00:00")),  # the same, and at a tick
    ("u1", at("01-03 09:00")),  # an event of a day before is in the window, for the last time
    ("u1", at("01-03 20:00")),  # between exits
    ("u1", at("01-05 08:00")),  # what is left is 5000 in the window of 2d
    ("u1", at("06-01 00:00")),  # long after the last event
    ("u2", at("01-01 00:00")),
    ("u2", at("01-02 00:00")),
    ("nobody", at("01-03 00:00")),
    (None, at("01-03 00:00")),
    ("u1", None),
)


def build(
    root: Path,
    spec: Mapping[str, Any] = SPEC,
    rows: Sequence[Mapping[str, Any]] = ROWS,
    labels: Sequence[Mapping[str, Any]] = LABELS,
    schemas: tuple[Mapping[str, str], Mapping[str, str]] = (EVENT_SCHEMA, LABEL_SCHEMA),
    config: Mapping[str, Any] = CONFIG,
    **options: Any,
) -> Run:
    write_project(root, deepcopy(dict(spec)), config)
    write_parquet(root / "data" / "events.parquet", schemas[0], rows)
    write_parquet(root / "data" / "labels.parquet", schemas[1], labels)
    return compile_and_run(root, **options)


def audit(
    run: Run,
    feature: str,
    env: Mapping[str, str] | None = None,
    *,
    of: str = "judged",
    **variables: Any,
) -> list[dict[str, Any]]:
    """The rows that the audit of a feature finds: in the training set, or in its own table."""
    path, text = next(
        item for item in run.compiled.files.items() if item[0].stem == f"audit_{of}__{feature}"
    )
    assert path.parts[:2] == ("tests", "audit")
    macros = project_macros(run.compiled, run.compiled.root, env=env, variables=variables)
    found = run.connection.execute(macros.render(text))
    names = [item[0] for item in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def named(
    rows: Sequence[Mapping[str, Any]],
) -> dict[tuple[Any, ...], tuple[str | None, str | None]]:
    """User, time and column of each difference, and both values."""
    return {
        (row["user_id"], row["label_time"], row["feature_column"]): (
            row["in_training_set"],
            row["recomputed"],
        )
        for row in rows
    }
