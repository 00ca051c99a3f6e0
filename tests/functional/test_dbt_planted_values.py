"""Marked values in every column, every kind of failure, and a search for the marks in all that is shown and written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from events import at
from harness import CONFIG, write_parquet, write_project

pytestmark = pytest.mark.functional

NAME, BIG, PRICE, NOTE = "Q7Xname", 9223372036854771774, 8814711.25, "Q7Xnote"
MARKS = ("Q7X", "9223372036854771774", "8814711", "2031-07-17")
"""What would show a value: text, numbers, a day."""

SCHEMA = {
    "user_id": "VARCHAR",
    "name": "VARCHAR",
    "big": "BIGINT",
    "price": "DOUBLE",
    "note": "VARCHAR",
    "born": "DATE",
    "event_time": "TIMESTAMP",
}
ROW = {
    "user_id": "Q7Xuser",
    "name": NAME,
    "big": BIG,
    "price": PRICE,
    "note": NOTE,
    "born": at("2031-07-17 00:00").date(),
    "event_time": at("01-01 12:00"),
}
COUNT = [{"windows": ["1d"], "aggregations": {"*": ["count"]}}]


def feature(name: str, **keys: Any) -> dict[str, Any]:
    given = {"name": name, "source": "events", "entities": ["user"], **keys}
    return given if "select" in keys or "metrics" in keys else {**given, "metrics": COUNT}


def selected(name: str, expression: str) -> dict[str, Any]:
    return feature(name, select={"found": expression})


FAILING = {
    "casted": feature("casted", where="cast(name as integer) > 0"),
    "casted_in_two": feature("casted_in_two", where="big > 0 and cast(note as double) > 0"),
    "decimal_of_text": selected("decimal_of_text", "cast(name as decimal(10, 2))"),
    "dated": selected("dated", "strptime(name, '%Y-%m-%d')"),
    "day_of_text": selected("day_of_text", "cast(note as date)"),
    "put_together": selected("put_together", "make_date(cast(price as integer), 1, 1)"),
    "narrower": selected("narrower", "cast(big as tinyint)"),
    "rounded": selected("rounded", "cast(price as decimal(5, 2))"),
    "product": selected("product", "big * 1000"),
    "shifted": selected("shifted", "born + cast(big % 2147483647 as integer)"),
    "patterned": selected("patterned", "regexp_extract('a', note || '(')"),
    "measured": feature(
        "measured",
        select={"more": "big + 9223372036854770000"},
        metrics=[{"windows": ["1d"], "aggregations": {"more": ["max"]}}],
    ),
    "counted": feature(
        "counted",
        interval="1d",
        metrics=[{"field": "*", "function": "count", "windows": ["1d"], "name": "n",
                  "where": "cast(name as bigint) > 1"}],
    ),
}  # fmt: skip
"""Features that fail while they are built, each in its own way."""

TESTED = feature(
    "tested",
    validators={
        "name": [{"matches_regex": "^[0-9]+$"}],
        "big": [{"less_than": 5}],
        "price": [{"in_range": {"min": 1, "max": 2}}],
        "note": [{"is_in": ["a", "b"]}],
    },
)
"""Builds, and fails its validators."""

SPEC: Mapping[str, Any] = {
    "entities": [{"name": "user", "join_key": "user_id"}],
    "sources": [
        {"name": "events", "timestamp": "event_time", "path": "data/events.parquet"},
        {"name": "filtered", "timestamp": "event_time", "path": "data/events.parquet",
         "where": "cast(name as integer) > 0"},
    ],
    "features": [*FAILING.values(), TESTED, {**feature("of_filtered"), "source": "filtered"}],
    "training_sets": [
        {"name": "judged", "labels": {"source": "filtered"}, "timestamp": "event_time", "features": ["tested"]}
    ],
}  # fmt: skip


def files_with(root: Path, text: str) -> list[str]:
    """Files that dbt wrote, other than the database, that have a text."""
    files = (item for item in (root / "dbt").rglob("*") if item.is_file())
    return [str(item.relative_to(root)) for item in files if text.encode() in item.read_bytes()]


def start(command: list[str], folder: Path) -> str:
    """All that a command prints."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "400"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    write_project(folder, SPEC, CONFIG)
    write_parquet(folder / "data" / "events.parquet", SCHEMA, [ROW, ROW])
    return folder


@pytest.fixture(scope="module")
def built(root: Path) -> str:
    """What ``mlforge build`` prints."""
    return start([sys.executable, "-m", "mlforge_sql.cli", "build"], root)


@pytest.fixture(scope="module")
def built_by_dbt(root: Path, built: str) -> str:
    """What plain ``dbt build`` prints, with everything that it can say."""
    assert built
    dbt = "from dbt.cli.main import cli; cli()"
    arguments = ["--debug", "build", "--profiles-dir", "."]
    return start([sys.executable, "-c", dbt, *arguments], root / "dbt")


def test_the_values_would_be_shown() -> None:
    """DuckDB shows them, or this would be a test of nothing."""
    with duckdb.connect() as connection:
        connection.execute("create table events as select ? as name, ? as big", [NAME, BIG])
        for query, mark in (("cast(name as integer)", "Q7X"), ("big * 1000", str(BIG))):
            with pytest.raises(duckdb.Error, match=mark):
                connection.execute(f"select {query} from events").fetchall()


@pytest.mark.parametrize("mark", MARKS)
def test_nothing_is_shown(mark: str, built: str, built_by_dbt: str) -> None:
    assert mark not in built
    assert mark not in built_by_dbt


@pytest.mark.parametrize("mark", MARKS)
def test_nothing_is_written(mark: str, root: Path, built_by_dbt: str) -> None:
    assert built_by_dbt
    assert files_with(root, mark) == []


@pytest.mark.parametrize("name", FAILING)
def test_each_failure_is_told(name: str, built: str, built_by_dbt: str) -> None:
    """The feature, the columns, and what to do."""
    for said in (built, built_by_dbt):
        assert f"feature `{name}`: an expression over `" in said


def test_the_source_is_told(built: str) -> None:
    assert "source `filtered`: an expression over `name` fails for some rows" in built


def test_validators_count_rows(built: str) -> None:
    assert "matches_regex ^[0-9]+$: 2 rows" in built
    assert "less_than 5: 2 rows" in built
