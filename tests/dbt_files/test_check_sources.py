"""What compile writes so that dbt notices a source that has changed under its features."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from harness import CONFIG, write_project
from warehouse_harness import CONFIG as BOTH

from mlforge_sql.dbt.macros import Macros
from mlforge_sql.doctor.databricks import _kind_of_type
from mlforge_sql.workflows.compile import compile_project

COLUMNS = {"user_id": "string", "at": "timestamp", "amount": "decimal(10, 2)", "more": "integer[]"}
SPEC: dict[str, Any] = {
    "entities": [{"name": "user", "join_key": "user_id"}],
    "sources": [
        {"name": "events", "table": "main.raw.e", "timestamp": "at", "columns": COLUMNS},
        {"name": "files", "path": "data/f.parquet", "timestamp": "at", "columns": COLUMNS},
    ],
    "features": [
        {"name": "a", "source": "events", "entities": ["user"], "select": {"x": "amount"}},
        {"name": "b", "source": "files", "entities": ["user"], "select": {"x": "amount"}},
    ],
}


def compiled(root: Path, config: dict[str, Any]) -> dict[str, Any]:
    files = compile_project(write_project(root, SPEC, config)).files
    read = ("dbt_project.yml", "models/staging/_sources.yml")
    found = {name: yaml.safe_load(files[PurePosixPath(name)]) for name in read}
    return {"files": files, "project": found[read[0]], "sources": found[read[1]]["sources"]}


def test_databricks_tables_say_their_columns(tmp_path: Path) -> None:
    """Types of which Databricks has no name are not compared."""
    found = compiled(tmp_path, BOTH)
    checks = ("target", "settings", "sources")
    hooks = [f"{{{{ mlforge_check_{name}() }}}}" for name in checks]
    assert found["project"]["on-run-start"] == hooks
    tables = {item["name"]: item for group in found["sources"] for item in group["tables"]}
    assert tables["events"]["config"]["meta"]["mlforge"] == {"kind": "source"}
    columns = tables["events"]["columns"]
    assert [item["name"] for item in columns] == list(COLUMNS)
    assert columns[0]["data_type"] == "string"
    assert columns[1]["data_type"] == "timestamp"
    assert "data_type" not in columns[3]
    assert "columns" not in tables["files"]
    assert "mlforge" not in tables["files"]["config"]["meta"]


def test_files_are_checked_too(tmp_path: Path) -> None:
    found = compiled(tmp_path, CONFIG)
    assert found["project"]["on-run-start"] == [
        "{{ mlforge_check_target() }}",
        "{{ mlforge_check_settings() }}",
        "{{ mlforge_check_sources() }}",
    ]
    (model,) = yaml.safe_load(found["files"][PurePosixPath("models/staging/stg_files.yml")])[
        "models"
    ]
    assert model["config"]["pre_hook"] == "{{ mlforge_check_source('files') }}"


TYPES = [
    ("bigint", "int", True),
    ("bigint", "decimal(38,0)", True),
    ("double", "float", True),
    ("string", "varchar(20)", True),
    ("timestamp", "timestamp_ntz", True),
    ("decimal(10,2)", "decimal(12, 4)", True),
    ("array<int>", "array<int>", True),
    ("double", "int", False),
    ("double", "decimal(10,2)", False),
    ("timestamp", "date", False),
    ("timestamp", "string", False),
    ("string", "binary", False),
    ("boolean", "tinyint", False),
    ("array<int>", "array<string>", False),
]


@pytest.fixture(scope="module")
def macros(tmp_path_factory: pytest.TempPathFactory) -> Macros:
    root = tmp_path_factory.mktemp("kinds")
    files = compile_project(write_project(root, SPEC, BOTH)).files
    return Macros(files, "databricks", str)


@pytest.mark.parametrize(("one", "other", "same"), TYPES)
def test_kinds_of_types_are_the_same_in_dbt_and_in_the_doctor(
    macros: Macros, one: str, other: str, same: bool
) -> None:
    kinds = [macros.render(f"{{{{ mlforge_kind_of_type('{text}') }}}}") for text in (one, other)]
    assert kinds == [_kind_of_type(one), _kind_of_type(other)]
    assert (kinds[0] == kinds[1]) == same
