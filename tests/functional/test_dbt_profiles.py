"""The targets of Databricks profiles, as dbt reads them: every login, host and path, both parsers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlforge_sql.databricks_workspace.login import Auth, find_login
from mlforge_sql.dbt.profiles import profiles
from mlforge_sql.dbt.yaml_text import yaml_text
from mlforge_sql.engine_settings import SESSION
from mlforge_sql.spec.config import ProjectConfig, UnityCatalogStore

pytestmark = pytest.mark.functional

PROFILES = {
    f"{auth or 'any'}_{'warehouse' if warehouse else 'path'}": {
        "offline_store": {
            "KIND": "unity_catalog",
            "catalog": "main",
            "schema": "features",
            **({"auth": auth} if auth else {}),
            **({"warehouse_id": warehouse} if warehouse else {}),
        }
    }
    for auth in (None, "token", "oauth", "browser")
    for warehouse in (None, "spec")
}
CONFIG = ProjectConfig.model_validate({"name": "shop", "profiles": PROFILES})
TOKEN = {"DATABRICKS_TOKEN": "dapi-secret"}
JOB = {"DBT_ACCESS_TOKEN": "dapi-job"}
CLIENT = {"DATABRICKS_CLIENT_ID": "me", "DATABRICKS_CLIENT_SECRET": "dose-secret"}
PLACES = [
    {**host, **path}
    for host in (
        {"DATABRICKS_HOST": "dbc-1.invalid", "DBT_HOST": "a job's"},
        {"DATABRICKS_HOST": "https://dbc-1.invalid/"},
        {"DATABRICKS_HOST": "", "DBT_HOST": "https://127.0.0.1:8443"},
        {"DBT_HOST": "dbc-1.invalid"},
    )
    for path in (
        {"DATABRICKS_WAREHOUSE_ID": "id"},
        {"DATABRICKS_HTTP_PATH": "/sql/1.0/warehouses/path"},
        {"DATABRICKS_HTTP_PATH": "sql/1.0/warehouses/path", "DATABRICKS_WAREHOUSE_ID": "id"},
    )
]

SCRIPT = """
import json, sys
from dbt.config.renderer import ProfileRenderer
from dbt_common.context import set_invocation_context
from dbt.adapters.databricks.credentials import DatabricksCredentials
for line in sys.stdin:
    target, environment = json.loads(line)
    set_invocation_context(environment)
    try:
        rendered = ProfileRenderer({}).render_data(target)
        data = {key: value for key, value in rendered.items() if key not in {"type", "threads"}}
        data = DatabricksCredentials.translate_aliases(data)
        DatabricksCredentials.validate(data)
        credentials = DatabricksCredentials.from_dict(data)
        credentials.validate_creds()
        print(json.dumps({
            "host": credentials.host, "http_path": credentials.http_path,
            "catalog": credentials.database, "schema": credentials.schema,
            "token": credentials.token, "client_id": credentials.client_id,
            "client_secret": credentials.client_secret, "auth_type": credentials.auth_type,
            "session": credentials.session_properties, "more": credentials.connection_parameters,
        }))
    except Exception as error:
        print(json.dumps({"error": str(error)}))
