"""The real dbt-databricks adapter against the running warehouse."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from warehouse.client import Warehouse

pytestmark = pytest.mark.functional
DBT = Path(sys.executable).with_name("dbt")
PROJECT = Path(__file__).parent / "dbt_project"
RETRIES = {"_retry_stop_after_attempts_count": 2, "_retry_stop_after_attempts_duration": 10}


@dataclass
class DbtProject:
    """A copy of the project with a profile for the warehouse."""

    folder: Path
    warehouse: Warehouse

    def run(self, *arguments: str, **changes: Any) -> subprocess.CompletedProcess[str]:
        """Run one command; the profile's target with changes."""
        target = self.warehouse.dbt_target("main", "shop")
        target["connection_parameters"] |= RETRIES
        profile = {"shop": {"target": "local", "outputs": {"local": {**target, **changes}}}}
        (self.folder / "profiles.yml").write_text(json.dumps(profile), "utf-8")
        return subprocess.run(
            [str(DBT), "--no-use-colors", *arguments],
            cwd=self.folder,
            env={**os.environ, **self.warehouse.environment(), "DBT_PROFILES_DIR": "."},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def green(self, *arguments: str) -> str:
        """Run one command that must succeed; its output."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def statements(self, text: str) -> list[str]:
        """The logged statements with a text, each in one line."""
        lines = (" ".join(item["sql"].split()) for item in self.warehouse.statements())
        return [line for line in lines if text.lower() in line.lower()]


@pytest.fixture(scope="module")
def project(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    folder = tmp_path_factory.mktemp("dbt") / "project"
    shutil.copytree(PROJECT, folder)
    return DbtProject(folder, warehouse)


def test_debug(project: DbtProject) -> None:
    assert "All checks passed!" in project.green("debug")


def test_build_twice(project: DbtProject) -> None:
    """Contracts, keys, clustering, change data feed, tags, comments, merge, hooks, store_failures."""
    assert "ERROR=0" in project.green("build")
    keys = len(project.statements("TIMESERIES"))
    assert keys == 2
    assert len(project.statements("/*+ repartition(1) */")) > 0
    assert "ERROR=0" in project.green("build")
    assert len(project.statements("merge into")) == 1
    assert len(project.statements("TIMESERIES")) == keys + 1  # the table's, not the incremental's


def test_what_the_build_left(project: DbtProject) -> None:
    if not project.statements("TIMESERIES"):
        project.green("build")
    sql = project.warehouse.sql
    constraints = (
        "select table_name, constraint_name from main.information_schema.table_constraints "
        "where constraint_type = 'PRIMARY KEY' order by table_name"
    )
    assert sql(constraints) == [
        ("order_current", "order_current_pk"),
        ("order_stats", "order_stats_pk"),
        ("order_stats_inc", "order_stats_inc_pk"),
    ]
    assert ("team", "growth") in sql(
        "select tag_name, tag_value from main.information_schema.table_tags"
    )
    properties = dict(sql("show tblproperties main.shop.order_stats_inc"))
    assert properties["delta.enableChangeDataFeed"] == "true"
    detail = sql("select clusteringColumns from (describe detail main.shop.order_stats_inc)")
    assert detail == [(["customer_id", "feature_timestamp"],)]
    assert sql("select count(*) > 0 from main.shop.run_log") == [(True,)]


def test_freshness_and_docs(project: DbtProject) -> None:
    if not project.statements("TIMESERIES"):
        project.green("build")
    assert "WARN freshness of raw.raw_orders" in project.green("source", "freshness")
    project.green("docs", "generate")
    catalog = json.loads((project.folder / "target" / "catalog.json").read_text("utf-8"))
    columns = catalog["nodes"]["model.shop.order_stats"]["columns"]
    assert list(columns) == ["customer_id", "feature_timestamp", "amount_sum_7d", "order_count"]


def test_machine_login(project: DbtProject) -> None:
    """OAuth for machines asks this host for its end points and a token."""
    secret = project.warehouse.token
    login = {"auth_type": "oauth", "client_id": "any", "client_secret": secret, "token": None}
    done = project.run("debug", **login)
    assert "All checks passed!" in done.stdout, done.stdout


def test_a_wrong_token_fails_soon(project: DbtProject) -> None:
    done = project.run("debug", token="wrong")
    assert done.returncode != 0
    assert "Invalid access token" in done.stdout


def test_a_refused_privilege_is_named(project: DbtProject) -> None:
    project.warehouse.reset()
    project.warehouse.deny("create schema")
    done = project.run("build")
    project.warehouse.allow()
    assert done.returncode != 0
    assert "User does not have CREATE SCHEMA" in done.stdout


def test_a_warehouse_that_dies_ends_the_build(project: DbtProject) -> None:
    """The last test: the module's warehouse is gone afterwards."""
    project.warehouse.stop_at("create or replace table `main`.`shop`.`order_stats`")
    done = project.run("build")
    assert done.returncode != 0
    assert not project.warehouse.running
