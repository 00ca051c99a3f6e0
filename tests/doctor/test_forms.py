"""Forms of statements, over a session that refuses some."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from databricks_online.jinja import config
from harness import CONFIG, write_project
from sessions import Session
from test_doctor import PROFILES, SPEC, doctor

from mlforge_sql.doctor.findings import Check, Patient, Refused
from mlforge_sql.doctor.forms import READ, WRITE, deep_checks


def asked(session: Session, name: str) -> Any:
    """What a check finds, and what was done to clean up."""
    with ExitStack() as opened:
        patient = Patient(Path(), config(), "live", {}, opened)
        patient.connection = session
        (check,) = (item for item in deep_checks(online=True, write=True) if item.name == name)
        return check.ask(patient)


def names(checks: tuple[Check, ...]) -> list[str]:
    return [check.name for check in checks]


def test_what_is_tried() -> None:
    reads = [form.name for form in READ]
    assert names(deep_checks(online=False, write=False)) == reads
    assert names(deep_checks(online=True, write=True)) == [*reads, "statements", "lakebase"]
    assert not any("{" in form.statement for form in READ)
    assert all("{table}" in form.statement or "{name}" in form.statement for form in WRITE)


@pytest.mark.parametrize("form", READ, ids=lambda form: form.name)
def test_a_form_that_only_reads(form: Any) -> None:
    session = Session()
    assert asked(session, form.name).status == "ok"
    assert session.statements == [form.statement]
    with pytest.raises(Refused) as refused:
        asked(Session(refused=("select",)), form.name)
    assert refused.value.finding.status == "fail"


def test_all_that_write_in_a_schema_of_their_own() -> None:
    session = Session()
    assert asked(session, "statements").detail == f"all {len(WRITE)} forms work"
    first, *rest, last = session.statements
    schema = first.removeprefix("create schema ")
    assert last == f"drop schema if exists {schema} cascade"
    assert len(rest) == len(WRITE)
    assert all(schema in item or schema.replace("`", "") in item for item in rest)


def test_without_the_right_to_make_schemas() -> None:
    session = Session(refused=("create schema",))
    assert asked(session, "statements").status == "ok"
    assert session.statements[-1].startswith("drop table if exists `main`.`features`.")


def test_what_is_refused_is_named() -> None:
    found = asked(
        Session(
            refused=(
                "set tags",
                "table_changes",
            )
        ),
        "statements",
    )
    assert found.status == "fail"
    assert found.detail.startswith(f"3 of {len(WRITE)} forms are refused: tags of a table (")
    assert "changes of a table (online tables that copy what has changed): " in found.detail
    assert "dapi0123456789abcdef" not in found.detail
    assert "report it" in found.next_step


def test_without_its_table_nothing_else_is_tried() -> None:
    session = Session(refused=("create table",))
    found = asked(session, "statements")
    assert found.detail.startswith(f"1 of {len(WRITE)} forms are refused: a feature table (")
    assert len(session.statements) == 3


def test_it_is_for_databricks(tmp_path: Path) -> None:
    root = write_project(tmp_path, SPEC, {**CONFIG, "profiles": PROFILES, "default_profile": "dev"})
    result = doctor(root, "--deep")
    assert result.exit_code == 1
    assert "error[MF124]: profile `dev` is not on Databricks" in result.stderr
    result = doctor(root, "--write", "--profile", "databricks")
    assert result.exit_code == 2
    assert "--write is for --deep" in result.stderr
    found = json.loads(doctor(root, "--deep", "--json", "--profile", "databricks").stdout)
    assert [item["status"] for item in found["checks"][-len(READ) :]] == ["skipped"] * len(READ)
