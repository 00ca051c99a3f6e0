"""``docs/databricks.md`` says what is true: its profile compiles to its target, its checks exist."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from mlforge_sql.dbt.profiles import profiles
from mlforge_sql.dbt.yaml_text import yaml_text
from mlforge_sql.doctor.checks import checks_of
from mlforge_sql.errors import CODES
from mlforge_sql.spec.config import ProjectConfig, UnityCatalogStore

PAGE = (Path(__file__).parents[1] / "docs" / "databricks.md").read_text(encoding="utf-8")


def block(mark: str) -> str:
    found = re.search(rf"<!-- {mark} -->\n```\w*\n(.*?)```", PAGE, re.DOTALL)
    assert found, mark
    return found[1]


def config() -> ProjectConfig:
    return ProjectConfig.model_validate(yaml.safe_load(block("profile")))


def test_the_profile_becomes_the_target() -> None:
    target = profiles(config())["fraud_features"]["outputs"]["databricks"]
    assert yaml_text(target) == block("target")


def test_the_doctor_asks_what_the_page_shows() -> None:
    shown = re.findall(
        r"^(?:ok|warn|fail|skipped) +(\w+(?: \w+)?)  ", block("doctor"), re.MULTILINE
    )
    assert shown == [check.name for check in checks_of(config().profiles["databricks"])]


def test_every_key_of_the_store_and_every_code_is_on_the_page() -> None:
    for name, field in UnityCatalogStore.model_fields.items():
        assert f"`{field.alias or name}`" in PAGE or name == "KIND", name
    for code in (f"MF{number:03}" for number in range(75, 80)):
        assert code in CODES
        assert f"`{code}`" in PAGE
