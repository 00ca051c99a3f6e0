"""The doctor asks the online store in Postgres, and tries there what a sync does."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
import served
from click.testing import CliRunner

from mlforge_sql.cli import main

pytestmark = pytest.mark.functional


def asked(root: Path) -> dict[str, dict[str, str]]:
    result = CliRunner().invoke(
        main, ["--project-dir", str(root), "doctor", "--profile", "pg", "--json"]
    )
    found = {item["name"]: item for item in json.loads(result.stdout)["checks"]}
    failed = [name for name, item in found.items() if item["status"] == "fail"]
    assert result.exit_code == (1 if failed else 0)
    return found


def schemas(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        return {str(row[0]) for row in connection.execute("select nspname from pg_namespace")}


def test_all_is_well_and_nothing_is_left(built: Path, dsn: str) -> None:
    before = schemas(dsn)
    found = asked(built)
    assert found["online address"]["status"] == found["online store"]["status"] == "ok"
    assert found["online store"]["detail"].endswith("tables can be made in schema mlforge_online")
    assert schemas(dsn) == before


def test_a_wrong_password(built: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    wrong = psycopg.conninfo.make_conninfo("", **{**parts, "password": "not-the-password"})
    monkeypatch.setenv(served.DSN, wrong)
    found = asked(built)["online store"]
    assert found["status"] == "fail"
    assert "the online store of profile `pg` cannot be reached" in found["detail"]
    assert "password" in found["detail"]
    assert "not-the-password" not in json.dumps(found)


def test_no_address(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(served.DSN, raising=False)
    found = asked(built)
    assert found["online address"]["status"] == "fail"
    assert found["online store"]["status"] == "skipped"


def test_a_server_that_does_not_answer(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(served.DSN, "postgresql://user:secret@127.0.0.1:1/db")
    found = asked(built)["online store"]
    assert found["status"] == "fail"
    assert "cannot be reached" in found["detail"]
    assert "secret" not in json.dumps(found)


def test_a_role_that_may_not_make_tables(
    built: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("drop role if exists only_reads")
        connection.execute("create role only_reads login password 'reads'")
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    reader = psycopg.conninfo.make_conninfo(
        "", **{**parts, "user": "only_reads", "password": "reads"}
    )
    monkeypatch.setenv(served.DSN, reader)
    found = asked(built)["online store"]
    assert found["status"] == "fail"
    assert "the role may not do that in schema `mlforge_online`" in found["detail"]
