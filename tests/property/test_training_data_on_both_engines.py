"""Training data in Python: random labels through both profiles, equal to each other and to the oracle.

The labels are drawn as for the compiled training sets: keys of entities or what they are computed from,
strangers, NULLs and duplicates, times at and around every change, stored in thirteen ways.
"""

from __future__ import annotations

import copy
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
import strategies
from examples import examples
from harness import write_parquet
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from strategies import Document
from test_training_set_values import History, Labelled, labelled_projects, requested
from two_stores import build_both, login
from warehouse import Connection, Warehouse

import mlforge_sql as mlf

PROJECTS = examples(__file__)
PLACE = "both_profiles"


def test_both_profiles_give_the_same(
    shared_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    login(shared_warehouse, monkeypatch)
    connection = shared_warehouse.connect()

    @settings(
        max_examples=PROJECTS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(labelled_projects(), st.integers(0, 2**32))
    def check(drawn: Labelled, seed: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            check_project(Path(folder), drawn, connection, random.Random(seed))

    check()


def check_project(
    root: Path, drawn: Labelled, connection: Connection, chance: random.Random
) -> None:
    spec = copy.deepcopy(drawn.project.spec)
    training_sets = spec.pop("training_sets")
    sources = {item["name"]: item for item in spec["sources"]}
    spec["sources"] = [item for name, item in sources.items() if not name.startswith("labels_")]
    events = {strategies.SOURCE: (drawn.project.schema, drawn.project.rows)}
    build_both(root, spec, events, connection, PLACE)
    project = mlf.load_project(root)
    for item in training_sets:
        labels = drawn.labels[item["name"]]
        file = root / "data" / f"{item['labels']}.parquet"
        write_parquet(file, labels.schema, labels.rows)
        wanted = [mlf.FeatureSpec(**one) if isinstance(one, dict) else one for one in item["features"]]  # fmt: skip
        make = chance.choice(KINDS)
        time = label_time(item, sources[item["labels"]])
        left, right = (
            table_of(project.get_training_data(wanted, make(file), time, profile))
            for profile in ("dev", "databricks")
        )
        check_equal(left, right)
        check_values(drawn, item, right)


def arrow(file: Path) -> pa.Table:
    return duckdb.connect().sql(f"from '{file}'").to_arrow_table()


KINDS: tuple[Callable[[Path], Any], ...] = (
    str,
    arrow,
    lambda file: arrow(file).to_reader(max_chunksize=5),
    lambda file: pl.from_arrow(arrow(file)),
)


def table_of(found: Any) -> pa.Table:
    if isinstance(found, pl.DataFrame):
        return found.to_arrow()
    return found.read_all() if isinstance(found, pa.RecordBatchReader) else found


def label_time(training_set: Document, source: Document) -> mlf.Timestamp:
    """How the labels' time is stored."""
    for item in (training_set.get("timestamp"), source["timestamp"]):
        if isinstance(item, dict) and item["column"] == "label_time":
            return mlf.Timestamp(**item)
    return mlf.Timestamp("label_time")


def check_equal(left: pa.Table, right: pa.Table) -> None:
    """Types, and all values but floats: those may differ by their rounding."""
    assert right.schema.equals(left.schema), (left.schema, right.schema)
    exact = [item.name for item in left.schema if not pa.types.is_floating(item.type)]
    assert right.select(exact).equals(left.select(exact))
    for name in set(left.column_names) - set(exact):
        nulls = [table[name].is_null().to_pylist() for table in (left, right)]
        assert nulls[0] == nulls[1], name


def check_values(drawn: Labelled, training_set: Document, found: pa.Table) -> None:
    """The rows are the labels, in their order, with what the oracle says."""
    labels = drawn.labels[training_set["name"]]
    rows = found.to_pylist()
    assert [row["row_id"] for row in rows] == [row["row_id"] for row in labels.rows]
    for item in training_set["features"]:
        feature, names = requested(item, drawn.features)
        history = History.of(drawn.project, feature)
        for label, row in zip(labels.rows, rows, strict=True):
            history.check(names, label, labels.instants[label["row_id"]], row)
