"""A profile's login: what the environment must hold, and that Python reads it as dbt does."""

from __future__ import annotations

import pytest

from mlforge_sql.databricks_workspace.adapter import adapter_problem
from mlforge_sql.databricks_workspace.explanations import hide_secrets
from mlforge_sql.databricks_workspace.login import Auth, Login, find_login, missing_variables
from mlforge_sql.errors import SpecErrors
from mlforge_sql.spec.config import UnityCatalogStore

ADDRESS = {"DATABRICKS_HOST": "dbc-1.cloud.databricks.com", "DATABRICKS_WAREHOUSE_ID": "abc"}
TOKEN = {"DATABRICKS_TOKEN": "dapi-secret"}
CLIENT = {"DATABRICKS_CLIENT_ID": "me", "DATABRICKS_CLIENT_SECRET": "dose-secret"}


def store(**values: str) -> UnityCatalogStore:
    return UnityCatalogStore.model_validate(
        {"KIND": "unity_catalog", "catalog": "main", "schema": "features", **values}
    )


@pytest.mark.parametrize(
    ("auth", "environment", "expected"),
    [
        (None, TOKEN, Auth.TOKEN),
        (None, CLIENT, Auth.OAUTH),
        (None, TOKEN | CLIENT, Auth.OAUTH),
        ("token", TOKEN, Auth.TOKEN),
        ("oauth", CLIENT | TOKEN, Auth.OAUTH),
        ("browser", {}, Auth.BROWSER),
    ],
)
def test_who_logs_in(auth: str | None, environment: dict[str, str], expected: Auth) -> None:
    login = find_login(store(**({"auth": auth} if auth else {})), {**ADDRESS, **environment})
    assert login.auth is expected
    assert login.token == ("dapi-secret" if expected is Auth.TOKEN else "")
    assert login.client_secret == ("dose-secret" if expected is Auth.OAUTH else "")


@pytest.mark.parametrize(
    "host",
    [
        "dbc-1.cloud.databricks.com",
        "https://dbc-1.cloud.databricks.com",
        "https://dbc-1.cloud.databricks.com/",
        "dbc-1.cloud.databricks.com/",
    ],
)
def test_host_with_or_without_scheme(host: str) -> None:
    login = find_login(store(), {**ADDRESS, **TOKEN, "DATABRICKS_HOST": host})
    assert login.host == "dbc-1.cloud.databricks.com"
    assert login.uri == "https://dbc-1.cloud.databricks.com/sql/1.0/warehouses/abc"


def test_a_job_says_where_and_who() -> None:
    """A dbt task of Lakeflow Jobs has variables of its own; those that a person sets come first."""
    job = {"DBT_HOST": "https://dbc-2.cloud.databricks.com/", "DBT_ACCESS_TOKEN": "dapi-job"}
    login = find_login(store(warehouse_id="abc"), job)
    assert (login.host, login.auth, login.token) == (
        "dbc-2.cloud.databricks.com",
        Auth.TOKEN,
        "dapi-job",
    )
    login = find_login(store(), {**ADDRESS, **TOKEN, **job})
    assert (login.host, login.token) == ("dbc-1.cloud.databricks.com", "dapi-secret")
    assert missing_variables(store(), {"DBT_HOST": "h"}) == (
        "DATABRICKS_HTTP_PATH",
        "DATABRICKS_TOKEN",
    )


def test_problems_of_a_job_name_its_variables() -> None:
    job = {**ADDRESS, "DATABRICKS_HOST": "", "DBT_HOST": "h/?o=1", "DBT_ACCESS_TOKEN": "dapi-job"}
    with pytest.raises(SpecErrors) as caught:
        find_login(store(), job)
    assert caught.value.diagnostics[0].message == "DBT_HOST says more than a host"
    with pytest.raises(SpecErrors) as caught:
        find_login(store(auth="token"), job | CLIENT | {"DBT_HOST": "h"})
    assert caught.value.diagnostics[0].message == (
        "DBT_ACCESS_TOKEN and DATABRICKS_CLIENT_ID, DATABRICKS_CLIENT_SECRET are set: "
        "the Databricks SDK takes one login, not two"
    )
    assert hide_secrets("got dapi-job", job) == "got <DBT_ACCESS_TOKEN>"


@pytest.mark.parametrize("rest", ["/?o=12", "/sql/warehouses", "#x", "?o=12"])
def test_a_host_with_more_behind_it_is_refused(rest: str) -> None:
    """As in the address bar of a browser: dbt would read it as a part of the host."""
    host = f"https://adb-12.azuredatabricks.net{rest}"
    with pytest.raises(SpecErrors) as caught:
        find_login(store(), {**ADDRESS, **TOKEN, "DATABRICKS_HOST": host})
    (problem,) = caught.value.diagnostics
    assert problem.code == "MF078"
    assert problem.message == "DATABRICKS_HOST says more than a host"
    assert problem.hint is not None
    assert "set it to `adb-12.azuredatabricks.net`" in problem.hint


