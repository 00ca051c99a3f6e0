"""A project with a training set: labels beside events, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import events
from events import SCHEMA, USER, Document, Rows, at, feature, table
from harness import Run, write_parquet

PORTABLE = frozenset({"mlforge_asof_joins"})

EXAMPLE: Rows = table(
    "user_id event_time amount",
    ("u1", at("01-01 12:00"), 10.0),
    ("u1", at("01-02 09:00"), 100.0),
    ("u1", at("01-02 18:00"), 1000.0),
    ("u1", at("01-03 00:00"), 5000.0),
)

LABELS = {"user_id": "VARCHAR", "label_time": "TIMESTAMP", "row_id": "BIGINT"}


def sums(*windows: str, functions: Sequence[str] = ("sum", "count"), **keys: Any) -> Document:
    return {"windows": list(windows), "aggregations": {"amount": list(functions)}, **keys}


DAILY = feature("daily", interval="1d", metrics=[sums("1d"), sums("2d")])

EXACT = feature("exact", metrics=[sums("1d")])

LAST = feature("last", select={"amount": "amount", "seen_at": "event_time"})


def training_set(*features: Any, name: str = "fraud", **keys: Any) -> Document:
    return {
        "name": name,
        "labels": "labels",
        "timestamp": "label_time",
        "features": list(features),
        **keys,
    }


def document(
    features: Sequence[Document],
    *training_sets: Document,
    entities: Sequence[Document] = (USER,),
    **labels: Any,
) -> Document:
    """The project of these tests: the source `labels` beside the source `events`."""
    found = events.spec(features, entities=entities)
    source = {"name": "labels", "path": "data/labels.parquet", "timestamp": "label_time"}
    found["sources"].append(source | labels)
    return {**found, "training_sets": list(training_sets)}


def run(
    root: Path,
    spec: Document,
    labels: Rows,
    schema: dict[str, str] | None = None,
    *,
    rows: Rows = EXAMPLE,
    rows_schema: dict[str, str] = SCHEMA,
    **options: Any,
) -> Run:
    """Write the project, its events and its labels; compile and run it."""
    write_parquet(root / "data" / "labels.parquet", schema or LABELS, labels)
    return events.run(root, spec, rows, rows_schema, **options)


def at_times(*times: str, user: str | None = "u1") -> Rows:
    """A label of one user at each time."""
    return [
        {"user_id": user, "label_time": at(text), "row_id": number}
        for number, text in enumerate(times)
    ]


def values(found: Run, columns: str, name: str = "fraud") -> list[tuple[Any, ...]]:
    """Some columns of a training set, by row id."""
    return [tuple(row[item] for item in columns.split()) for row in found.rows(name, "row_id")]


SECRET = {"name": "user", "join_key": "user_key", "from_columns": ["user_id"]}
