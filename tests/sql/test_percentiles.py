"""Percentiles in frames that slide, and by digits of ranks: both say what the oracle says, of NaN and infinite values too.

What Databricks gets is plain SQL, so it runs on DuckDB as well.
"""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from strategies import SCHEMA, GeneratedProject
from test_rule_of_time import build, check_feature

from mlforge_sql.sql.states import order

FUNCTIONS = ["median", "percentile(0)", "percentile(0.3)", "percentile(0.999)", "percentile(1)"]
METRICS = [
    {"windows": ["1d", "3d", "lifetime"], "aggregations": {"amount": FUNCTIONS, "price": FUNCTIONS}},
    {"field": "quantity", "function": "median", "windows": ["2d"], "offset": "1d", "where": "flag"},
]  # fmt: skip
AMOUNTS = (math.nan, math.inf, -math.inf, -0.0, 0.0, 3.0, 3.0, 7.5, 1e300, -1e300, None)


def events(seed: int) -> list[dict[str, Any]]:
    """One busy customer and some others, with ties."""
    chance = random.Random(seed)
    start = datetime(2024, 1, 1)
    return [
        {
            "user_id": chance.choice(["u1", "u1", "u1", "u2", "u3"]),
            "shop_id": 1,
            "event_time": start + timedelta(hours=chance.randrange(0, 240, 4)),
            "amount": chance.choice((*AMOUNTS, chance.uniform(-50, 50))),
            "quantity": chance.choice((None, 1, 2, 2, chance.randrange(-5, 100))),
            "price": None,
            "kind": "a",
            "flag": chance.choice((True, True, False, None)),
        }
        for _ in range(150)
    ]


@pytest.mark.parametrize("clock", [{"interval": "1d"}, {}], ids=["gridded", "continuous"])
@pytest.mark.parametrize("slides", [True, False], ids=["frames", "digits"])
def test_percentiles_are_those_of_the_oracle(
    slides: bool, clock: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not slides:
        monkeypatch.setattr(order, "slides", lambda _dialect: False)
    feature = {"name": "f", "source": "events", "entities": ["user"], **clock, "metrics": METRICS}
    spec = {
        "entities": [{"name": "user", "join_key": "user_id"}],
        "sources": [{"name": "events", "path": "data/events.parquet", "timestamp": "event_time"}],
        "features": [feature],
    }
    project = GeneratedProject(spec=spec, rows=events(len(clock)), schema=dict(SCHEMA))
    run = build(project)
    (text,) = (text for path, text in run.compiled.files.items() if path.name == "f.sql")
    assert ("mlforge_rank_digit" in text) != slides
    check_feature(run, project, feature)
    run.connection.close()
