"""Training sets through real dbt: the model, its contract and exposure, and macros used by hand."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from copy import deepcopy
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from harness import compile_and_run, write_parquet, write_project
from purchases import LABEL_SCHEMA, LABELS, ROWS, SCHEMA, SPEC
from test_dbt_build import compile_and_write, dbt, query, strict_parse

import mlforge_sql as mlf

pytestmark = pytest.mark.functional

HAND_MADE = {
    "by_hand.sql": """
        {{ training_set(ref('int_train__labels'), 'taken', ['spend', 'shop_spend']) }}
    """,
    "of_a_source.sql": """
        {{ training_set(source('test_project', 'labels'), 'taken', ['spend:amount_sum_7d']) }}
    """,
    "of_a_query.sql": """
        {{ training_set("select shop_id, strftime(taken, '%Y-%m-%dT%H:%M:%SZ') as taken_text from " ~ ref('int_train__labels'),
                        'taken_text', [{'name': 'shop_spend', 'columns': ['amount_max_2d']}]) }}
    """,
    "of_a_cte.sql": """
        with labels_of_shop_1 as (
            select * from {{ ref('int_train__labels') }} where shop_id = 1
        )

        {{ training_set('labels_of_shop_1', 'taken', ['shop_spend']) }}
    """,
    "joined.sql": """
        {{ asof_join(
            ref('int_train__labels'), ref('shop_spend'), ['shop_id'], 'taken', 'feature_timestamp',
            ['amount_max_2d'], prefix='shop_', empty={'amount_max_2d': '-5'}, ttl='2w'
        ) }}
    """,
}
FAULTY = {
    "unknown feature": (
        "{{ training_set(ref('int_train__labels'), 'taken', ['spnd']) }}",
        "unknown feature 'spnd'. Known features: last, shop_spend, spend",
    ),
    "no key": (
        "{{ training_set('select 1 as x, current_timestamp as taken', 'taken', ['spend']) }}",
        "needs the column 'user_id', or first_name, born to compute it from. The labels have: x, taken",
    ),
    "no time": (
        "{{ training_set(ref('int_train__labels'), 'took', ['spend']) }}",
        "the labels have no column 'took'",
    ),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("training") / "project"
    spec = deepcopy(SPEC)
    spec["training_sets"][0] |= {
        "description": "Purchases to {{ learn }} from",
        "owner": {"name": "Team", "email": "team@example.com"},
        "tags": ["weekly"],
    }
    spec["training_sets"].append(
        {
            "name": "by_query",
            "labels": {
                "sql": "select shop_id, taken, '{{ target.name }}' as \"Built In\" from {{ ref('int_train__labels') }};",
                "columns": {"shop_id": "bigint", "taken": "timestamp", "Built In": "text"},
            },
            "timestamp": "taken",
            "features": ["shop_spend"],
        }
    )
    write_project(root, spec)
    write_parquet(root / "data" / "events.parquet", SCHEMA, ROWS)
    write_parquet(root / "data" / "labels.parquet", LABEL_SCHEMA, LABELS)
    compile_and_write(root)
    (root / "dbt" / "models" / "mine").mkdir()
    for name, text in HAND_MADE.items():
        table = "{{ config(materialized='table') }}\n"
        (root / "dbt" / "models" / "mine" / name).write_text(table + text)
    done = dbt(root, "--warn-error", "build")
    assert done.done.returncode == 0, done.output
    return root


def test_the_training_set_is_what_the_harness_says(built: Path) -> None:
    with duckdb.connect() as connection:
        run = compile_and_run(built, connection=connection)
        expected = run.rows("train", "taken")
    assert query(built, "select * from train order by taken") == expected


def test_macros_by_hand_give_the_same_rows(built: Path) -> None:
    whole = query(built, "select * from train order by taken")
    assert query(built, "select * from by_hand order by taken") == whole
    some = [
        {
            name: value
            for name, value in row.items()
            if name in {*LABEL_SCHEMA, "spend__amount_sum_7d"}
        }
        for row in whole
    ]
    assert query(built, "select * from of_a_source order by taken") == some
    text = query(built, "select * from of_a_query order by taken_text")
    column = "shop_spend__amount_max_2d"
    assert [row[column] for row in text] == [row[column] for row in whole]
    cte = query(built, "select * from of_a_cte order by taken")
    assert cte == [
        {name: value for name, value in row.items() if not name.startswith("spend__")}
        for row in whole
        if row["shop_id"] == 1
    ]
    joined = query(built, "select shop_id, shop_amount_max_2d as x from joined order by taken")
    assert [row["x"] for row in joined if row["shop_id"] == 2] == [-5.0] * 10


def test_the_query_is_the_users_own(built: Path) -> None:
    rows = query(built, 'select distinct "Built In" as name from by_query')
    assert rows == [{"name": "dev"}]


def test_exposure_tests_and_contract(built: Path) -> None:
    manifest = json.loads((built / "dbt" / "target" / "manifest.json").read_text())
    exposure = manifest["exposures"]["exposure.test_project.train"]
    assert exposure["type"] == "ml"
    assert exposure["owner"]["email"] == "team@example.com"
    assert exposure["description"] == "Purchases to {{ learn }} from"
    assert exposure["depends_on"]["nodes"] == ["model.test_project.train"]
    node = manifest["nodes"]["model.test_project.train"]
    assert node["contract"]["enforced"]
    assert set(node["depends_on"]["nodes"]) == {
        "model.test_project.int_train__labels",
        "model.test_project.spend",
        "model.test_project.shop_spend",
    }
    assert "weekly" in node["tags"]
    results = json.loads((built / "dbt" / "target" / "run_results.json").read_text())["results"]
    tests = {item["unique_id"].split(".")[2] for item in results if item["unique_id"].startswith("test.")}  # fmt: skip
    assert {"train__every_label_once", "audit_train__spend", "audit_train__shop_spend"} <= tests


def test_a_lost_label_fails_although_another_is_there_twice(built: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(built, copy)
    with duckdb.connect(str(copy / "feature_store" / "features.duckdb")) as connection:
        connection.execute(
            "create table lost as from train where shop_id = 1 and taken < '2024-01-03'"
        )
        connection.execute("delete from train where taken in (select taken from lost)")
        connection.execute(
            "insert into train from train order by taken limit (select count(*) from lost)"
        )
    done = dbt(copy, "test", "--select", "train__every_label_once")
    assert done.of("train__every_label_once")["status"] == "fail"


def test_python_reads_what_dbt_built(built: Path) -> None:
    found = mlf.load_project(built).get_training_data(["spend", "shop_spend"], "int_train__labels", "taken")  # fmt: skip
    assert sorted(found.to_pylist(), key=itemgetter("taken")) == query(
        built, "select * from train order by taken"
    )


def test_empty_and_second_parser(built: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(built, copy)
    done = dbt(copy, "run", "--empty", "--select", "train", "by_hand", "of_a_query", "joined")
    assert done.done.returncode == 0, done.output
    strict_parse(copy)


@pytest.mark.parametrize("name", FAULTY)
def test_by_hand_mistakes_are_explained(built: Path, name: str) -> None:
    text, said = FAULTY[name]
    file = built / "dbt" / "models" / "mine" / "faulty.sql"
    file.write_text(text)
    try:
        done = dbt(built, "compile", "--select", "faulty")
    finally:
        file.unlink()
    assert done.done.returncode != 0
    assert said in " ".join(done.output.split())


def test_audit_command(built: Path, tmp_path: Path) -> None:
    def audit(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "mlforge_sql.cli",
                "--project-dir",
                str(root),
                "audit",
                *arguments,
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={"PATH": "", "NO_COLOR": "1", "COLUMNS": "100", "HOME": str(tmp_path)},
        )

    copy = tmp_path / "copy"
    shutil.copytree(built, copy)
    honest = audit(copy)
    assert honest.returncode == 0, honest.stderr
    assert "PASS: 240 values of 90 rows computed again from the events, all equal" in honest.stdout
    assert "train         spend       30 of 30         4        equal" in honest.stdout
    assert "PASS: entities, instants and values of 3 feature tables are what the events say" in honest.stdout  # fmt: skip
    with duckdb.connect(str(copy / "feature_store" / "features.duckdb")) as connection:
        connection.execute("update train set spend__amount_sum_7d = 1e6 where shop_id = 1")
    caught = audit(copy, "train", "--rows", "20", "--seed", "3")
    assert caught.returncode == 1
    assert "values differ" in caught.stdout
    assert "amount_sum_7d" in caught.stdout
    assert "1000000.0" in caught.stdout
    assert "name 1" not in caught.stdout, "what a key is computed from is personal"
    assert "FAIL: " in caught.stdout
    found: dict[str, Any] = json.loads(audit(copy, "train", "--json").stdout)
    assert [item["feature"] for item in found["tables"]] == ["spend", "shop_spend"]
    assert all(item["equal"] for item in found["tables"]), "the table is right, the set is not"
    verdict = next(item for item in found["audits"] if item["feature"] == "spend")
    assert not verdict["equal"]
    assert verdict["differences"] == 10
    assert len(verdict["examples"]) == 5
    with duckdb.connect(str(copy / "feature_store" / "features.duckdb")) as connection:
        connection.execute("delete from last where user_id = (select min(user_id) from last)")
    tables = audit(copy, "--features", "last")
    assert tables.returncode == 1
    assert "training set" not in tables.stdout
    assert "no row    a change" in tables.stdout
    assert "things in feature tables are not what the events say" in tables.stdout
    wrong = audit(copy, "trian")
    assert wrong.returncode == 1
    assert "did you mean `train`?" in wrong.stderr
    (copy / "feature_store" / "features.duckdb").unlink()
    missing = audit(copy)
    assert missing.returncode == 1
    assert "mlforge build" in missing.stderr
