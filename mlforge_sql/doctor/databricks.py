"""Checks of a profile that stores features in Unity Catalog."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from typing import Any

from sqlglot import exp

from mlforge_sql.databricks_workspace.adapter import INSTALL, adapter_problem, adapter_version
from mlforge_sql.databricks_workspace.connection import (
    connect,
    connection_errors,
    error_text,
    sdk_config,
)
from mlforge_sql.databricks_workspace.explanations import explain, hide_secrets
from mlforge_sql.databricks_workspace.login import (
    HOST,
    RIVAL_HINT,
    Auth,
    find_auth,
    find_login,
    missing_hint,
    missing_text,
    missing_variables,
    rival_text,
    rival_variables,
    token_variable,
)
from mlforge_sql.databricks_workspace.reach import reach
from mlforge_sql.databricks_workspace.retries import RETRIES
from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.dialects.quoting import DATABRICKS
from mlforge_sql.doctor.findings import Finding, Patient, Refused, fail, ok, warn
from mlforge_sql.doctor.machine import salt_step
from mlforge_sql.engine_settings import SYMPTOMS, UTC, symptoms_query
from mlforge_sql.errors import SpecErrors
from mlforge_sql.project.model import ResolvedSource
from mlforge_sql.redaction import without_values
from mlforge_sql.spec.config import UnityCatalogStore
from mlforge_sql.types import Kind

_IMPATIENT = {
    **RETRIES,
    "_retry_stop_after_attempts_count": 3,
    "_retry_stop_after_attempts_duration": 30,
    "_retry_delay_max": 10,
    "_socket_timeout": 30,
}
"""A warehouse that is starting is reported, not waited for."""

_ME = "/api/2.0/preview/scim/v2/Me"
_SECONDS = 15


def adapter(_: Patient) -> Finding:
    """Whether dbt's adapter is there, and new enough."""
    found = adapter_version()
    problem = adapter_problem(found)
    return fail(problem, INSTALL) if problem else ok(f"dbt-databricks {found}")


def variables(patient: Patient) -> Finding:
    """Whether the environment has all that the login needs, and no second login."""
    store = _store(patient)
    salt = patient.config.surrogate_key_salt_env
    missing = missing_variables(store, patient.environment)
    unsalted = (salt,) if salt and not patient.environment.get(salt) else ()
    if missing or unsalted:
        steps = [missing_hint(missing)] if missing else []
        steps += [salt_step(name) for name in unsalted]
        return fail(missing_text((*missing, *unsalted)), "; ".join(steps))
    auth = find_auth(store, patient.environment)
    rivals = rival_variables(auth, patient.environment)
    if rivals:
        return fail(rival_text(rivals, token_variable(patient.environment)), RIVAL_HINT)
    try:
        patient.login = find_login(store, patient.environment)
    except SpecErrors as error:
        (problem,) = error.diagnostics
        return fail(problem.message, problem.hint or "")
    return ok(f"{patient.login.host}, {patient.login.http_path}, login with {_AUTH[auth]}")


_AUTH = {
    Auth.TOKEN: "a token",
    Auth.OAUTH: "a service principal",
    Auth.BROWSER: "a browser",
}


def host(patient: Patient) -> Finding:
    """Whether the host answers."""
    assert patient.login is not None
    started = time.monotonic()
    silence = reach(patient.login.host)
    if silence is not None:
        return fail(silence.message, silence.hint)
    return ok(f"answers in {(time.monotonic() - started) * 1000:,.0f} ms")


def log_in(patient: Patient) -> Finding:
    """Whether the workspace accepts the login."""
    import requests

    assert patient.login is not None
    url = f"https://{patient.login.host}{_ME}"
    try:
        headers = sdk_config(patient.login).authenticate()
        answer = requests.get(url, headers=headers, timeout=_SECONDS, allow_redirects=False)
        if answer.status_code in {401, 403}:
            return explained(patient, f"http-code={answer.status_code}: {answer.text[:200]}")
        who = answer.json().get("userName") if answer.status_code == requests.codes.ok else None
    except connection_errors() as error:
        return explained(patient, error_text(error))
    if who is None:
        said = f"{patient.login.host} answers HTTP {answer.status_code} where a workspace says who"
        return fail(f"{said} has logged in", f"check that {HOST} is the address of a workspace")
    return ok(f"as {who}")


def warehouse(patient: Patient) -> Finding:
    """Whether the SQL warehouse answers a statement."""
    assert patient.login is not None
    started = time.monotonic()
    try:
        session = connect(patient.login, retries=_IMPATIENT)
        patient.connection = patient.opened.enter_context(session)
        run(patient, "select 1")
    except connection_errors() as error:
        return explained(patient, error_text(error))
    return ok(f"answers in {time.monotonic() - started:.1f} s")


def time_zone(patient: Patient) -> Finding:
    """Whether sessions are in UTC, as the profile asks."""
    found = str(run(patient, "select current_timezone()")[0][0])
    if found.lower() not in UTC:
        step = "remove `timezone` from the warehouse's settings (Workspace admin, Compute)"
        return fail(f"sessions are in {found}, although the profile asks for UTC", step)
    return ok(found)


def session(patient: Patient) -> Finding:
    """Whether sessions have the settings that values depend on."""
    texts = run(patient, symptoms_query())[0]
    wrong = [item for item, text in zip(SYMPTOMS, texts, strict=True) if item.is_wrong(str(text))]
    if wrong:
        listed = ", ".join(f"`{item.name}` is not `{item.value}`" for item in wrong)
        step = "change the settings of the warehouse (Workspace admin, Compute) or of the cluster"
        return fail(f"sessions have other settings than values depend on: {listed}", step)
    return ok(f"{len(SYMPTOMS)} settings that values depend on are as they have to be")