"""


def targets() -> dict[str, Any]:
    found: dict[str, Any] = profiles(CONFIG)["shop"]["outputs"]
    return found


def read_by_dbt(asked: list[tuple[str, dict[str, str]]]) -> list[dict[str, Any]]:
    """The credentials that dbt and the adapter make of targets and environments."""
    outputs = targets()
    lines = "".join(json.dumps([outputs[name], given]) + "\n" for name, given in asked)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=lines,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def store(name: str) -> UnityCatalogStore:
    found = CONFIG.profiles[name].offline_store
    assert isinstance(found, UnityCatalogStore)
    return found


def credentials(name: str, place: dict[str, str]) -> list[dict[str, str]]:
    """Environments in which a profile can log in."""
    match store(name).auth:
        case "token":
            return [place | TOKEN, place | JOB, place | JOB | TOKEN]
        case "oauth":
            return [place | CLIENT, place | CLIENT | TOKEN]
        case "browser":
            return [place, place | TOKEN]
        case None:
            return [place | TOKEN, place | CLIENT, place | CLIENT | TOKEN | JOB, place | JOB]


def test_dbt_reads_a_target_as_we_do() -> None:
    asked = [
        (name, given) for name in PROFILES for place in PLACES for given in credentials(name, place)
    ]
    found = read_by_dbt(asked)
    assert len(found) == len(asked) > 100
    for (name, given), target in zip(asked, found, strict=True):
        assert "error" not in target, (name, given, target)
        login = find_login(store(name), given)
        assert target["host"] == login.host
        assert target["http_path"] == login.http_path
        uri = target["more"]["_connection_uri"]
        assert uri == (login.uri if ":" in login.host else ""), "a port only where there is one"
        assert (target["token"] or "") == login.token
        assert (target["client_id"] or "") == login.client_id
        assert (target["client_secret"] or "") == login.client_secret
        assert (target["auth_type"] == "oauth") == (login.auth is not Auth.TOKEN)
        assert (target["catalog"], target["schema"]) == ("main", "features")
        assert target["session"] == SESSION


def test_dbt_names_a_missing_variable() -> None:
    place = {"DATABRICKS_HOST": "h"}
    asked = [
        ("any_warehouse", place),
        ("any_path", place | TOKEN),
        ("oauth_warehouse", place | {"DATABRICKS_CLIENT_ID": "me"}),
        ("any_warehouse", place | {"DATABRICKS_CLIENT_ID": "me"}),
        ("browser_warehouse", {}),
    ]
    names = [item["error"].split("'")[1] for item in read_by_dbt(asked)]
    assert names == [
        "DATABRICKS_TOKEN",
        "DATABRICKS_WAREHOUSE_ID",
        "DATABRICKS_CLIENT_SECRET",
        "DATABRICKS_CLIENT_SECRET",
        "DATABRICKS_HOST",
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "one.sql").write_text("select 1 as one\n", encoding="utf-8")
    project = {"name": "shop", "version": "1.0.0", "config-version": 2, "profile": "shop"}
    project["flags"] = {"send_anonymous_usage_stats": False}
    (tmp_path / "dbt_project.yml").write_text(yaml_text(project), encoding="utf-8")
    (tmp_path / "profiles.yml").write_text(yaml_text(profiles(CONFIG)), encoding="utf-8")
    return tmp_path


def run(folder: Path, given: dict[str, str], *command: str) -> str:
    clean = {key: item for key, item in os.environ.items() if not key.startswith("DATABRICKS_")}
    done = subprocess.run(
        [*command, "--profiles-dir", "."],
        cwd=folder,
        env={**clean, **given},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", list(PROFILES))
def test_the_strict_parser_takes_every_target(folder: Path, name: str) -> None:
    parser = str(Path(sys.executable).parent / "dbt-core-experimental-parser")
    for given in credentials(name, PLACES[0]) + credentials(name, PLACES[-1]):
        output = run(folder, given, parser, "parse", "--target", name)
        assert "[error]" not in output
        assert "[warning]" not in output


@pytest.mark.parametrize("name", ["any_path", "token_path"])
def test_dbt_parses_without_a_warning_and_keeps_no_secret(folder: Path, name: str) -> None:
    start = [sys.executable, "-c", "from dbt.cli.main import cli; cli()"]
    given = credentials(name, PLACES[3])[-1]
    output = run(folder, given, *start, "--warn-error", "parse", "--target", name)
    assert "[WARNING]" not in output
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert any(file.name == "manifest.json" for file in files)
    assert any(file.name == "dbt.log" for file in files)
    for secret in (b"dapi-secret", b"dose-secret"):
        assert secret.decode() not in output
        assert [file for file in files if secret in file.read_bytes()] == []
