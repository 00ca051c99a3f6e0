"""Both engines: compiled Databricks SQL on Spark against the oracle, and against DuckDB's rows.

Random projects, each with a training set of all its features. On Spark every feature must equal the
oracle; feature tables, current tables and training sets must have the same rows on both engines:
the same to the letter but for doubles, which may differ by their rounding. Audits find nothing.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import oracle
import stored_times
import strategies
from examples import examples
from harness import Run, compile_and_run, write_parquet, write_project
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_honest_audits import KEYS, labels, with_training_set
from test_rule_of_time import Tolerance, check_feature, same
from warehouse import Connection, Warehouse
from warehouse_harness import CONFIG, WarehouseRun, load_table, run_on_warehouse, warehouse_macros

SCHEMA = "main.both_engines"
FEATURES = examples(__file__)
"""How many features are compared at least."""

PROJECTS = FEATURES
"""How many projects are drawn at most, until there are so many."""

AUDITED = 0.1
"""How many projects are audited: an audit compares every label with every event."""

Row = dict[str, Any]


def test_databricks_equals_the_oracle_and_duckdb(shared_warehouse: Warehouse) -> None:
    connection = shared_warehouse.connect()
    connection.sql(f"create schema if not exists {SCHEMA}")
    compared = 0

    @settings(
        max_examples=PROJECTS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(strategies.projects(stored_times.PORTABLE), st.integers(0, 2**32))
    def check(project: strategies.GeneratedProject, seed: int) -> None:
        nonlocal compared
        if compared >= FEATURES:
            return
        compared += len(project.spec["features"])
        check_project(connection, project, random.Random(seed))

    check()
    connection.sql(f"drop schema {SCHEMA} cascade")  # some views are of other columns by now
    assert compared >= FEATURES


def check_project(
    connection: Connection, project: strategies.GeneratedProject, chance: random.Random
) -> None:
    """Run a project on both engines and compare everything."""
    with_training_set(project, chance)
    marked = labels(project, chance)
    as_of = moment(project, chance)
    windows = chance.choice(["merged", "sliding"])
    kinds = {name: project.schema[name] for name in KEYS} | {"marked_at": "TIMESTAMP"}
    with tempfile.TemporaryDirectory() as name:
        root = write_project(Path(name), project.spec, CONFIG)
        write_parquet(root / "data" / "events.parquet", project.file_schema, project.file_rows)
        write_parquet(root / "data" / "labels.parquet", kinds, marked)
        duckdb = compile_and_run(root, as_of=as_of, windows=windows)
    load_table(connection, f"{SCHEMA}.{strategies.SOURCE}", project.file_schema, project.file_rows)
    load_table(connection, f"{SCHEMA}.marked", kinds, marked)
    run_on_warehouse(duckdb.compiled, connection, SCHEMA, as_of=as_of, windows=windows)
    spark = Read(duckdb.compiled, connection, SCHEMA)
    for feature in project.spec["features"]:
        check_feature(spark, project, feature)
        check_tables(spark, duckdb, project, feature)
    check_training_set(spark, duckdb, project)
    if chance.random() < AUDITED:
        check_audits(spark)
    duckdb.connection.close()


@dataclass
class Read(WarehouseRun):
    """A run whose tables are computed once: its models are views, and a table is looked at twice."""

    _rows: dict[str, list[Row]] = field(default_factory=dict)

    def rows(self, table: str, order: str | None = None) -> list[Row]:
        assert order is None
        if table not in self._rows:
            self._rows[table] = super().rows(table)
        return self._rows[table]


def moment(project: strategies.GeneratedProject, chance: random.Random) -> datetime:
    """An instant near the events, for the current tables."""
    times = [row["event_time"] for row in project.rows if row["event_time"] is not None]
    start = chance.choice(times) if times else datetime(2024, 1, 1)
    assert isinstance(start, datetime)
    return start + timedelta(microseconds=chance.choice([0, 1, 10**9, 10**11, 10**12]))


Same = Callable[[oracle.Key, str, Any, Any], bool]


def comparison(project: strategies.GeneratedProject, feature: Mapping[str, Any]) -> Same:
    """Whether a value of an entity is the same on both engines."""
    columns = {item.name: item for item in strategies.oracle_columns(dict(feature))}
    events = strategies.oracle_events(project, feature)

    def is_same(key: oracle.Key, name: str, left: Any, right: Any) -> bool:
        if name not in columns or left is None or right is None:
            return type(left) is type(right) and bool(left == right)
        tolerance = Tolerance.of(columns[name], events.get(key, []))
        return same(columns[name], left, right, tolerance)

    return is_same


def check_tables(
    spark: WarehouseRun,
    duckdb: Run,
    project: strategies.GeneratedProject,
    feature: Mapping[str, Any],
) -> None:
    keys = strategies.join_keys(strategies.feature_entity(project, feature))
    is_same = comparison(project, feature)
    for table, primary in (
        (feature["name"], [*keys, "feature_timestamp"]),
        (f"{feature['name']}_current", keys),
    ):
        left, right = (by_key(run.rows(table), primary) for run in (spark, duckdb))
        assert set(left) == set(right), (table, project.spec)
        for key, row in left.items():
            assert list(row) == list(right[key])
            for name, value in row.items():
                entity = tuple(row[item] for item in keys)
                pair = (value, right[key][name])
                assert is_same(entity, name, *pair), (table, key, name, pair)


def by_key(rows: Sequence[Row], keys: Sequence[str]) -> dict[tuple[Any, ...], Row]:
    found = {tuple(row[name] for name in keys): row for row in rows}
    assert len(found) == len(rows), "primary key"
    return found


def check_training_set(
    spark: WarehouseRun, duckdb: Run, project: strategies.GeneratedProject
) -> None:
    left, right = (run.rows("judged") for run in (spark, duckdb))
    names = [*KEYS, "marked_at"]
    count = [Counter(tuple(row[name] for name in names) for row in rows) for rows in (left, right)]
    assert count[0] == count[1]
    expected = {tuple(row[name] for name in names): row for row in right}
    for feature in project.spec["features"]:
        is_same = comparison(project, feature)
        entity = strategies.feature_entity(project, feature)
        for row in left:
            other = expected[tuple(row[name] for name in names)]
            assert list(row) == list(other)
            for name, value in row.items():
                owner, _, column = name.partition("__")
                if owner == feature["name"]:
                    key = entity_key(row, entity)
                    assert is_same(key, column, value, other[name]), (name, row, other)


def entity_key(row: Mapping[str, Any], entity: Mapping[str, Any]) -> oracle.Key:
    if "from_columns" in entity:
        return (oracle.surrogate_key([row[name] for name in entity["from_columns"]]),)
    return tuple(row[name] for name in strategies.join_keys(entity))


def check_audits(spark: WarehouseRun) -> None:
    macros = warehouse_macros(spark.compiled, spark.schema, datetime(2030, 1, 1))
    for path, text in spark.compiled.files.items():
        if path.parts[:2] in {("tests", "audit"), ("tests", "rows")}:
            assert spark.connection.sql(macros.render(text)) == [], path