def catalog(patient: Patient) -> Finding:
    """Whether the catalog is there and may be used."""
    name = _store(patient).catalog
    run(patient, f"use catalog {DATABRICKS.name(name)}")
    run(patient, f"show schemas in {DATABRICKS.name(name)}")
    return ok(name)


def schema(patient: Patient) -> Finding:
    """Whether the schema is there or may be made; one made for this is removed at the end."""
    store = _store(patient)
    shown = f"{store.catalog}.{store.schema_}"
    name = f"{DATABRICKS.name(store.catalog)}.{DATABRICKS.name(store.schema_)}"
    known = {
        str(row[0]).casefold()
        for row in run(patient, f"show schemas in {DATABRICKS.name(store.catalog)}")
    }
    if store.schema_.casefold() in known:
        run(patient, f"use schema {name}")
        return ok(shown)
    run(patient, f"create schema if not exists {name}")
    patient.opened.callback(_clean_up, patient, f"drop schema if exists {name} restrict")
    return ok(f"{shown} may be made; the first build makes it")


def tables(patient: Patient) -> Finding:
    """Whether a table can be made, filled, read and dropped in the schema."""
    store = _store(patient)
    table = _table(store.catalog, store.schema_, f"_mlforge_doctor_{secrets.token_hex(4)}")
    name = table.sql("databricks")
    run(patient, f"create table {name} (one bigint not null)")
    try:
        for statement in (exp.insert(exp.values([(1,)]), table), exp.select("*").from_(table)):
            run(patient, statement.sql("databricks"))
    except Refused:
        _clean_up(patient, f"drop table {name}")
        raise
    try:
        run(patient, f"drop table {name}")
    except Refused as refused:
        step = f"drop {name}, which was made to try it; {refused.finding.next_step}"
        return fail(f"a table could not be dropped: {refused.finding.detail}", step)
    return ok("can be made, filled, read and dropped")


def sources(patient: Patient) -> Finding:
    """Whether the tables of the sources can be read and have the columns that were compiled."""
    assert patient.compiled is not None
    used = [item for item in patient.compiled.project.sources if item.spec.model is None]
    found = [_source(patient, item) for item in used if item.spec.table is not None]
    broken = next((item for item in found if item.status == "fail"), None)
    if broken is not None:
        return broken
    elsewhere = [item.spec.name for item in used if item.spec.table is None]
    if elsewhere:
        step = "add `table` to them, or leave their features out of builds with this profile"
        return warn(f"only files: {', '.join(elsewhere)}", step)
    return ok(f"{len(found)} readable")


def _source(patient: Patient, source: ResolvedSource) -> Finding:
    """Whether one source can be read and has its columns."""
    table = source.spec.table or ""
    named = _table(*table.split("."))
    try:
        run(patient, exp.select("*").from_(named).limit(0).sql("databricks"))
    except Refused as refused:
        return fail(f"{table}: {refused.finding.detail}", refused.finding.next_step or "")
    real = {
        str(row[0]).casefold(): str(row[1]).casefold()
        for row in run(patient, f"describe table {named.sql('databricks')}")
        if row[0] and not str(row[0]).startswith("#")
    }
    names = Databricks()
    changed: list[str] = []
    for column, kind in source.schema.items():
        found, wanted = real.get(column.casefold()), names.type_name(kind)
        if found is None:
            changed.append(f"`{column}` is missing")
        elif kind.family is not Kind.OTHER and _kind_of_type(found) != _kind_of_type(wanted):
            changed.append(f"`{column}` is {found}, not {wanted}")
    if changed:
        step = "change the table back, or say what it is now in `columns:` of the source"
        return fail(f"{table}: {', '.join(changed)}", step)
    return ok(table)


def _kind_of_type(text: str) -> str:
    """What a type holds, as the macro ``mlforge_kind_of_type`` says when dbt runs."""
    name = text.split("(", maxsplit=1)[0]
    if name == "decimal":
        return "integer" if text.replace(" ", "").endswith(",0)") else "decimal"
    return _KINDS.get(name, text)


_KINDS = {
    **dict.fromkeys(("tinyint", "smallint", "int", "integer", "bigint"), "integer"),
    **dict.fromkeys(("float", "double"), "float"),
    **dict.fromkeys(("varchar", "char"), "string"),
    "timestamp_ntz": "timestamp",
}


def run(patient: Patient, statement: str) -> list[Any]:
    """The rows of a statement.

    Raises:
        Refused: Databricks refuses it, or does not answer.
    """
    assert patient.connection is not None
    try:
        with patient.connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())
    except connection_errors() as error:
        raise Refused(explained(patient, error_text(error))) from error


def _clean_up(patient: Patient, statement: str) -> None:
    """Remove what was made, as far as Databricks lets us."""
    with suppress(Refused):
        run(patient, statement)


def explained(patient: Patient, text: str) -> Finding:
    """What Databricks or the way to it said, as a failure in plain words."""
    known = explain(text)
    if known is not None:
        return fail(known.message, known.hint)
    said = without_values(text, plain=True)
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["no reason given"]
    step = "look it up in Databricks' documentation; the warehouse's query history has the rest"
    return fail(hide_secrets(lines[0], patient.environment)[:300], step)


def _table(catalog: str, schema: str, name: str) -> exp.Table:
    return exp.table_(name, db=schema, catalog=catalog, quoted=True)


def _store(patient: Patient) -> UnityCatalogStore:
    store = patient.profile.offline_store
    assert isinstance(store, UnityCatalogStore)
    return store
