"""Features of the tests of sources, and what they are compared with."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import events
import pytest
from events import Document, at, feature, steps
from harness import write_project

from mlforge_sql.errors import SpecErrors

COUNT: Document = {"field": "*", "function": "count", "windows": ["lifetime"]}

SUM: Document = {"windows": ["1d"], "aggregations": {"amount": ["sum"]}}

DAILY = feature(interval="1d", metrics=[SUM])

LAST = feature("last", select={"last_time": "event_time"})

ROWS = events.table(
    "user_id event_time amount",
    ("u1", at("01-01 12:00"), 1.5),
    ("u1", at("01-01 18:30:15.25"), 2.0),
    ("u1", at("01-02 00:00"), 8.0),
)

SUMS = steps("amount_sum_1d", ("01-02", 3.5), ("01-03", 8.0), ("01-04", None))


def close(actual: Any, expected: Any, rel: float = 1e-9) -> bool:
    """Equal, or floats (also NaN) that differ by no more than a part of them."""
    if actual is None or expected is None or not isinstance(actual, float):
        return bool(actual == expected)
    if not math.isfinite(actual) or not math.isfinite(expected):
        return actual == expected or (math.isnan(actual) and math.isnan(expected))
    return math.isclose(actual, expected, rel_tol=rel, abs_tol=1e-300)


def codes(error: pytest.ExceptionInfo[SpecErrors]) -> list[str]:
    return [item.code for item in error.value.diagnostics]


def csv_project(root: Path, text: str, **source: Any) -> Path:
    document = events.spec(
        [feature("f", select={"x": "x"})], source={"path": "data/e.csv", **source}
    )
    write_project(root, document)
    (root / "data").mkdir(exist_ok=True)
    (root / "data" / "e.csv").write_text(text, encoding="utf-8")
    return root
