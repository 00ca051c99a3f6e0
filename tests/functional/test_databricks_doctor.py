"""The doctor on the local warehouse: each right and each wrong, and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from harness import write_project
from warehouse import Warehouse

from mlforge_sql.cli import main
from mlforge_sql.doctor.forms import READ, WRITE

pytestmark = pytest.mark.functional

COLUMNS = {"customer_id": "string", "paid_at": "timestamp", "amount": "double"}
NAMES = ["adapter", "variables", "host", "login", "warehouse", "time zone", "session"]
NAMES += ["catalog", "schema", "tables", "sources"]


@dataclass(frozen=True)
class Patient:
    root: Path
    warehouse: Warehouse

    def write(self, **store: str) -> None:
        source = {"name": "payments", "table": "main.doctor_raw.payments", "timestamp": "paid_at"}
        feature = {"name": "last_payment", "source": "payments", "entities": ["customer"]}
        spec = {
            "entities": [{"name": "customer", "join_key": "customer_id"}],
            "sources": [{**source, "columns": COLUMNS}],
            "features": [{**feature, "select": {"last_amount": "amount"}}],
        }
        kind = {"KIND": "unity_catalog", "catalog": "main", "schema": "doctor_features", **store}
        config = {"name": "shop", "profiles": {"databricks": {"offline_store": kind}}}
        write_project(self.root, spec, config)

    def load(
        self, columns: str = "'c1' as customer_id, current_timestamp() as paid_at, 1d as amount"
    ) -> None:
        self.warehouse.sql("create schema if not exists main.doctor_raw")
        self.warehouse.sql("drop table if exists main.doctor_raw.payments")
        self.warehouse.sql(f"create table main.doctor_raw.payments as select {columns}")

    def examine(self, *options: str, **environment: str) -> dict[str, dict[str, Any]]:
        runner = CliRunner(env={**self.warehouse.login(), **environment})
        arguments = ["--project-dir", str(self.root), "doctor", "--json", *options]
        result = runner.invoke(main, arguments)
        assert self.warehouse.token not in result.output
        assert "Traceback" not in result.output
        assert result.stderr == ""
        found = {item["name"]: item for item in json.loads(result.stdout)["checks"]}
        failed = [name for name, item in found.items() if item["status"] == "fail"]
        assert result.exit_code == (1 if failed else 0)
        return found

    def schemas(self) -> set[str]:
        return {str(row[0]) for row in self.warehouse.sql("show schemas in main")}


@pytest.fixture
def patient(shared_warehouse: Warehouse, tmp_path: Path) -> Iterator[Patient]:
    made = Patient(tmp_path / "shop", shared_warehouse)
    made.write()
    made.load()
    yield made
    shared_warehouse.allow()
    for name in ("doctor_raw", "doctor_features"):
        shared_warehouse.sql(f"drop schema if exists main.{name} cascade")


def statuses(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: found[name]["status"] for name in NAMES}


def test_all_is_well_and_nothing_is_left(patient: Patient) -> None:
    before = patient.schemas()
    found = patient.examine()
    assert statuses(found) == dict.fromkeys(NAMES, "ok")
    assert found["login"]["detail"] == "as local@example.com"
    assert found["time zone"]["detail"] == "UTC"
    assert found["schema"]["detail"] == "main.doctor_features may be made; the first build makes it"
    assert patient.schemas() == before
    patient.warehouse.sql("create schema main.doctor_features")
    again = patient.examine()
    assert again["schema"]["detail"] == "main.doctor_features"
    assert again["tables"]["status"] == "ok"
    assert "doctor_features" in patient.schemas(), "what was there stays"
    assert patient.warehouse.sql("show tables in main.doctor_features") == []


def test_every_form_of_statement(patient: Patient) -> None:
    """The deep examination; what it makes for it is gone afterwards."""
    patient.warehouse.sql("create schema main.doctor_features")
    before = patient.schemas()
    found = patient.examine("--deep")
    assert {found[form.name]["status"] for form in READ} == {"ok"}
    assert "statements" not in found
    written = patient.examine("--deep", "--write")
    assert written["statements"] == {
        "name": "statements",
        "status": "ok",
        "detail": f"all {len(WRITE)} forms work",
        "next_step": None,
    }
    assert patient.schemas() == before
    assert patient.warehouse.sql("show tables in main.doctor_features") == []


def test_machines(patient: Patient) -> None:
    secret = patient.warehouse.token
    found = patient.examine(DATABRICKS_CLIENT_ID="robot", DATABRICKS_CLIENT_SECRET=secret)
    assert statuses(found) == dict.fromkeys(NAMES, "ok")
    assert "login with a service principal" in found["variables"]["detail"]
    wrong = patient.examine(DATABRICKS_CLIENT_ID="robot", DATABRICKS_CLIENT_SECRET="dose-wrong")
    assert wrong["login"]["status"] == "fail"
    assert "does not accept the service principal" in wrong["login"]["detail"]


def test_a_wrong_token(patient: Patient) -> None:
    found = patient.examine(DATABRICKS_TOKEN="dapi-wrong")
    assert found["login"]["detail"] == "Databricks does not accept the token in DATABRICKS_TOKEN"
    assert "make a new token" in found["login"]["next_step"]
    assert found["warehouse"]["detail"] == "not checked, because of login"


def test_a_wrong_path(patient: Patient) -> None:
    found = patient.examine(DATABRICKS_HTTP_PATH="/sql/2.0/none")
    assert found["login"]["status"] == "ok"
    assert found["warehouse"]["detail"] == "the workspace has no such SQL warehouse"


def test_a_missing_catalog(patient: Patient) -> None:
    patient.write(catalog="nope")
    found = patient.examine()
    assert found["catalog"]["detail"] == (
        "the catalog `nope` does not exist, or you may not see it"
    )
    assert found["schema"]["status"] == found["tables"]["status"] == "skipped"
    assert found["sources"]["status"] == "ok"


@pytest.mark.parametrize(
    ("privilege", "check"),
    [
        ("USE CATALOG", "catalog"),
        ("CREATE SCHEMA", "schema"),
        ("CREATE TABLE", "tables"),
        ("MODIFY", "tables"),
    ],
)
def test_missing_privileges(patient: Patient, privilege: str, check: str) -> None:
    before = patient.schemas()
    patient.warehouse.deny(privilege)
    found = patient.examine()
    patient.warehouse.allow()
    assert found[check]["status"] == "fail"
    assert found[check]["detail"] == f"the privilege {privilege} is missing"
    assert f"grant {privilege.lower()} on" in found[check]["next_step"]
    assert patient.schemas() == before


def test_a_table_that_could_not_be_dropped_is_named(patient: Patient) -> None:
    patient.warehouse.sql("create schema main.doctor_features")
    patient.warehouse.deny("MANAGE")
    found = patient.examine()
    patient.warehouse.allow()
    ((_, left, _),) = patient.warehouse.sql("show tables in main.doctor_features")
    assert found["tables"]["status"] == "fail"
    assert f"`{left}`" in found["tables"]["next_step"]


def test_sources(patient: Patient) -> None:
    patient.load("'c1' as customer_id, date'2024-01-01' as paid_at, 1 as amount, 2 as more")
    found = patient.examine()["sources"]
    assert found["status"] == "fail"
    assert found["detail"] == (
        "main.doctor_raw.payments: `paid_at` is date, not timestamp, `amount` is int, not double"
    )

    patient.load("'c1' as customer_id, timestamp_ntz'2024-01-01' as paid_at, 1f as amount")
    assert patient.examine()["sources"]["status"] == "ok", "the same kinds"

    patient.load("'c1' as customer_id, current_timestamp() as paid_at, 1d as total")
    found = patient.examine()["sources"]
    assert found["status"] == "fail"
    assert found["detail"] == "main.doctor_raw.payments: `amount` is missing"

    patient.warehouse.sql("drop table main.doctor_raw.payments")
    found = patient.examine()["sources"]
    assert found["status"] == "fail"
    assert found["detail"] == (
        "main.doctor_raw.payments: the table `main.doctor_raw.payments` does not exist, or you "
        "may not see it"
    )
