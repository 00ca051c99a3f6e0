"""A small project, its data, and its tables as dbt would build them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from harness import compile_and_run, write_parquet, write_project

START = datetime(2024, 1, 1)
SCHEMA = {
    "first_name": "VARCHAR",
    "born": "DATE",
    "shop_id": "BIGINT",
    "at": "TIMESTAMP",
    "amount": "DOUBLE",
}
ROWS: list[dict[str, Any]] = [
    {
        "first_name": f"name {number % 3}",
        "born": START.date(),
        "shop_id": number % 2,
        "at": START + timedelta(hours=7 * number),
        "amount": float(number),
    }
    for number in range(40)
]
LABEL_SCHEMA = {"first_name": "VARCHAR", "born": "DATE", "shop_id": "BIGINT", "taken": "TIMESTAMP"}
LABELS: list[dict[str, Any]] = [
    {
        "first_name": f"name {number % 4}",
        "born": START.date(),
        "shop_id": number % 3,
        "taken": START + timedelta(hours=11 * number),
    }
    for number in range(30)
]
SPEC: dict[str, Any] = {
    "entities": [
        {"name": "user", "join_key": "user_id", "from_columns": ["first_name", "born"]},
        {"name": "shop", "join_key": "shop_id"},
    ],
    "sources": [
        {"name": "events", "timestamp": "at", "path": "data/events.parquet"},
        {"name": "labels", "timestamp": "taken", "path": "data/labels.parquet"},
    ],
    "features": [
        {
            "name": "spend",
            "source": "events",
            "entities": ["user"],
            "interval": "1d",
            "metrics": [{"windows": ["1d", "7d"], "aggregations": {"amount": ["sum", "count"]}}],
        },
        {
            "name": "shop_spend",
            "source": "events",
            "entities": ["shop"],
            "metrics": [
                {"field": "amount", "function": "max", "windows": ["2d"], "default": -1},
                {"field": "shop_id", "function": "sum", "windows": ["2d"]},
            ],
        },
        {
            "name": "last",
            "source": "events",
            "entities": ["user"],
            "select": {"amount": "amount", "where_": "shop_id"},
            "ttl": "1d",
        },
    ],
    "training_sets": [
        {"name": "train", "labels": {"source": "labels"}, "features": ["spend", "shop_spend"]}
    ],
}


def build(root: Path) -> Path:
    """Write the project and its tables."""
    write_project(root, SPEC)
    write_parquet(root / "data" / "events.parquet", SCHEMA, ROWS)
    write_parquet(root / "data" / "labels.parquet", LABEL_SCHEMA, LABELS)
    (root / "feature_store").mkdir()
    with duckdb.connect(str(root / "feature_store" / "features.duckdb")) as connection:
        compile_and_run(root, connection=connection)
    return root
