"""Settings that are changed behind our back: plain dbt, with profiles of the user's own."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from harness import write_parquet, write_project
from two_stores import config
from warehouse import Warehouse

from mlforge_sql.workflows.compile import compile_project
from mlforge_sql.workflows.compile import write_project as write_dbt

pytestmark = pytest.mark.functional

NOON = datetime(2024, 1, 1, 12)
SCHEMA = {"user_id": "VARCHAR", "at": "TIMESTAMP", "amount": "BIGINT", "note": "VARCHAR"}
ROWS: list[dict[str, Any]] = [
    {"user_id": "u1", "at": NOON, "amount": 1, "note": "b"},
    {"user_id": "u1", "at": NOON, "amount": None, "note": "a"},
    {"user_id": "U1", "at": NOON, "amount": 10, "note": "A"},
]
SPEC: dict[str, Any] = {
    "entities": [{"name": "user", "join_key": "user_id"}],
    "sources": [
        {
            "name": "events",
            "path": "data/events.parquet",
            "table": "main.settings_raw.events",
            "timestamp": "at",
            "columns": {name: kind.lower() for name, kind in SCHEMA.items()},
        }
    ],
    "features": [
        {
            "name": "spend",
            "source": "events",
            "entities": ["user"],
            "metrics": [{"windows": ["1d"], "aggregations": {"amount": ["sum"]}}],
        },
        {
            "name": "last",
            "source": "events",
            "entities": ["user"],
            "select": {"amount": "amount"},
        },
    ],
}


def project(root: Path) -> Path:
    write_project(root, SPEC, config("settings_features"))
    write_parquet(root / "data" / "events.parquet", SCHEMA, ROWS)
    write_dbt(compile_project(root))
    return root / "dbt"


def dbt(folder: Path, target: str, changes: dict[str, Any], **environment: str) -> tuple[int, str]:
    """Plain ``dbt build`` with a copy of the profiles whose target is changed."""
    profiles = yaml.safe_load((folder / "profiles.yml").read_text(encoding="utf-8"))
    output = profiles["test_project"]["outputs"][target]
    for key, value in changes.items():
        output[key] = {**output.get(key, {}), **value}
    own = folder.parent / "own"
    own.mkdir(exist_ok=True)
    (own / "profiles.yml").write_text(yaml.safe_dump(profiles), encoding="utf-8")
    clean = {key: item for key, item in os.environ.items() if not key.startswith("DATABRICKS_")}
    start = [sys.executable, "-c", "from dbt.cli.main import cli; cli()"]
    done = subprocess.run(
        [
            *start,
            "build",
            "--exclude",
            "path:tests/audit",
            "--target",
            target,
            "--profiles-dir",
            str(own),
        ],
        cwd=folder,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def values(folder: Path) -> list[tuple[Any, ...]]:
    file = folder.parent / "feature_store" / "features.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        spend = connection.execute("from spend_current").fetchall()
        return sorted(spend + connection.execute("from last_current").fetchall(), key=str)


def test_duckdb_settings_of_own_profiles(tmp_path: Path) -> None:
    folder = project(tmp_path)
    code, output = dbt(folder, "dev", {"settings": {"memory_limit": "1GB"}})
    assert code == 0, output
    before = values(folder)
    assert len(before) == 4, "u1 and U1 are two users"
    for name, value, wanted in (
        ("default_collation", "nocase", "empty"),
        ("default_null_order", "nulls_first", "`NULLS_LAST`"),
        ("dialect_compatibility_mode", "spark", "`NONE`"),
    ):
        code, output = dbt(folder, "dev", {"settings": {name: value}})
        assert code != 0, output
        said = " ".join(output.split())
        assert f"the DuckDB setting `{name}` is `" in said
        assert f"it has to be {wanted}: say so in `settings` of target `dev`" in said
        assert "PASS=0" in output or "PASS=" not in output, "nothing has been built"
        assert values(folder) == before


def test_session_properties_of_own_profiles(shared_warehouse: Warehouse, tmp_path: Path) -> None:
    folder = project(tmp_path)
    shared_warehouse.sql("create schema if not exists main.settings_raw")
    shared_warehouse.sql(
        "create or replace table main.settings_raw.events as select 'u1' as user_id, "
        "timestamp'2024-01-01 12:00:00' as `at`, 1L as amount, 'b' as note"
    )
    try:
        login = shared_warehouse.login()
        for name, value in (
            ("ansi_mode", "false"),
            ("timezone", "Europe/Berlin"),
            ("legacy_time_parser_policy", "legacy"),
        ):
            changes = {"session_properties": {name: value}}
            code, output = dbt(folder, "databricks", changes, **login)
            assert code != 0, output
            assert f"the session setting `{name}` is not `" in output
            assert shared_warehouse.sql("show tables in main.settings_features") == []
        code, output = dbt(folder, "databricks", {}, **login)
        assert code == 0, output
    finally:
        for schema in ("settings_raw", "settings_features"):
            shared_warehouse.sql(f"drop schema if exists main.{schema} cascade")
