"""The Databricks bundle that is written: read back through the models of databricks-sdk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from databricks.sdk.service.jobs import JobSettings
from harness import CONFIG, write_project

from mlforge_sql.cli import main
from mlforge_sql.starting.bundle import ADAPTER

STORE = {"KIND": "unity_catalog", "catalog": "main", "schema": "features"}
ONLINE = {"KIND": "databricks_online", "catalog": "main", "schema": "online"}


def bundle(root: Path, *arguments: str) -> Result:
    runner = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"})
    return runner.invoke(main, ["--project-dir", str(root), "bundle", *arguments])


def project(root: Path, **profiles: Any) -> Path:
    return write_project(
        root, {"entities": []}, {**CONFIG, "profiles": {**CONFIG["profiles"], **profiles}}
    )


def job_of(text: str) -> dict[str, Any]:
    """The job; every key of it is one that Databricks' API has."""
    document = yaml.safe_load(text)
    assert set(document) == {"bundle", "variables", "sync", "resources", "targets"}
    (job,) = document["resources"]["jobs"].values()
    assert JobSettings.from_dict(job).as_dict() == job
    return dict(job)


def test_a_job_that_builds(tmp_path: Path) -> None:
    root = project(tmp_path, live={"offline_store": {**STORE, "warehouse_id": "8f2c"}})
    result = bundle(root, "--profile", "live")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "`databricks bundle validate`" in " ".join(result.stderr.split())
    text = (root / "databricks.yml").read_text(encoding="utf-8")
    job = job_of(text)
    (task,) = job["tasks"]
    assert task["dbt_task"] == {
        "project_directory": "./dbt",
        "warehouse_id": "${var.warehouse_id}",
        "catalog": "main",
        "schema": "features",
        "commands": ["dbt build"],
    }
    (environment,) = job["environments"]
    assert environment["environment_key"] == task["environment_key"]
    assert environment["spec"]["dependencies"] == [ADAPTER]
    document = yaml.safe_load(text)
    assert document["variables"]["warehouse_id"]["default"] == "8f2c"
    assert document["sync"]["include"] == ["dbt/**"]
    assert document["targets"]["dev"] == {"mode": "development", "default": True}


def test_the_adapter_is_the_one_of_our_extra() -> None:
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    assert f'"{ADAPTER}"' in pyproject.read_text(encoding="utf-8")


def test_profiles_that_share_a_schema_are_told_apart(tmp_path: Path) -> None:
    online = {**ONLINE, "horizon": "2d", "publish_via": "cli"}
    live = {"offline_store": STORE, "online_store": online}
    root = project(tmp_path, live=live, other={"offline_store": {**STORE, "schema": "FEATURES"}})
    text = bundle(root, "--profile", "live", "--print").stdout
    (task,) = job_of(text)["tasks"]
    assert task["dbt_task"]["commands"] == ["dbt build --vars 'mlforge_profile: live'"]
    assert "default" not in yaml.safe_load(text)["variables"]["warehouse_id"]
    assert "# Online values reach 2d past a build: it has to run at least that often." in text
    assert "`mlforge online sync --profile live`" in text
    assert not (root / "databricks.yml").exists()


@pytest.mark.parametrize("name", ["shop", "_2024", "no"])
def test_names_stay_text(tmp_path: Path, name: str) -> None:
    root = project(tmp_path, live={"offline_store": {**STORE, "schema": "on"}})
    file = root / "mlforge.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump({**document, "name": name}), encoding="utf-8")
    text = bundle(root, "--profile", "live", "--print").stdout
    assert yaml.safe_load(text)["bundle"]["name"] == name
    assert job_of(text)["tasks"][0]["dbt_task"]["schema"] == "on"
    assert list(yaml.safe_load(text)["resources"]["jobs"]) == [name]


def test_what_is_there_stays(tmp_path: Path) -> None:
    root = project(tmp_path, live={"offline_store": STORE})
    file = root / "databricks.yml"
    file.write_text("mine: 1\n", encoding="utf-8")
    result = bundle(root, "--profile", "live")
    assert result.exit_code == 1
    assert "error[MF126]: `databricks.yml` is there already" in result.stderr
    assert file.read_text(encoding="utf-8") == "mine: 1\n"
    assert bundle(root, "--profile", "live", "--force").exit_code == 0
    assert "dbt_task" in file.read_text(encoding="utf-8")
    assert [path.name for path in root.glob(".mlforge_bundle_*")] == []


def test_a_link_to_nothing_is_not_followed(tmp_path: Path) -> None:
    root = project(tmp_path / "one", live={"offline_store": STORE})
    (root / "databricks.yml").symlink_to(tmp_path / "elsewhere.yml")
    assert "error[MF126]" in bundle(root, "--profile", "live").stderr
    assert bundle(root, "--profile", "live", "--force").exit_code == 0
    assert not (tmp_path / "elsewhere.yml").exists()


def test_a_folder_in_the_way_is_said(tmp_path: Path) -> None:
    root = project(tmp_path, live={"offline_store": STORE})
    (root / "databricks.yml").mkdir()
    result = bundle(root, "--profile", "live", "--force")
    assert result.exit_code == 1
    assert "error[MF053]: cannot write `databricks.yml`" in result.stderr


def test_it_is_for_databricks(tmp_path: Path) -> None:
    root = project(tmp_path / "one", live={"offline_store": STORE})
    result = bundle(root)
    assert result.exit_code == 1
    assert "error[MF125]: profile `dev` is not on Databricks" in result.stderr
    assert "name another with --profile: `live`" in result.stderr
    alone = bundle(project(tmp_path / "two"))
    assert "KIND: unity_catalog" in " ".join(alone.stderr.split())
