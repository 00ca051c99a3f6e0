"""The doctor on this machine: versions, environment, project, local profiles, what it prints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from harness import CONFIG, write_parquet, write_project

from mlforge_sql.cli import main
from mlforge_sql.doctor.checks import checks_of
from mlforge_sql.doctor.findings import Status
from mlforge_sql.loading.load import load_config

SCHEMA = {"customer_id": "VARCHAR", "paid_at": "TIMESTAMP", "amount": "DOUBLE"}
SPEC: dict[str, Any] = {
    "entities": [{"name": "customer", "join_key": "customer_id"}],
    "sources": [{"name": "payments", "path": "data/payments.parquet", "timestamp": "paid_at"}],
    "features": [
        {
            "name": "last_payment",
            "source": "payments",
            "entities": ["customer"],
            "select": {"last_amount": "amount"},
        }
    ],
}
COLUMNS = {"customer_id": "string", "paid_at": "timestamp", "amount": "double"}
STORE = {"KIND": "unity_catalog", "catalog": "main", "schema": "features"}
PROFILES = {**CONFIG["profiles"], "databricks": {"offline_store": STORE}}
NAMES = ("HOST", "TOKEN", "WAREHOUSE_ID", "HTTP_PATH", "CLIENT_ID", "CLIENT_SECRET")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in NAMES:
        monkeypatch.delenv(f"DATABRICKS_{name}", raising=False)
    config = {**CONFIG, "profiles": PROFILES, "default_profile": "dev"}
    root = write_project(tmp_path / "shop", SPEC, config)
    write_parquet(root / "data" / "payments.parquet", SCHEMA, [])
    return root


def doctor(root: Path, *arguments: str, **environment: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1", **environment})
    return runner.invoke(main, ["--project-dir", str(root), "doctor", *arguments])


def checks(root: Path, *arguments: str, **environment: str) -> dict[str, dict[str, str]]:
    """The results by name, from the JSON; the exit code says whether one failed."""
    result = doctor(root, "--json", *arguments, **environment)
    said = json.loads(result.stdout)
    failed = [item for item in said["checks"] if item["status"] == "fail"]
    assert said["version"] == 1
    assert said["ok"] == (not failed)
    assert result.exit_code == (1 if failed else 0)
    for item in said["checks"]:
        assert (item["next_step"] is None) == (item["status"] in {"ok", "skipped"}), item
    return {item["name"]: item for item in said["checks"]}


def test_all_is_well(project: Path) -> None:
    found = checks(project)
    assert list(found) == [
        "python",
        "packages",
        "project",
        "variables",
        "folder",
        "database",
        "sources",
    ]
    assert {item["status"] for item in found.values()} == {"ok"}
    assert found["project"]["detail"] == "1 feature, 0 training sets"
    assert found["folder"]["detail"] == "./feature_store, which the first build makes"
    assert found["database"]["detail"] == "no features.duckdb yet; the first build makes it"
    assert duckdb.__version__ in found["packages"]["detail"]
    assert {item.name for item in project.iterdir()} == {"data", "features", "mlforge.yaml"}


def test_what_people_see(project: Path) -> None:
    (project / "data" / "payments.parquet").unlink()
    result = doctor(project)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].startswith("ok       python      3.")
    text = " ".join(result.stdout.split())
    assert "fail project features/spec.yml" in text
    assert "no file matches `data/payments.parquet`" in text
    assert "next: mend it; `mlforge compile` shows where it is" in text
    assert "skipped sources not checked, because of project" in text
    assert result.stderr == "profile dev: 1 failed, 0 warned, 1 not checked\n"


def test_quiet_is_without_the_count(project: Path) -> None:
    arguments = ["-q", "--project-dir", str(project), "doctor"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    assert result.stderr == ""


def test_an_unknown_profile(project: Path) -> None:
    result = doctor(project, "--profile", "databrick")
    assert result.exit_code == 1
    assert "error[MF025]: unknown profile `databrick`" in result.stderr


def test_packages_that_do_not_fit(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ["duckdb>=99", "nowhere-to-be-found>=1", "click>=8", "no-such-extra; extra == 'dev'"]
    monkeypatch.setattr("mlforge_sql.doctor.machine.requires", lambda _: needed)
    found = checks(project)["packages"]
    assert found["status"] == "fail"
    assert found["detail"] == (
        f"duckdb {duckdb.__version__} is not >=99; nowhere-to-be-found is missing"
    )
    assert found["next_step"] == "pip install 'duckdb>=99' 'nowhere-to-be-found>=1'"


def test_a_python_that_is_too_old(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlforge_sql.doctor.machine.OLDEST_PYTHON", (4, 1))
    found = checks(project)["python"]
    assert found["status"] == "fail"
    assert found["next_step"] == "install Python 4.1 or newer"


def test_the_salt(project: Path) -> None:
    file = project / "mlforge.yaml"
    file.write_text(
        file.read_text(encoding="utf-8") + "surrogate_key_salt_env: SHOP_SALT\n", encoding="utf-8"
    )
    missing = checks(project)["variables"]
    assert missing["detail"] == "the environment variable SHOP_SALT is not set"
    assert "set SHOP_SALT to the salt" in missing["next_step"]
    assert checks(project, SHOP_SALT="pepper")["variables"]["detail"] == "SHOP_SALT is set"
    remote = checks(project, "--profile", "databricks")["variables"]
    assert "DATABRICKS_TOKEN and SHOP_SALT are not set" in remote["detail"]


def test_a_file_where_the_folder_belongs(project: Path) -> None:
    (project / "feature_store").write_text("mine", encoding="utf-8")
    found = checks(project)
    assert found["folder"]["detail"] == "`feature_store` is a file"
    assert found["database"]["status"] == "skipped"


def test_a_folder_that_cannot_be_written(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    found = checks(project)["folder"]
    assert found["detail"] == "`./feature_store` cannot be written: Permission denied"


HOLD = """
import duckdb, sys
with duckdb.connect(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_database_that_somebody_has_open(project: Path) -> None:
    file = project / "feature_store" / "features.duckdb"
    file.parent.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        found = checks(project)["database"]
        assert found["status"] == "fail"
        assert found["detail"].startswith(f"features.duckdb is locked: process {holder.pid} (")
        assert str(project) not in found["detail"]
        assert "close the program that has it open" in found["next_step"]
        holder.communicate("")
    assert checks(project)["database"]["status"] == "ok"


def test_a_file_that_is_no_database(project: Path) -> None:
    file = project / "feature_store" / "features.duckdb"
    file.parent.mkdir()
    file.write_text("not a database" * 1000, encoding="utf-8")
    found = checks(project)["database"]
    assert found["status"] == "fail"
    assert found["next_step"].startswith("move features.duckdb away")


def test_files_of_sources_that_are_gone(project: Path) -> None:
    """Declared columns make the project compile; the build needs the file."""
    spec = {**SPEC, "sources": [{**SPEC["sources"][0], "columns": COLUMNS}]}
    write_project(project, spec, {**CONFIG, "profiles": PROFILES, "default_profile": "dev"})
    (project / "data" / "payments.parquet").unlink()
    found = checks(project)
    assert found["project"]["status"] == "ok"
    assert found["sources"]["status"] == "fail"
    assert found["sources"]["detail"] == "payments: no file matches `data/payments.parquet`"


def test_sources_that_are_only_on_databricks(project: Path) -> None:
    source = {"name": "payments", "table": "main.raw.payments", "timestamp": "paid_at"}
    spec = {**SPEC, "sources": [{**source, "columns": COLUMNS}]}
    write_project(project, spec, {**CONFIG, "profiles": PROFILES, "default_profile": "dev"})
    found = checks(project)["sources"]
    assert (found["status"], found["detail"]) == ("warn", "only on Databricks: payments")


def test_databricks_without_anything(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlforge_sql.doctor.databricks.adapter_version", lambda: None)
    found = checks(project, "--profile", "databricks")
    assert found["adapter"]["detail"] == "dbt-databricks is not installed"
    assert found["adapter"]["next_step"] == "pip install 'mlforge-sql[databricks]'"
    assert found["variables"]["detail"] == (
        "the environment variables DATABRICKS_HOST, DATABRICKS_HTTP_PATH and DATABRICKS_TOKEN "
        "are not set"
    )
    rest = ["host", "login", "warehouse", "time zone", "session"]
    rest += ["catalog", "schema", "tables", "sources"]
    assert {found[name]["status"] for name in rest} == {"skipped"}
    assert found["tables"]["detail"] == "not checked, because of schema"


def test_databricks_that_does_not_answer(project: Path) -> None:
    result = doctor(
        project,
        "--profile",
        "databricks",
        DATABRICKS_HOST="nowhere.invalid",
        DATABRICKS_TOKEN="dapi-secret",
        DATABRICKS_WAREHOUSE_ID="abc",
    )
    assert result.exit_code == 1
    text = " ".join(result.stdout.split())
    assert "fail host the name `nowhere.invalid` cannot be found" in text
    assert "skipped login not checked, because of host" in text
    assert "dapi-secret" not in result.output


def test_two_logins(project: Path) -> None:
    environment = {f"DATABRICKS_{name}": "secret" for name in ("HOST", "TOKEN", "HTTP_PATH")}
    found = checks(project, "--profile", "databricks", **environment, ARM_CLIENT_ID="me")
    assert found["variables"]["detail"] == (
        "DATABRICKS_TOKEN and ARM_CLIENT_ID are set: the Databricks SDK takes one login, not two"
    )


def test_a_host_with_more_behind_it(project: Path) -> None:
    environment = {"DATABRICKS_TOKEN": "t", "DATABRICKS_WAREHOUSE_ID": "w"}
    host = {"DATABRICKS_HOST": "https://adb-12.invalid/?o=12"}
    found = checks(project, "--profile", "databricks", **environment, **host)["variables"]
    assert found["status"] == "fail"
    assert "set it to `adb-12.invalid`" in found["next_step"]


def test_every_need_is_a_check_before_it(project: Path) -> None:
    for profile in load_config(project).spec.profiles.values():
        before: set[str] = set()
        for check in checks_of(profile):
            assert set(check.needs) <= before, check.name
            assert check.name not in before
            before.add(check.name)


def test_statuses_are_words() -> None:
    assert [str(item) for item in Status] == ["ok", "warn", "fail", "skipped"]
