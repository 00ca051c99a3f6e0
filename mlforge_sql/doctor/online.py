"""Checks of an online store on Databricks: the connection that dbt calls the API through, and the store."""

from __future__ import annotations

import json
from typing import Any

from mlforge_sql.databricks_workspace.connection import connection_errors, error_text, sdk_config
from mlforge_sql.doctor.databricks import explained, run
from mlforge_sql.doctor.findings import Finding, Patient, fail, ok, warn
from mlforge_sql.spec.databricks_online import DatabricksOnlineStore

_STORES = "/2.0/feature-store/online-stores/"
_SECONDS = 15


def connection(patient: Patient) -> Finding:
    """Whether the connection is there and may be used."""
    store = _store(patient)
    if store.publish_via == "cli":
        return ok("none is needed: `mlforge online sync` publishes")
    of_schema = "." in store.connection  # those are not listed: the call says whether it is there
    if not of_schema and not run(patient, f"show connections like '{store.connection}'"):
        return fail(
            f"there is no connection {store.connection}, or you may not see it",
            f"run {_setup(patient)}, or write `publish_via: cli` and run `mlforge online sync`",
        )
    _called(patient)
    return ok(f"{store.connection} may be used")


def online_store(patient: Patient) -> Finding:
    """Whether the online store is there and ready."""
    name = patient.config.store_name(_store(patient))
    hook = _store(patient).publish_via == "hook"
    try:
        status, document = _called(patient) if hook else _asked(patient)
    except connection_errors() as error:
        return explained(patient, error_text(error))
    said = ": ".join(str(document[key]) for key in ("error_code", "message") if document.get(key))
    if status == 404:
        step = f"create it: {_setup(patient)} has the statement" if hook else "create it"
        return fail(f"there is no online store {name}", f"{step}; or name another as `store`")
    if status != 200:
        step = "the login in the connection needs the right to use the store"
        return fail(f"the API answers {status} {said}", step)
    state = str(document.get("state"))
    if state != "AVAILABLE":
        return warn(f"{name} is {state}", "wait until it is AVAILABLE: tables are published then")
    return ok(f"{name} is AVAILABLE, {document.get('capacity')}")


def _called(patient: Patient) -> tuple[int, dict[str, Any]]:
    """The store as the API shows it, through the connection."""
    store = _store(patient)
    path = _STORES + patient.config.store_name(store)
    statement = (
        f"select to_json(http_request(conn => '{store.connection}', method => 'GET', "
        f"path => '{path}')) as answer"
    )
    answer = json.loads(str(run(patient, statement)[0][0]))
    return int(answer["status_code"]), _document(answer.get("text"))


def _asked(patient: Patient) -> tuple[int, dict[str, Any]]:
    """The store as the API shows it."""
    import requests

    assert patient.login is not None
    path = f"/api{_STORES}{patient.config.store_name(_store(patient))}"
    answer = requests.get(
        f"https://{patient.login.host}{path}",
        headers=sdk_config(patient.login).authenticate(),
        timeout=_SECONDS,
        allow_redirects=False,
    )
    return answer.status_code, _document(answer.text)


def _document(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _setup(patient: Patient) -> str:
    return f"{patient.config.dbt_project_dir}/setup/online_{patient.name}.sql"


def _store(patient: Patient) -> DatabricksOnlineStore:
    store = patient.profile.online_store
    assert isinstance(store, DatabricksOnlineStore)
    return store
