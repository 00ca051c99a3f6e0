"""`dbt source freshness`: how old the newest event of a source is, however its time is stored."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import CONFIG, write_parquet, write_project

from mlforge_sql.workflows.compile import compile_project
from mlforge_sql.workflows.compile import write_project as write_dbt

pytestmark = pytest.mark.functional

OLD = datetime(2024, 1, 31, 12)
TIMES: dict[str, tuple[str, Any, Any]] = {
    "plain": ("TIMESTAMP", "happened", OLD),
    "zoned": ("TIMESTAMP WITH TIME ZONE", "happened", OLD.replace(tzinfo=UTC)),
    "text": ("VARCHAR", {"column": "happened", "format": "%d.%m.%Y %H:%M"}, "31.01.2024 12:00"),
    "offset": (
        "VARCHAR",
        {"column": "happened", "format": "%Y-%m-%dT%H:%M:%S%z"},
        "2024-01-31T13:00:00+0100",
    ),
    "epoch": ("BIGINT", {"column": "happened", "unit": "ms"}, 1_706_702_400_000),
}
LIMITS = {
    "plain": {"warn_after": "1d"},
    "zoned": {"error_after": "36h"},
    "text": {"warn_after": "90m", "error_after": "2w"},
    "offset": {"error_after": "36500d"},
    "epoch": {"warn_after": "1d", "error_after": "36500d"},
}


def project(root: Path) -> Path:
    sources, features = [], []
    for name, (kind, timestamp, value) in TIMES.items():
        schema = {"user_id": "VARCHAR", "happened": kind}
        write_parquet(
            root / "data" / f"{name}.parquet", schema, [{"user_id": "u1", "happened": value}]
        )
        place = {"path": f"data/{name}.parquet", "timestamp": timestamp}
        sources.append({"name": name, **place, "freshness": LIMITS[name]})
        select = {"seen": "user_id"}
        features.append(
            {"name": f"f_{name}", "source": name, "entities": ["user"], "select": select}
        )
    entities = [{"name": "user", "join_key": "user_id"}]
    write_project(root, {"entities": entities, "sources": sources, "features": features})
    return root


def test_what_is_compiled(tmp_path: Path) -> None:
    """For both engines, in the words of each where they differ."""
    root = project(tmp_path)
    unity = {"offline_store": {"KIND": "unity_catalog", "catalog": "c", "schema": "s"}}
    config = {**CONFIG, "profiles": {**CONFIG["profiles"], "databricks": unity}}
    (root / "mlforge.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    files = compile_project(root).files
    text = next(text for path, text in files.items() if path.name == "_sources.yml")
    tables = {item["name"]: item["config"] for item in yaml.safe_load(text)["sources"][0]["tables"]}
    assert tables["text"]["freshness"] == {
        "warn_after": {"count": 90, "period": "minute"},
        "error_after": {"count": 14, "period": "day"},
    }
    assert tables["zoned"]["freshness"] == {"error_after": {"count": 36, "period": "hour"}}
    assert tables["plain"]["loaded_at_field"] == "cast(happened as timestamp)"
    assert tables["epoch"]["loaded_at_field"] == (
        "{{ {'databricks': 'timestamp_millis(cast(happened as bigint))', "
        "'duckdb': 'make_timestamp(cast(happened as bigint) * 1000)'}[target.type] }}"
    )


def test_freshness(tmp_path: Path) -> None:
    root = project(tmp_path)
    write_dbt(compile_project(root))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from dbt.cli.main import cli; cli()",
            "source",
            "freshness",
            "--profiles-dir",
            ".",
        ],
        cwd=root / "dbt",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    found = json.loads((root / "dbt" / "target" / "sources.json").read_text("utf-8"))["results"]
    statuses = {item["unique_id"].split(".")[-1]: item["status"] for item in found}
    assert statuses == {
        "plain": "warn",
        "zoned": "error",
        "text": "error",
        "offset": "pass",
        "epoch": "warn",
    }
    at = {datetime.fromisoformat(item["max_loaded_at"]) for item in found}
    assert at == {OLD.replace(tzinfo=UTC)}
    assert all(timedelta(seconds=item["max_loaded_at_time_ago_in_s"]).days > 1000 for item in found)
