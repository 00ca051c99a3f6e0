"""docs/online.md: its table of expiring values is true, in both stores, and so are its statements."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import served
import yaml
from events import PARQUET, SCHEMA, USER, at, feature, table
from postgres_server import PostgresServer

import mlforge_sql as mlf
from mlforge_sql.spec.config import Profile

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "online.md").read_text(encoding="utf-8")
EVENTS = table(
    "user_id event_time amount",
    ("u1", at("01-01 12:00"), 10.0),
    ("u1", at("01-02 09:00"), 100.0),
    ("u1", at("01-02 18:00"), 1000.0),
    ("u1", at("01-03 00:00"), 5000.0),
)
SPEC: dict[str, Any] = {
    "entities": [USER],
    "sources": [{"name": "events", "timestamp": "event_time", "path": PARQUET}],
    "features": [
        feature(metrics=[{"windows": ["1d"], "aggregations": {"amount": ["sum", "count"]}}])
    ],
}


def block(language: str, word: str) -> str:
    found = [
        text for text in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if word in text
    ]
    assert len(found) == 1, word
    return str(found[0])


@pytest.mark.usefixtures("dsn")
def test_the_table_of_expiring_values_is_true(tmp_path: Path) -> None:
    rows = re.findall(r"^\| (\d\d-\d\d [\d:.]+)\s*\|\s*(\w+) \|\s*(\d+) \|", PAGE, re.MULTILINE)
    assert len(rows) == 6
    served.build(tmp_path, SPEC, EVENTS, SCHEMA)
    project = mlf.load_project(tmp_path)
    served.sync(project, at("01-03 09:30"))
    for instant, total, count in rows:
        for profile in ("pg", "dev"):
            found = project.get_online_features("f", {"user_id": "u1"}, profile, at=at(instant))
            assert found["f__amount_count_1d"] == int(count), instant
            assert found["f__amount_sum_1d"] == (None if total == "NULL" else float(total)), instant
    project.close()


def test_the_profiles_are_valid() -> None:
    profiles = yaml.safe_load(block("yaml", "profiles:"))["profiles"]
    for name, values in profiles.items():
        Profile.model_validate(values)
        assert name in {"dev", "prod"}


def test_the_statements_give_the_rights_that_are_needed(
    tmp_path: Path, dsn: str, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they stand on the page, run by an administrator; then each role does its part."""
    database = dsn.rpartition("/")[2]
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(block("sql", "create role").replace("'...'", "'x'").encode())
        try:
            served.build(tmp_path, SPEC, EVENTS, SCHEMA)
            monkeypatch.setenv(served.DSN, postgres_server.dsn(database, "loader", "x"))
            loader = mlf.load_project(tmp_path)
            assert served.sync(loader, datetime(2024, 1, 3))[0].action == "loaded"
            monkeypatch.setenv(served.DSN, postgres_server.dsn(database, "app", "x"))
            app = mlf.load_project(tmp_path)
            for _ in range(2):
                found = app.get_online_features("f", {"user_id": "u1"}, "pg", at=at("01-03"))
                assert found["f__amount_count_1d"] == 2
                served.sync(loader, datetime(2024, 1, 3), full_refresh=True)
            with pytest.raises(mlf.OnlineError, match=r"\[MF083\]"):
                app.serving.store("pg").delete(["f"])
            app.close()
            loader.close()
        finally:
            for role in ("loader", "app"):
                connection.execute(f"drop owned by {role} cascade".encode())
            connection.execute("drop role loader, app")
