"""The leakage audit on Databricks: real dbt runs it on Spark, the verdict comes through the connector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from purchases import LABEL_SCHEMA, LABELS, ROWS, SCHEMA, SPEC
from two_stores import AS_OF, build_both, login
from warehouse import Warehouse
from warehouse_harness import warehouse_macros

from mlforge_sql.cli import main

pytestmark = pytest.mark.functional

PLACE = "audited"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, shared_warehouse: Warehouse) -> Path:
    root = tmp_path_factory.mktemp("audited")
    sources = {"events": (SCHEMA, ROWS), "labels": (LABEL_SCHEMA, LABELS)}
    spec = {**SPEC, "sources": [{**item, "table": f"main.{PLACE}.{item['name']}"} for item in SPEC["sources"]]}  # fmt: skip
    build_both(root, spec, sources, shared_warehouse.connect(), PLACE)
    return root


@pytest.fixture(autouse=True)
def logged_in(shared_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    login(shared_warehouse, monkeypatch)


def audit(root: Path, *arguments: str) -> Result:
    listed = ["--project-dir", str(root), "audit", *arguments, "--profile", "databricks"]
    return CliRunner().invoke(main, listed)


def found(result: Result, kind: str) -> dict[str, Any]:
    """What an audit says of each feature."""
    return {item["feature"]: item for item in json.loads(result.stdout)[kind]}


def test_a_planted_fault(root: Path, shared_warehouse: Warehouse) -> None:
    shared_warehouse.sql(
        f"update main.{PLACE}.train set shop_spend__amount_max_2d = 1e9 "
        "where taken < timestamp '2024-01-02 00:00:00'"
    )
    result = audit(root, "--json")
    assert result.exit_code == 1, result.output
    audits = found(result, "audits")
    honest = audits["spend"]
    assert (honest["equal"], honest["rows"], honest["columns"]) == (True, 30, 4)
    wrong = audits["shop_spend"]
    assert (wrong["differences"], wrong["rows"], wrong["total"]) == (3, 30, 30)
    first = wrong["examples"][0]
    assert list(first) == [
        "shop_id",
        "label_time",
        "feature_column",
        "in_training_set",
        "recomputed",
    ]
    assert first["label_time"].startswith("2024-01-01 ")
    assert "+00:00" not in first["label_time"]
    assert float(first["in_training_set"]) == 1e9
    tables = found(result, "tables")
    assert list(tables) == ["spend", "shop_spend", "last"], "those of no training set too"
    assert all(item["equal"] for item in tables.values())


def test_planted_faults_of_feature_tables(root: Path, shared_warehouse: Warehouse) -> None:
    place = f"main.{PLACE}"
    (user,) = shared_warehouse.sql(f"select min(user_id) from {place}.last")[0]
    newest = f"select cast(max(feature_timestamp) as string) from {place}.shop_spend"
    (last,) = shared_warehouse.sql(newest)[0]
    later = "timestamp_micros(unix_micros(feature_timestamp) + 1)"
    moved = f"set feature_timestamp = {later} where feature_timestamp = timestamp '{last}'"
    for statement in (
        f"delete from {place}.last where user_id = '{user}'",
        f"update {place}.spend set amount_count_1d = null where amount_count_1d = 0",
        f"update {place}.shop_spend {moved}",
    ):
        shared_warehouse.sql(statement)
    result = audit(root, "--features", "spend,shop_spend,last", "--json")
    assert result.exit_code == 1, result.output
    tables = found(result, "tables")
    shown = {
        name: {(row["in_table"], row["recomputed"]) for row in item["examples"]}
        for name, item in tables.items()
    }
    assert (None, "0") in shown["spend"]
    assert {("no row", "a change"), ("a row", "no change")} <= shown["shop_spend"]
    assert ("no row", "a change") in shown["last"]


def test_rows_of_sources_on_spark(tmp_path: Path, shared_warehouse: Warehouse) -> None:
    """Honest staging with a filter and dedupe adds up; a lost row does not."""
    place = "accounted"
    given = {"where": "amount <> 3", "dedupe": {"key": ["shop_id", "at"]}}
    events, labels = ({**item, "table": f"main.{place}.{item['name']}"} for item in SPEC["sources"])
    spec = {**SPEC, "sources": [{**events, **given}, labels]}
    rows = [*ROWS, *ROWS[:5], {**ROWS[0], "shop_id": None}]
    sources = {"events": (SCHEMA, rows), "labels": (LABEL_SCHEMA, LABELS)}
    connection = shared_warehouse.connect()
    compiled = build_both(tmp_path, spec, sources, connection, place)
    macros = warehouse_macros(compiled, f"main.{place}", AS_OF)
    file = next(path for path in compiled.files if path.stem == "rows_of__stg_events")
    text = macros.render(compiled.files[file])
    assert connection.sql(text) == []
    wrong = text.replace(f"main.{place}.`stg_events`", f"main.{place}.`staged_again`")
    assert wrong != text
    staged = f"select * from main.{place}.stg_events where amount <> 7"
    connection.sql(f"create table main.{place}.staged_again as {staged}")
    (found,) = connection.sql(wrong)
    assert [int(number) for number in found] == [46, 2, 4, 39, 0]
    for item in compiled.plan.feature_accounts:
        (path,) = (path for path in compiled.files if path.stem == item.name)
        text = macros.render(compiled.files[path])
        assert connection.sql(text) == [], item.name
        model = item.tiles or item.feature
        fewer = f"select * from main.{place}.`{model}` limit 3"
        connection.sql(f"create or replace table main.{place}.fewer as {fewer}")
        (found,) = connection.sql(text.replace(f"`{model}`", "`fewer`"))
        assert int(found[-1]) < 40, item.name


def test_training_sets_that_are_not_built(root: Path, shared_warehouse: Warehouse) -> None:
    shared_warehouse.sql(f"drop table main.{PLACE}.train")
    result = audit(root)
    assert result.exit_code == 1
    said = " ".join(result.stderr.split())
    assert "training set `train` is not built in profile `databricks`" in said
    assert "run `mlforge build --training-sets train --profile databricks`" in said
