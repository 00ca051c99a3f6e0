"""The online store of a profile."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import TypeIs

from mlforge_sql.dbt.files import FileSet
from mlforge_sql.dialects.base import Dialect
from mlforge_sql.errors import Diagnostic, OnlineError
from mlforge_sql.online.local import LocalOnline
from mlforge_sql.online.model import OnlineStore, Truth
from mlforge_sql.project.model import Project
from mlforge_sql.project.selection import find_profile
from mlforge_sql.spec.config import (
    LocalOnlineStore,
    LocalStore,
    PostgresOnlineStore,
    UnityCatalogStore,
)
from mlforge_sql.spec.databricks_online import DatabricksOnlineStore
from mlforge_sql.stores.duckdb import DuckDbStore, open_duckdb

if TYPE_CHECKING:
    from mlforge_sql.online.databricks.store import DatabricksOnline
    from mlforge_sql.online.postgres.store import PostgresOnline


Macros = Callable[[Dialect], FileSet]
"""Gives the files of the project's macros in the words of an engine."""


def open_online(
    root: Path, project: Project, macros: Macros, profile: str | None, *, fallback: bool = True
) -> OnlineStore:
    """The online store of a profile; nothing is connected yet.

    Args:
        root: Folder of ``mlforge.yaml``.
        project: The project.
        macros: Gives the files of its macros.
        profile: Name of the profile; the default one if None.
        fallback: Whether lookups may read the feature tables while the store cannot be reached,
            where the profile says how.

    Raises:
        SpecErrors: There is no such profile.
        OnlineError: It has no online store, or one whose driver is not installed.
    """
    name = find_profile(project.config, profile)
    spec = project.config.profiles[name]
    offline = partial(open_offline, root, project, name)
    match spec.online_store:
        case PostgresOnlineStore() as store:
            return postgres_online()(store, name, offline)
        case LocalOnlineStore():
            return LocalOnline(name, offline, macros)
        case None if isinstance(spec.offline_store, LocalStore):
            return LocalOnline(name, offline, macros)
        case None:
            message = f"profile `{name}` has no online store"
            hint = "give it an `online_store`, such as {KIND: postgres}"
        case DatabricksOnlineStore() as store:
            return _databricks(root, project, macros, name, store, fallback=fallback)
    raise OnlineError([Diagnostic("MF080", message, hint=hint)])


def open_truth(root: Path, project: Project, macros: Macros, profile: str | None) -> Truth:
    """The offline step functions of a profile, to compare online values with.

    Raises:
        SpecErrors: There is no such profile.
        RetrievalError: They cannot be opened.
    """
    name = find_profile(project.config, profile)
    offline = project.config.profiles[name].offline_store
    match offline:
        case LocalStore():
            return LocalOnline(name, partial(open_offline, root, project, name), macros)
        case UnityCatalogStore():
            return _warehouse_truth(root, project, macros, name, offline)


def _warehouse_truth(
    root: Path, project: Project, macros: Macros, profile: str, offline: UnityCatalogStore
) -> Truth:
    from mlforge_sql.online.databricks.sources import WarehouseTruth
    from mlforge_sql.stores.databricks.store import open_databricks

    return WarehouseTruth(root, project, macros, open_databricks(profile, offline))


def on_databricks(store: OnlineStore) -> TypeIs[DatabricksOnline]:
    """Whether pipelines of Databricks fill a store's tables, so that a sync only starts them."""
    return store.kind == "databricks"


def _databricks(
    root: Path,
    project: Project,
    macros: Macros,
    profile: str,
    online: DatabricksOnlineStore,
    *,
    fallback: bool,
) -> OnlineStore:
    """The online feature store of a profile on Databricks, whose modules need the driver and the SDK."""
    offline = project.config.profiles[profile].offline_store
    assert isinstance(offline, UnityCatalogStore), "the specs say so"
    if find_spec("databricks") is None or find_spec("databricks.sdk") is None:
        message = "databricks-sdk is not installed"
        hint = "pip install 'mlforge-sql[databricks,postgres]'"
        raise OnlineError([Diagnostic("MF080", message, hint=hint)])
    postgres_online()
    from mlforge_sql.online.databricks.fallback import Fallback
    from mlforge_sql.online.databricks.sources import open_sources
    from mlforge_sql.online.databricks.store import DatabricksOnline, Setting

    slow: Fallback | None = None
    if fallback and online.warehouse_id is not None:
        store = offline.model_copy(update={"warehouse_id": online.warehouse_id})
        opened = partial(_warehouse_truth, root, project, macros, profile, store)
        past = online.past_horizon == "warehouse"
        slow = Fallback(online.warehouse_id, opened, past_horizon=past)
    return DatabricksOnline(
        Setting(
            profile=profile,
            offline=offline,
            online=online,
            name=project.config.store_name(online),
            features=tuple(feature.name for feature in project.features),
            ahead=frozenset(item.name for item in project.features if item.changes_by_itself),
            artifacts=root / project.config.dbt_project_dir / "target",
            sources=partial(open_sources, profile, offline),
            fallback=slow,
        )
    )


def open_offline(root: Path, project: Project, profile: str) -> DuckDbStore:
    """The offline store of a profile that online values come from.

    Raises:
        RetrievalError: It is not local, or cannot be opened.
    """
    store = project.config.profiles[profile].offline_store
    if not isinstance(store, LocalStore):
        message = f"the feature tables of profile `{profile}` are on Databricks"
        hint = "an online store of KIND postgres or local is filled from a local offline store"
        raise OnlineError([Diagnostic("MF080", message, hint=hint)])
    return open_duckdb(root, project.config, profile, store)


def postgres_online() -> type[PostgresOnline]:
    """The class, whose module needs the driver."""
    try:
        from mlforge_sql.online.postgres.store import PostgresOnline
    except ImportError as error:
        message = "the driver of Postgres is not installed"
        hint = "pip install 'mlforge-sql[postgres]'"
        raise OnlineError([Diagnostic("MF080", message, hint=hint)]) from error
    return PostgresOnline
