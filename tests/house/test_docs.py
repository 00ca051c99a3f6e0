"""The picture of the as-of join, in the README and in the docs, is what the compiled SQL says."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from events import PARQUET, SCHEMA, USER, at, feature, table
from harness import compile_and_run, write_parquet, write_project

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/training-sets.md")
EVENTS = table(
    "user_id event_time amount",
    ("u1", at("01-01 12:00"), 10.0),
    ("u1", at("01-02 09:00"), 100.0),
    ("u1", at("01-02 18:00"), 1000.0),
    ("u1", at("01-03 00:00"), 5000.0),
)


def labels_of(page: str) -> list[dict[str, Any]]:
    """The table of labels: name, time, and the values it promises."""
    text = (ROOT / page).read_text(encoding="utf-8")
    heading, *rows = re.findall(r"^\| (?:label|[A-E]) .*$", text, re.MULTILINE)
    names = [cell.strip() for cell in heading.strip("|").split("|")]
    found = [
        dict(zip(names, (cell.strip() for cell in row.strip("|").split("|")), strict=True))
        for row in rows
    ]
    assert [row["label"] for row in found] == list("ABCDE")
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_table_of_labels_is_true(page: str, tmp_path: Path) -> None:
    promised = labels_of(page)
    spec = {
        "entities": [USER],
        "sources": [
            {"name": "events", "timestamp": "event_time", "path": PARQUET},
            {"name": "labels", "timestamp": "label_time", "path": "data/labels.parquet"},
        ],
        "features": [
            feature(
                interval="1d",
                metrics=[{"windows": ["1d"], "aggregations": {"amount": ["sum", "count"]}}],
            )
        ],
        "training_sets": [{"name": "train", "labels": "labels", "features": ["f"]}],
    }
    write_project(tmp_path, spec)
    write_parquet(tmp_path / PARQUET, SCHEMA, EVENTS)
    rows = [
        {"label": row["label"], "user_id": "u1", "label_time": at(row["label_time"])}
        for row in promised
    ]
    schema = {"label": "VARCHAR", "user_id": "VARCHAR", "label_time": "TIMESTAMP"}
    write_parquet(tmp_path / "data" / "labels.parquet", schema, rows)
    run = compile_and_run(tmp_path)
    found = {row["label"]: row for row in run.rows("train")}
    starts = [row["feature_timestamp"] for row in run.rows("f", "feature_timestamp")]
    for row in promised:
        said = None if row["sum_1d"] == "NULL" else float(row["sum_1d"])
        assert found[row["label"]]["f__amount_sum_1d"] == said, row
        if "count_1d" in row:
            assert found[row["label"]]["f__amount_count_1d"] == int(row["count_1d"]), row
        assert held(starts, at(row["label_time"])) == row["row that holds"], row


def held(starts: list[datetime], time: datetime) -> str:
    earlier = [start for start in starts if start <= time]
    return f"{earlier[-1]:%m-%d}" if earlier else "none yet"
