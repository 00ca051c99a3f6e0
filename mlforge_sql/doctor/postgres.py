"""Checks of an online store in Postgres: the address, the login, and what a sync will do there."""

from __future__ import annotations

import contextlib
from functools import partial

from mlforge_sql.doctor.findings import Finding, Patient, fail, ok
from mlforge_sql.errors import OnlineError
from mlforge_sql.online.opening import open_offline, postgres_online
from mlforge_sql.spec.config import LocalStore, PostgresOnlineStore


def variables(patient: Patient) -> Finding:
    """Whether the address is set."""
    name = _store(patient).dsn_env
    if not patient.environment.get(name):
        step = f"set {name} to the address, such as postgresql://user:password@host/database"
        return fail(f"{name} is not set", step)
    return ok(f"{name} is set")


def online_store(patient: Patient) -> Finding:
    """Whether the server lets us do what a sync does; it is rolled back."""
    if not isinstance(patient.profile.offline_store, LocalStore):
        return fail(
            "an online store in Postgres is filled from a local offline store",
            "use `KIND: databricks_online`, or a local offline store",
        )
    assert patient.compiled is not None
    offline = partial(open_offline, patient.root, patient.compiled.project, patient.name)
    store = _store(patient)
    try:
        online = postgres_online()(store, patient.name, offline)
        with contextlib.closing(online):
            version = online.try_out()
    except OnlineError as error:
        problem = error.diagnostics[0]
        return fail(problem.message, problem.hint or "see docs/online.md")
    return ok(f"Postgres {version}, tables can be made in schema {store.schema_}")


def _store(patient: Patient) -> PostgresOnlineStore:
    store = patient.profile.online_store
    assert isinstance(store, PostgresOnlineStore)
    return store
