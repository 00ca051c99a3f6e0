"""`mlforge online`: what it prints, and its exit codes."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import served
import yaml
from click.testing import CliRunner, Result

import mlforge_sql as mlf
from mlforge_sql.cli import main
from online.conftest import AS_OF

AT = "2024-01-05T12:00:00"


@pytest.fixture
def root(built: Path, tmp_path: Path, dsn: str) -> Path:  # noqa: ARG001 - in the environment
    return shutil.copytree(built, tmp_path / "project")


def run(root: Path, *arguments: str, code: int = 0, before: tuple[str, ...] = ()) -> Result:
    result = CliRunner().invoke(main, ["--project-dir", str(root), *before, "online", *arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def sync(root: Path, *arguments: str, code: int = 0) -> Result:
    return run(root, "sync", "--profile", "pg", *arguments, code=code)


# sync


def test_sync_talks_on_stderr(root: Path) -> None:
    result = sync(root, "--as-of", "2024-01-03")
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0].startswith("spend: loaded (not there yet), ")
    assert " rows, " in lines[0]
    assert lines[3].startswith("3 loaded, ")
    again = sync(root)
    assert again.stderr.splitlines()[0].startswith("spend: unchanged (of the same build), ")
    assert again.stderr.splitlines()[3].startswith("3 unchanged, ")
    assert run(root, "sync", "--profile", "pg", before=("-q",)).output == ""


def test_sync_in_json(root: Path) -> None:
    dry = json.loads(sync(root, "--dry-run", "--json", "--features", "spend").stdout)
    assert dry["dry_run"] is True
    assert [(item["feature"], item["action"]) for item in dry["features"]] == [("spend", "load")]
    found = json.loads(sync(root, "--json", "--as-of", "2024-01-03T05:45:00+05:45").stdout)
    assert found["profile"] == "pg"
    assert found["as_of"] == "2024-01-03T00:00:00"
    assert {item["action"] for item in found["features"]} == {"loaded"}
    assert all(item["rows"] > 0 and item["problem"] is None for item in found["features"])


def test_sync_of_the_local_profile(root: Path) -> None:
    result = run(root, "sync")
    assert "unchanged (served from the feature table itself)" in result.stderr


def test_sync_fails_with_1_and_goes_on(root: Path, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "create schema mlforge_online; create table mlforge_online.spend (x int)"
        )
    result = sync(root, "--json", code=1)
    found = {item["feature"]: item for item in json.loads(result.stdout)["features"]}
    assert found["spend"]["action"] == "failed"
    assert found["spend"]["problem"]["code"] == "MF086"
    assert found["last"]["action"] == "loaded"
    assert "error[MF086]: schema `mlforge_online` has a table `spend`" in result.stderr
    assert "2 loaded, 1 failed" in result.stderr


def test_sync_of_the_future_is_refused(root: Path) -> None:
    result = sync(root, "--as-of", "2999-01-01", code=1)
    assert "error[MF088]: 2999-01-01 00:00:00 is in the future" in result.stderr
    assert "nothing was written" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (
            ["sync", "--as-of", "yesterday"],
            2,
            "'yesterday' is no instant; write it like 2024-01-31",
        ),
        (["sync", "--features", "spent"], 1, "[MF051]"),
        (["sync", "--tags", "x"], 1, "[MF051]"),
        (["sync", "--profile", "x"], 1, "[MF025]"),
        (["status", "--features", "spent"], 1, "[MF051]"),
        (["get", "--features", "spend"], 2, "--entity"),
        (["get", "--entity", "user_id=x"], 2, "--features"),
        (["get", "--features", "spend", "--entity", "user_id"], 2, "write KEY=VALUE"),
        (["get", "--features", "shop_spend", "--entity", "shop_id=a"], 2, "that is no bigint"),
        (["get", "--features", "spend", "--entity", "born=x"], 2, "that is no date"),
        (["get", "--features", "spend", "--entity", "shop_id=1"], 1, "[MF084]"),
        (["delete"], 2, "name --features, or say --all"),
        (["delete", "--all", "--features", "spend"], 2, "name --features, or say --all"),
        (["check", "--rows", "0"], 2, "--rows"),
    ],
)
def test_what_is_wrong_with_arguments(
    root: Path, arguments: list[str], code: int, text: str
) -> None:
    assert text in run(root, *arguments, code=code).stderr


# get


def test_get(root: Path) -> None:
    sync(root, "--as-of", "2024-01-03")
    arguments = ("--features", "spend,shop_spend:amount_max_2d", "--at", AT, "--profile", "pg")
    entity = (
        "--entity",
        "first_name=name 1",
        "--entity",
        "born=2024-01-01",
        "--entity",
        "shop_id=1",
    )
    result = run(root, "get", *arguments, *entity)
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert lines["name"] == "value"
    assert lines["spend__amount_count_7d"] == "5"
    assert lines["shop_id"] == "1"
    found = json.loads(run(root, "get", *arguments, *entity, "--json").stdout)["values"]
    assert found["spend__amount_count_7d"] == 5
    assert found["born"] == "2024-01-01"
    local = run(root, "get", *arguments[:-2], *entity, "--json")
    assert json.loads(local.stdout) == {"version": 1, "values": found}
    unknown = run(root, "get", *arguments, "--entity", "user_id=a=b", "--entity", "shop_id=-1")
    assert (
        dict(line.split(maxsplit=1) for line in unknown.stdout.splitlines())["spend__amount_sum_7d"]
        == "NULL"
    )


# status


def test_status(root: Path) -> None:
    empty = run(root, "status", "--profile", "pg").stdout.splitlines()
    assert empty[0].split() == ["feature", "state", "rows", "as", "of", "(UTC)", "synced", "detail"]
    assert empty[1].split() == ["spend", "not", "synced"]
    sync(root, "--as-of", "2024-01-03", "--features", "spend")
    lines = run(root, "status", "--profile", "pg").stdout.splitlines()
    assert lines[1].startswith("spend")
    assert "current" in lines[1]
    assert "2024-01-03 00:00:00" in lines[1]
    assert " ago" in lines[1]
    found = json.loads(run(root, "status", "--profile", "pg", "--json").stdout)
    assert found["kind"] == "postgres"
    assert [item["state"] for item in found["tables"]] == ["current", "not synced", "not synced"]
    assert found["tables"][0]["as_of"] == "2024-01-03T00:00:00"
    local = json.loads(run(root, "status", "--json").stdout)
    assert local["kind"] == "local"
    assert {item["state"] for item in local["tables"]} == {"current"}


# delete


def test_delete_asks_first(root: Path, dsn: str) -> None:
    sync(root)
    question = ["--project-dir", str(root), "online", "delete", "--all", "--profile", "pg"]
    no = CliRunner().invoke(main, question, input="n\n")
    assert no.exit_code == 1
    assert "Remove the online tables of last, shop_spend, spend?" in no.stderr
    assert len(json.loads(run(root, "status", "--profile", "pg", "--json").stdout)["tables"]) == 3
    yes = CliRunner().invoke(main, question, input="y\n")
    assert yes.exit_code == 0
    assert "removed: last, shop_spend, spend" in yes.stderr
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "select tablename from pg_tables where schemaname = 'mlforge_online'"
        ).fetchall()
    assert rows == [("_mlforge_online",)]
    assert "there was nothing to remove" in run(root, "delete", "--all", "--profile", "pg").stderr


def test_delete_of_a_feature_that_is_no_more(root: Path) -> None:
    sync(root)
    path = root / "features" / "spec.yml"
    spec = yaml.safe_load(path.read_text())
    spec["features"] = [item for item in spec["features"] if item["name"] != "last"]
    path.write_text(yaml.safe_dump(spec))
    table = {
        item["feature"]: item["state"]
        for item in json.loads(run(root, "status", "--profile", "pg", "--json").stdout)["tables"]
    }
    assert table["last"] == "not in the project"
    arguments = ("delete", "--yes", "--profile", "pg", "--json", "--features")
    assert json.loads(run(root, *arguments, "last").stdout)["deleted"] == ["last"]
    assert "[MF082]" in run(root, *arguments, "last", code=1).stderr
    assert "did you mean `spend`?" in run(root, *arguments, "spen", code=1).stderr
    assert "[MF080]" in run(root, "delete", "--yes", "--features", "spend", code=1).stderr


# check


def check(root: Path, *arguments: str, code: int = 0) -> Result:
    return run(root, "check", "--profile", "pg", "--at", AT, *arguments, code=code)


def test_check_finds_nothing_when_all_is_well(root: Path) -> None:
    assert "[MF082]" in check(root, code=1).stderr
    sync(root, "--as-of", "2024-01-03")
    result = check(root)
    assert [line.split() for line in result.stdout.splitlines()[1:4]] == [
        ["spend", "3", "4", "equal"],
        ["shop_spend", "2", "2", "equal"],
        ["last", "3", "2", "equal"],
    ]
    assert "PASS: 22 values are the same online and offline" in result.stdout
    found = json.loads(check(root, "--json", "--rows", "2", "--features", "spend").stdout)
    assert found["at"] == AT
    assert found["features"][0]["equal"] is True
    assert found["features"][0]["entities"] == 2
    assert run(root, "check", "--profile", "pg", before=("-q",)).output == ""


PLANTED: dict[str, tuple[str, str, Any, Any]] = {
    "a value": ("spend", "update {} set amount_count_7d = amount_count_7d + 1", 6, 5),
    "a float, by 1e-8": ("spend", "update {} set amount_sum_1d = amount_sum_1d * (1 + 1e-8)", None, None),
    "a row that does not expire": ("shop_spend", "delete from {} where feature_timestamp > '2024-01-03'", None, None),
    "an entity that is gone": ("shop_spend", "delete from {} where shop_id = 0", -1.0, None),
    "a ghost": ("last", "insert into {} select repeat('f', 64), feature_timestamp, 5, 6 from {} order by feature_timestamp desc limit 1", 5.0, None),
    "a NULL for a value": ("last", "update {} set where_ = null", None, None),
}  # fmt: skip
"""What is done to a table, and the value online and offline of a difference that it makes."""


@pytest.mark.parametrize("name", PLANTED)
def test_check_finds(root: Path, dsn: str, name: str) -> None:
    sync(root, "--as-of", "2024-01-03")
    feature, statement, online, offline = PLANTED[name]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.replace("{}", f"mlforge_online.{feature}").encode())
    at = () if name != "a ghost" else ("--at", "2024-01-12T12:00:00")
    result = check(root, "--json", *at, code=1)
    found = {item["feature"]: item for item in json.loads(result.stdout)["features"]}
    assert {key: item["equal"] for key, item in found.items()} == {
        key: key != feature for key in ("spend", "shop_spend", "last")
    }
    examples = found[feature]["examples"]
    assert len(examples) == found[feature]["differences"] > 0
    if online is not None:
        assert any(
            item["online"] == online and (offline is None or item["offline"] == offline)
            for item in examples
        )
    shown = check(root, *at, code=1)
    assert "FAIL: " in shown.stdout
    assert examples[0]["column"] in shown.stdout
    assert "is it behind a build?" in shown.stderr


def test_a_float_in_its_last_digit_is_equal(root: Path, dsn: str) -> None:
    sync(root, "--as-of", "2024-01-03")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "update mlforge_online.spend set amount_sum_1d = amount_sum_1d * (1 + 1e-12)"
        )
    check(root)


def test_check_of_the_local_profile(root: Path) -> None:
    result = run(root, "check", "--at", AT)
    assert "profile `dev` serves from the feature tables themselves" in result.stderr
    assert "PASS" in result.stdout


def test_check_of_a_newer_build(root: Path) -> None:
    """A build that is not synced yet shows as differences, with a hint."""
    from harness import write_parquet
    from purchases import ROWS, SCHEMA

    sync(root, "--as-of", "2024-01-03")
    write_parquet(root / served.EVENTS, SCHEMA, [{**row, "amount": 7.0} for row in ROWS])
    served.rebuild(root, "run_2", datetime(2024, 1, 5))
    assert "FAIL" in check(root, code=1).stdout
    sync(root, "--as-of", "2024-01-03")
    check(root)


def test_python_and_the_command_say_the_same(root: Path) -> None:
    sync(root, "--as-of", "2024-01-03")
    project = mlf.load_project(root)
    at = datetime.fromisoformat(AT)
    found = project.get_online_features("shop_spend", {"shop_id": 1}, "pg", at=at)
    arguments = ("--features", "shop_spend", "--entity", "shop_id=1", "--at", AT)
    said = json.loads(run(root, "get", *arguments, "--profile", "pg", "--json").stdout)["values"]
    assert said == found
    assert at > AS_OF
    project.close()
