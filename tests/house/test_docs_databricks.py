"""``docs/databricks.md`` says what is true: its profile compiles to its target, its checks exist."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from dialect_table import TABLES, read_table

from mlforge_sql.dbt.profiles import profiles
from mlforge_sql.dbt.yaml_text import yaml_text
from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.dialects.translation import translate
from mlforge_sql.doctor.checks import checks_of
from mlforge_sql.errors import CODES
from mlforge_sql.expressions import parse_expression
from mlforge_sql.project.portability import typed
from mlforge_sql.spec.config import ProjectConfig, UnityCatalogStore
from mlforge_sql.sql.text import sql_text
from mlforge_sql.types import parse_type
from mlforge_sql.workflows.compile import schema_reader

PAGE = (Path(__file__).parents[2] / "docs" / "databricks.md").read_text(encoding="utf-8")


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
    for code in (f"MF{number:03}" for number in (*range(70, 74), *range(75, 80))):
        assert code in CODES
        assert f"`{code}`" in PAGE


def test_what_is_said_exactly_is_in_the_dialect_table() -> None:
    table = PAGE[PAGE.index("| | said exactly |") : PAGE.index("Refused are, among others")]
    words = set(re.findall(r"[a-z_0-9]{2,}", " ".join(re.findall(r"`([^`]*)`", table))))
    rows = [row for file in TABLES.glob("*.sql") for row in read_table(file) if not row.refused]
    said = " ".join(row.duckdb for row in rows)
    assert len(words) > 80
    assert [word for word in sorted(words) if not re.search(rf"\b{word}\b", said)] == []


def test_the_division_of_the_page_is_what_is_compiled() -> None:
    columns = {"amount": parse_type("double"), "visits": parse_type("integer")}
    with schema_reader(Path()) as reader:
        tree = translate(typed(parse_expression("amount / visits"), columns, reader).tree)
    said = " ".join(sql_text(tree, Databricks()).split())
    sample = PAGE.split("and on DuckDB it is infinite; compiled, it is")[1]
    assert said == sample.split("```")[1].removeprefix("sql").strip()
