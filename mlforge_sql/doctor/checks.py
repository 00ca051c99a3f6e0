"""The checks of a profile, in the order in which they are made."""

from __future__ import annotations

from mlforge_sql.doctor import databricks, local, machine, online, postgres
from mlforge_sql.doctor.findings import Check
from mlforge_sql.spec.config import (
    LocalOnlineStore,
    LocalStore,
    PostgresOnlineStore,
    Profile,
    UnityCatalogStore,
)
from mlforge_sql.spec.databricks_online import DatabricksOnlineStore

EVERYWHERE = (
    Check("python", machine.python),
    Check("packages", machine.packages),
    Check("project", machine.project),
)

LOCAL = (
    Check("variables", machine.variables),
    Check("folder", local.folder),
    Check("database", local.database, needs=("folder",)),
    Check("sources", local.sources, needs=("project",)),
)

DATABRICKS = (
    Check("adapter", databricks.adapter),
    Check("variables", databricks.variables),
    Check("host", databricks.host, needs=("variables",)),
    Check("login", databricks.log_in, needs=("host", "adapter")),
    Check("warehouse", databricks.warehouse, needs=("login",)),
    Check("time zone", databricks.time_zone, needs=("warehouse",)),
    Check("session", databricks.session, needs=("time zone",)),
    Check("catalog", databricks.catalog, needs=("warehouse",)),
    Check("schema", databricks.schema, needs=("catalog",)),
    Check("tables", databricks.tables, needs=("schema",)),
    Check("sources", databricks.sources, needs=("warehouse", "project")),
)


ONLINE = (
    Check("connection", online.connection, needs=("warehouse",)),
    Check("online store", online.online_store, needs=("connection",)),
)


POSTGRES = (
    Check("online address", postgres.variables),
    Check("online store", postgres.online_store, needs=("online address", "project")),
)


def checks_of(profile: Profile) -> tuple[Check, ...]:
    """The checks of a profile: those of its stores follow those that every profile has."""
    return (*EVERYWHERE, *_offline(profile), *_online(profile))


def _offline(profile: Profile) -> tuple[Check, ...]:
    match profile.offline_store:
        case LocalStore():
            return LOCAL
        case UnityCatalogStore():
            return DATABRICKS


def _online(profile: Profile) -> tuple[Check, ...]:
    match profile.online_store:
        case DatabricksOnlineStore():
            return ONLINE
        case PostgresOnlineStore():
            return POSTGRES
        case LocalOnlineStore() | None:  # the offline store itself
            return ()
