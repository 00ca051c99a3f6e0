"""Every function of the product: its loop in the oracle, and five events on both engines."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path
from typing import Any

import function_examples
import oracle
import pytest
from function_examples import EVENTS, FIELDS, SCHEMA, calls, value
from harness import compile_and_run, write_parquet, write_project
from warehouse import Warehouse
from warehouse_harness import CONFIG, load_table, run_on_warehouse

from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.functions import FUNCTIONS, called
from mlforge_sql.plan.nodes import Rolling
from mlforge_sql.sql.compile import compile_sql
from mlforge_sql.workflows.compile import compile_project

SPEC: dict[str, Any] = {
    "entities": [{"name": "user", "join_key": "user_id"}],
    "sources": [
        {
            "name": "events",
            "path": "data/events.parquet",
            "timestamp": "at",
        }
    ],
    "features": [
        {
            "name": name,
            "source": "events",
            "entities": ["user"],
            **clock,
            "metrics": [{"windows": ["30d"], "aggregations": {item: calls(item) for item in FIELDS}}],
        }
        for name, clock in (("daily", {"interval": "1d"}), ("instant", {}))
    ],
}  # fmt: skip

WINDOWS = Path(__file__).parents[2] / "templates" / "dbt" / "macros" / "windows"
SLIDES = re.compile(r"preceding|following|rows between|range between")


def test_every_function_has_a_loop_in_the_oracle() -> None:
    assert set(FUNCTIONS) == {*(*oracle.COUNTS, *oracle.LOOPS, *oracle.OF_A_SHARE, *oracle.OF_TWO)}


def test_a_synonym_is_the_same_function() -> None:
    for function in FUNCTIONS.values():
        argument = function.example.removeprefix(function.name)
        for word in function.synonyms:
            assert called(word + argument).function is function


@pytest.mark.parametrize("windows", ["merged", "sliding"])
def test_the_page_is_right_on_duckdb(tmp_path: Path, windows: str) -> None:
    root = write_project(tmp_path, SPEC)
    write_parquet(root / "data" / "events.parquet", SCHEMA, EVENTS)
    run = compile_and_run(root, windows=windows)
    for feature in ("daily", "instant"):
        check(run.rows(feature, "feature_timestamp"))


def test_the_page_is_right_on_databricks(tmp_path: Path, shared_warehouse: Warehouse) -> None:
    connection = shared_warehouse.connect()
    schema = "main.five_events"
    connection.sql(f"create schema if not exists {schema}")
    root = write_project(tmp_path, SPEC, CONFIG)
    write_parquet(root / "data" / "events.parquet", SCHEMA, EVENTS)
    run = compile_and_run(root)
    load_table(connection, f"{schema}.events", SCHEMA, EVENTS)
    spark = run_on_warehouse(run.compiled, connection, schema)
    for feature in ("daily", "instant"):
        check(sorted(spark.rows(feature), key=lambda row: row["feature_timestamp"]))
    connection.sql(f"drop schema {schema} cascade")


def test_no_frame_slides_on_databricks(tmp_path: Path) -> None:
    """Spark computes each row of a frame that slides from scratch: a busy entity would take quadratic time."""
    root = write_project(tmp_path, SPEC, CONFIG)
    write_parquet(root / "data" / "events.parquet", SCHEMA, EVENTS)
    for node in compile_project(root).plan.features:
        assert isinstance(node, Rolling)
        text = "\n".join(compile_sql(node, Databricks(), "events"))
        assert "partition by" in text
        assert not SLIDES.search(text)
    called = (WINDOWS / "mlforge_rank_digit.sql").read_text(encoding="utf-8")
    assert "partition by" in called
    assert not SLIDES.search(called)


@pytest.mark.parametrize("clock", [{"interval": "1d"}, {}])
def test_what_is_made_of_events_only_is_computed_once(
    tmp_path: Path, clock: dict[str, str]
) -> None:
    """Neither tiles nor steps of windows stand before states, and no step is said again."""
    features = [
        {
            "name": f"f_{item.name}",
            "source": "events",
            "entities": ["user"],
            **clock,
            "metrics": {"windows": ["30d", "lifetime"], "aggregations": {"amount": item.example}},
        }
        for item in FUNCTIONS.values()
        if item.of_events
    ]
    root = write_project(tmp_path, {**SPEC, "features": features}, CONFIG)
    write_parquet(root / "data" / "events.parquet", SCHEMA, EVENTS)
    plan = compile_project(root).plan
    assert not plan.tiles
    for node, dialect in itertools.product(plan.features, (DuckDb(), Databricks())):
        text = "\n".join(compile_sql(node, dialect, "events"))
        steps, comments = re.findall(r"(?m)^(\w+) as \(", text), re.findall(r"(?m)^-- .*", text)
        assert len(steps) == len(set(steps))
        assert len(comments) == len(set(comments))
        assert not {"tiles", "timeline", "shifted", "windowed"} & set(steps)


def check(rows: list[dict[str, Any]]) -> None:
    """The row in which the window holds all events: the one with the largest count that is first."""
    full = next(
        row for row in rows if row["flag_count_null_30d"] == 1 and row["kind_count_30d"] == 4
    )
    for field in FIELDS:
        for function in calls(field):
            label = called(function).label
            actual, expected = full[f"{field}_{label}_30d"], value(function, field)
            if isinstance(expected, float):
                assert math.isclose(actual, expected, rel_tol=1e-9), (field, function, actual)
            else:
                assert actual == expected, (field, function, actual)


def test_the_page_has_every_function() -> None:
    page = function_examples.page()
    assert all(f"| `{item.example}`" in page for item in FUNCTIONS.values())
