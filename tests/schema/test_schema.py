"""The JSON schema of specs says what the models say, and the pages that are made from it are up to date."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from generated_docs import PAGES, commands
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from mlforge_sql.cli import main
from mlforge_sql.schema.examples import EXAMPLES
from mlforge_sql.schema.json_schema import project_schema, spec_schema
from mlforge_sql.spec import config, databricks_online, training_set
from mlforge_sql.spec.models import MODELS
from mlforge_sql.starting.scaffold import starter_files

ROOT = Path(__file__).resolve().parents[2]
SPECS, PROJECT = spec_schema(), project_schema()
DEFINITIONS: dict[str, Any] = {**SPECS["$defs"], **PROJECT["$defs"], "ProjectConfig": PROJECT}
KEYS = [
    (name, key)
    for name, definition in DEFINITIONS.items()
    for key in definition.get("properties", {})
]


def problems(schema: dict[str, Any], value: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]


def model(name: str) -> Any:
    for module in (config, databricks_online, training_set):
        if hasattr(module, name):
            return getattr(module, name)
    return MODELS[name]


def test_the_schemas_are_schemas() -> None:
    for schema in (SPECS, PROJECT):
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(("name", "key"), KEYS, ids=".".join)
def test_every_key_is_described_with_an_example_that_is_right(name: str, key: str) -> None:
    value = DEFINITIONS[name]["properties"][key]
    assert value["description"].endswith((".", "`", ")"))
    (example,) = value["examples"]
    whole = SPECS if name in SPECS["$defs"] else PROJECT
    assert problems({**value, "$defs": whole["$defs"]}, example) == []
    fields = model(name).model_fields
    field = fields.get(key) or fields[f"{key}_"]
    if key != "timestamp":  # its short form is read by the whole spec
        TypeAdapter(field.rebuild_annotation()).validate_python(example, strict=True)


def test_every_key_of_every_model_is_there() -> None:
    expected = {
        (name, field.alias or key)
        for name in DEFINITIONS
        if name != "Validator"
        for key, field in model(name).model_fields.items()
    }
    assert expected == set(KEYS)
    assert {f"{name}.{key}" for name, key in expected} == set(EXAMPLES)
    assert set(MODELS) <= set(DEFINITIONS)


def good_specs() -> Iterator[tuple[str, Any]]:
    for file in sorted((ROOT / "example_project" / "features").glob("*.yml")):
        yield file.name, yaml.safe_load(file.read_text(encoding="utf-8"))
    for path, text in starter_files("shop").items():
        if path.parts[0] == "features" and path.suffix == ".yml":
            yield str(path), yaml.safe_load(text)


@pytest.mark.parametrize(("name", "spec"), list(good_specs()))
def test_specs_of_projects_are_valid(name: str, spec: Any) -> None:
    assert problems(SPECS, spec) == [], name


def test_project_files_are_valid() -> None:
    texts = [(ROOT / "example_project" / "mlforge.yaml").read_text(encoding="utf-8")]
    texts += [text for path, text in starter_files("shop").items() if path.name == "mlforge.yaml"]
    assert len(texts) == 2
    for text in texts:
        assert problems(PROJECT, yaml.safe_load(text)) == []


BAD = {
    "an unknown section": {"featurs": []},
    "an unknown key": {"entities": [{"name": "a", "join_key": "b", "keys": []}]},
    "a missing key": {"entities": [{"name": "a"}]},
    "an invalid name": {"entities": [{"name": "a-b", "join_key": "b"}]},
    "an unknown unit": {"sources": [{"name": "a", "timestamp": {"column": "t", "unit": "sec"}}]},
    "an unknown function": {
        "features": [
            {
                "name": "a",
                "source": "b",
                "entities": "c",
                "metrics": {"field": "x", "function": "frobnicate", "windows": "7d"},
            }
        ]
    },
    "no duration": {"features": [{"name": "a", "source": "b", "entities": "c", "interval": "day"}]},
    "an unknown rule": {
        "features": [
            {"name": "a", "source": "b", "entities": "c", "validators": {"x": [{"positive": 1}]}}
        ]
    },
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_not_valid(name: str) -> None:
    assert problems(SPECS, BAD[name])


def test_an_unknown_kind_of_store_is_not_valid() -> None:
    store = {"KIND": "sqlite", "path": "x"}
    assert problems(PROJECT, {"name": "a", "profiles": {"dev": {"offline_store": store}}})


@pytest.mark.parametrize(("what", "schema"), [("specs", SPECS), ("project", PROJECT)])
def test_the_command_prints_it_and_init_writes_it(what: str, schema: Any) -> None:
    result = CliRunner().invoke(main, ["schema", what])
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == schema
    (text,) = (
        text for path, text in starter_files("shop").items() if path.name == f"{what}.schema.json"
    )
    assert text == result.stdout


def test_editor_settings_name_the_schemas() -> None:
    files = starter_files("shop")
    (text,) = (text for path, text in files.items() if path.name == "settings.json")
    assert set(json.loads(text)["yaml.schemas"]) <= {str(path) for path in files}


@pytest.mark.parametrize("page", PAGES)
def test_generated_pages_are_up_to_date(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert text == PAGES[page](), "python tests/regenerate_docs.py writes it anew"


def test_every_command_is_on_its_page() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    found = list(commands(main))
    assert ("online", "sync") in found
    for words in found:
        assert f"\n## mlforge {' '.join(words)}\n" in text
