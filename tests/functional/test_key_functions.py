"""Surrogate keys as functions of a catalog, on the local warehouse: the same keys as in Python."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from harness import CONFIG, write_project
from warehouse import Warehouse
from warehouse_harness import literal

import mlforge_sql as mlf
from mlforge_sql.workflows.compile import compile_project

TYPES = {
    "first_name": "string",
    "o'clock `x": "string",
    "born_on": "date",
    "number": "bigint",
    "size": "decimal(12,2)",
    "yes": "boolean",
}
ROWS: list[tuple[Any, ...]] = [
    ("Ann", "it's", date(1990, 2, 28), -7, Decimal("1.50"), True),
    (None, "é😀 ~", None, 0, Decimal("-0.01"), False),
    ("3:Ann", "", date(1, 1, 1), None, None, None),
    (None, None, None, None, None, None),
]
LIVE = {"offline_store": {"KIND": "unity_catalog", "catalog": "main", "schema": "key_functions"}}


def spec(**entity: Any) -> dict[str, Any]:
    return {
        "entities": [
            {"name": "person", "join_key": "person_key", "from_columns": list(TYPES)},
            {"name": "place", "join_key": "place_id"},
        ],
        "sources": [
            {
                "name": "events",
                "table": "main.raw.events",
                "timestamp": "at",
                "columns": {**TYPES, "place_id": "string", "at": "timestamp", "x": "double"},
            }
        ],
        "features": [
            {"name": "f", "source": "events", "entities": ["person"], "select": {"x": "x"}},
            {"name": "g", "source": "events", "entities": ["place"], "select": {"x": "x"}},
        ],
        **entity,
    }


def scripts(root: Path, document: dict[str, Any], **config: Any) -> dict[str, str]:
    write_project(root, document, {**CONFIG, "profiles": {"live": LIVE, "same": LIVE}, **config})
    files = compile_project(root).files
    return {
        path.name: text for path, text in files.items() if path.parent == PurePosixPath("setup")
    }


@pytest.mark.functional
def test_keys_are_those_of_python(tmp_path: Path, shared_warehouse: Warehouse) -> None:
    ((name, text),) = scripts(tmp_path, spec()).items()
    assert name == "keys_live.sql", "one for each schema"
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    (statement,) = code.strip().removesuffix(";").split(";\n")
    shared_warehouse.sql("create schema main.key_functions")
    try:
        shared_warehouse.sql(statement)
        for row in ROWS:
            given = ", ".join(
                literal(value, kind) for value, kind in zip(row, TYPES.values(), strict=True)
            )
            ((found,),) = shared_warehouse.sql(f"select main.key_functions.person_key({given})")
            assert found == mlf.surrogate_key(*row), row
    finally:
        shared_warehouse.sql("drop schema main.key_functions cascade")


def test_a_salt_is_in_no_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALT", "grains")
    ((_, text),) = scripts(tmp_path, spec(), surrogate_key_salt_env="SALT").items()
    assert "create or replace function" not in text
    assert "grains" not in text
    assert "-- person_key has a salt, from the environment variable SALT" in text


def test_without_computed_keys_there_is_no_script(tmp_path: Path) -> None:
    document = spec()
    document["entities"] = document["entities"][1:]
    document["features"] = document["features"][1:]
    assert scripts(tmp_path, document) == {}
