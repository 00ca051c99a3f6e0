"""Small projects for tests: one source named ``events``, written by hand, compiled and run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from harness import CONFIG, Run, compile_and_run, write_parquet, write_project

from mlforge_sql.errors import SpecErrors

Document: TypeAlias = dict[str, Any]
Rows: TypeAlias = list[dict[str, Any]]

SCHEMA = {"user_id": "VARCHAR", "event_time": "TIMESTAMP", "amount": "DOUBLE"}
USER: Document = {"name": "user", "join_key": "user_id"}
PARQUET = "data/events.parquet"


def at(text: str) -> datetime:
    """`01-02 09:00` in 2024, or a whole ISO text."""
    return datetime.fromisoformat(text if text[4:5] == "-" else f"2024-{text}")


def table(columns: str, *rows: Sequence[Any]) -> Rows:
    """Rows by column name, from a line of names and the values in that order."""
    return [dict(zip(columns.split(), row, strict=True)) for row in rows]


def steps(columns: str, *rows: Sequence[Any]) -> Rows:
    """Rows of the feature table of user `u1`: the instant as text, then the feature columns."""
    names = f"user_id feature_timestamp {columns}"
    return table(names, *(("u1", at(first), *rest) for first, *rest in rows))


def feature(name: str = "f", **keys: Any) -> Document:
    """A feature of users over the events."""
    return {"name": name, "source": "events", "entities": ["user"], **keys}


def spec(
    features: Sequence[Document],
    *,
    source: Mapping[str, Any] | None = None,
    entities: Sequence[Document] = (USER,),
) -> Document:
    """One document: entities, the source `events` with further keys, and features."""
    events: Document = {"name": "events", "timestamp": "event_time", "path": PARQUET}
    events |= source or {}
    kept = {key: value for key, value in events.items() if value is not None}
    return deepcopy({"entities": list(entities), "sources": [kept], "features": list(features)})


def run(
    root: Path,
    document: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]] | None = None,
    schema: Mapping[str, str] = SCHEMA,
    *,
    config: Mapping[str, Any] = CONFIG,
    **options: Any,
) -> Run:
    """Write the project and, unless they are there already, its rows as parquet; compile and run it."""
    write_project(root, document, config)
    if rows is not None:
        write_parquet(root / PARQUET, schema, rows)
    return compile_and_run(root, **options)


def run_or_codes(
    root: Path,
    document: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    schema: Mapping[str, str],
) -> Run | set[str]:
    """The run, or the codes of the diagnostics where the compiler refuses the project."""
    try:
        return run(root, document, rows, schema)
    except SpecErrors as errors:
        return {item.code for item in errors.diagnostics}