def test_where_the_path_comes_from() -> None:
    """The profile first, then DATABRICKS_HTTP_PATH, then DATABRICKS_WAREHOUSE_ID."""
    environment = {**ADDRESS, **TOKEN, "DATABRICKS_HTTP_PATH": "/sql/1.0/warehouses/path"}
    named = find_login(store(warehouse_id="spec"), environment)
    assert named.http_path == "/sql/1.0/warehouses/spec"
    assert find_login(store(), environment).http_path == "/sql/1.0/warehouses/path"
    assert find_login(store(), ADDRESS | TOKEN).http_path == "/sql/1.0/warehouses/abc"


@pytest.mark.parametrize(
    ("values", "environment", "expected"),
    [
        ({}, {}, ("DATABRICKS_HOST", "DATABRICKS_HTTP_PATH", "DATABRICKS_TOKEN")),
        ({"warehouse_id": "abc"}, {"DATABRICKS_HOST": "h"}, ("DATABRICKS_TOKEN",)),
        ({}, ADDRESS, ("DATABRICKS_TOKEN",)),
        ({}, {**ADDRESS, "DATABRICKS_TOKEN": ""}, ("DATABRICKS_TOKEN",)),
        ({}, {**ADDRESS, "DATABRICKS_CLIENT_ID": "me"}, ("DATABRICKS_CLIENT_SECRET",)),
        ({"auth": "oauth"}, ADDRESS, ("DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET")),
        ({"auth": "browser"}, {}, ("DATABRICKS_HOST", "DATABRICKS_HTTP_PATH")),
        ({"auth": "browser"}, ADDRESS, ()),
    ],
)
def test_missing_variables(
    values: dict[str, str], environment: dict[str, str], expected: tuple[str, ...]
) -> None:
    assert missing_variables(store(**values), environment) == expected


def test_missing_variables_are_named_together_and_explained() -> None:
    with pytest.raises(SpecErrors) as raised:
        find_login(store(auth="oauth"), {})
    (problem,) = raised.value.diagnostics
    assert problem.code == "MF076"
    assert problem.message == (
        "the environment variables DATABRICKS_HOST, DATABRICKS_HTTP_PATH, DATABRICKS_CLIENT_ID "
        "and DATABRICKS_CLIENT_SECRET are not set"
    )
    assert problem.hint == (
        "DATABRICKS_HOST (in a job DBT_HOST) is the workspace's address, such as `dbc-1234.cloud.databricks.com`; "
        "DATABRICKS_HTTP_PATH is in the SQL warehouse's connection details; "
        "DATABRICKS_WAREHOUSE_ID, or `warehouse_id` in the profile, can stand for it; "
        "DATABRICKS_CLIENT_ID is the application id of a service principal; "
        "DATABRICKS_CLIENT_SECRET is an OAuth secret of the service principal"
    )


def test_two_logins_are_refused_as_the_sdk_would() -> None:
    with pytest.raises(SpecErrors) as raised:
        find_login(store(auth="token"), {**ADDRESS, **TOKEN, **CLIENT})
    (problem,) = raised.value.diagnostics
    assert problem.code == "MF078"
    assert problem.message == (
        "DATABRICKS_TOKEN and DATABRICKS_CLIENT_ID, DATABRICKS_CLIENT_SECRET are set: "
        "the Databricks SDK takes one login, not two"
    )
    assert (
        problem.hint == "unset them, or set DATABRICKS_AUTH_TYPE=pat so that only the token counts"
    )
    settled = {**ADDRESS, **TOKEN, **CLIENT, "DATABRICKS_AUTH_TYPE": "pat"}
    assert find_login(store(auth="token"), settled).auth is Auth.TOKEN


def test_secrets_do_not_show() -> None:
    shown = repr(Login("host", "/path", Auth.OAUTH, "dapi-secret", "me", "dose-secret"))
    assert "secret=" not in shown
    assert "dapi-secret" not in shown
    assert "dose-secret" not in shown


@pytest.mark.parametrize("found", ["1.12.7", "1.12.8", "1.13.0b1", "2.0"])
def test_adapters_that_fit(found: str) -> None:
    assert adapter_problem(found) is None


@pytest.mark.parametrize("found", ["1.12.6", "1.11.9", "1.12.0rc1", "1.12"])
def test_adapters_that_are_too_old(found: str) -> None:
    assert adapter_problem(found) == (
        f"dbt-databricks {found} is too old: before 1.12.7 it drops and adds primary keys "
        "again on every run"
    )
