"""The offline store of a profile, opened."""

from __future__ import annotations

from pathlib import Path

from mlforge_sql.project.model import Project
from mlforge_sql.project.selection import find_profile
from mlforge_sql.spec.config import LocalStore, UnityCatalogStore
from mlforge_sql.stores.databricks.store import open_databricks
from mlforge_sql.stores.duckdb import open_duckdb
from mlforge_sql.stores.store import Store


def open_store(root: Path, project: Project, profile: str | None) -> Store:
    """Open the offline store of a profile.

    Args:
        root: Folder of ``mlforge.yaml``.
        project: The project.
        profile: Name of the profile; the default one if None.

    Raises:
        SpecErrors: There is no such profile.
        RetrievalError: The store cannot be opened.
    """
    name = find_profile(project.config, profile)
    store = project.config.profiles[name].offline_store
    match store:
        case LocalStore():
            return open_duckdb(root, project.config, name, store)
        case UnityCatalogStore():
            return open_databricks(name, store)
