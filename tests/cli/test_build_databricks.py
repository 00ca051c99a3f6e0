"""``mlforge build`` in a Databricks profile, up to where dbt would start."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from harness import CONFIG, write_project

from mlforge_sql.cli import main

SPEC = {
    "entities": [{"name": "customer", "join_key": "customer_id"}],
    "sources": [
        {
            "name": "payments",
            "table": "main.raw.payments",
            "timestamp": "paid_at",
            "columns": {"customer_id": "string", "paid_at": "timestamp", "amount": "double"},
        }
    ],
    "features": [
        {
            "name": "last_payment",
            "source": "payments",
            "entities": ["customer"],
            "select": {"last_amount": "amount"},
        }
    ],
}
STORE = {"KIND": "unity_catalog", "catalog": "main", "schema": "features"}
ENVIRONMENT = {
    "DATABRICKS_HOST": "https://nowhere.invalid/",
    "DATABRICKS_TOKEN": "dapi-secret",
    "DATABRICKS_WAREHOUSE_ID": "abc",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOST", "TOKEN", "WAREHOUSE_ID", "HTTP_PATH", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"DATABRICKS_{name}", raising=False)
    profiles = {**CONFIG["profiles"], "databricks": {"offline_store": STORE}}
    return write_project(tmp_path / "shop", SPEC, {**CONFIG, "profiles": profiles})


def build(project: Path, **environment: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "80", **environment})
    arguments = ["--project-dir", str(project), "build", "--profile", "databricks"]
    return runner.invoke(main, arguments)


def test_without_the_adapter(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlforge_sql.databricks_workspace.adapter.adapter_version", lambda: None)
    result = build(project, **ENVIRONMENT)
    assert result.exit_code == 1
    assert result.stderr == (
        "error[MF075]: dbt-databricks is not installed\n"
        "  = pip install 'mlforge-sql[databricks]'\n"
        "\n"
        "1 error; nothing was written\n"
    )


def test_with_an_adapter_that_is_too_old(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "mlforge_sql.databricks_workspace.adapter.adapter_version", lambda: "1.12.3"
    )
    result = build(project, **ENVIRONMENT)
    assert result.exit_code == 1
    assert "error[MF075]: dbt-databricks 1.12.3 is too old" in result.stderr


def test_without_any_variable(project: Path) -> None:
    result = build(project)
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "error[MF076]: the environment variables DATABRICKS_HOST, DATABRICKS_HTTP_PATH\n"
        "  and DATABRICKS_TOKEN are not set\n"
    )
    assert not (project / "dbt").exists()


def test_with_two_logins(project: Path) -> None:
    result = build(project, **ENVIRONMENT, DATABRICKS_CLIENT_SECRET="dose-secret")
    assert result.exit_code == 1
    assert "error[MF078]: DATABRICKS_TOKEN and DATABRICKS_CLIENT_SECRET are set" in result.stderr
    assert "secret" not in result.output


def test_a_host_that_is_not_there(project: Path) -> None:
    started = time.monotonic()
    result = build(project, **ENVIRONMENT)
    assert time.monotonic() - started < 30
    assert result.exit_code == 1
    assert result.stderr == (
        "error[MF077]: the name `nowhere.invalid` cannot be found\n"
        "  = check DATABRICKS_HOST for a typing mistake, and the network: VPN, firewall,\n"
        "    proxy\n"
        "\n"
        "1 error; nothing was written\n"
    )
    assert not (project / "dbt").exists()


def test_a_local_profile_needs_nothing_of_that(project: Path) -> None:
    """Only the chosen profile is asked."""
    result = CliRunner().invoke(main, ["--project-dir", str(project), "compile"])
    assert result.exit_code == 0, result.output
    text = (project / "dbt" / "profiles.yml").read_text(encoding="utf-8")
    assert 'env_var("DATABRICKS_TOKEN")' in text
