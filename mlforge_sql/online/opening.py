"""The online store of a profile."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlforge_sql.dbt.files import FileSet
from mlforge_sql.errors import Diagnostic, OnlineError
from mlforge_sql.online.local import LocalOnline
from mlforge_sql.online.model import OnlineStore
from mlforge_sql.project.model import Project
from mlforge_sql.project.selection import find_profile
from mlforge_sql.retrieval.backends.duckdb import DuckDbStore, open_duckdb
from mlforge_sql.spec.config import (
    LocalOnlineStore,
    LocalStore,
    PostgresOnlineStore,
)
from mlforge_sql.sql.dialects.base import Dialect

if TYPE_CHECKING:
    from mlforge_sql.online.postgres.store import PostgresOnline


Macros = Callable[[Dialect], FileSet]
"""Gives the files of the project's macros in the words of an engine."""


def open_online(root: Path, project: Project, macros: Macros, profile: str | None) -> OnlineStore:
    """The online store of a profile; nothing is connected yet.

    Args:
        root: Folder of ``mlforge.yaml``.
        project: The project.
        macros: Gives the files of its macros.
        profile: Name of the profile; the default one if None.

    Raises:
        SpecErrors: There is no such profile.
        OnlineError: It has no online store, or one that cannot be read from Python yet.
    """
    name = find_profile(project.config, profile)
    spec = project.config.profiles[name]
    offline = partial(open_offline, root, project, name)
    match spec.online_store:
        case PostgresOnlineStore() as store:
            return _postgres()(store, name, offline)
        case LocalOnlineStore():
            return LocalOnline(name, offline, macros)
        case None if isinstance(spec.offline_store, LocalStore):
            return LocalOnline(name, offline, macros)
        case None:
            message = f"profile `{name}` has no online store"
            hint = "give it an `online_store`, such as {KIND: postgres}"
        case _:
            message = f"the online store of profile `{name}` is on Databricks, which Python cannot read yet"
            hint = "use a profile with `KIND: postgres` or `KIND: local`"
    raise OnlineError([Diagnostic("MF080", message, hint=hint)])


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


def _postgres() -> type[PostgresOnline]:
    """The class, whose module needs the driver."""
    try:
        from mlforge_sql.online.postgres.store import PostgresOnline
    except ImportError as error:
        message = "the driver of Postgres is not installed"
        hint = "pip install 'mlforge-sql[postgres]'"
        raise OnlineError([Diagnostic("MF080", message, hint=hint)]) from error
    return PostgresOnline
