"""Settings of a profile's DuckDB: whether DuckDB takes the values."""

from __future__ import annotations

from collections.abc import Iterator

from mlforge_sql.engine_settings import free_settings, set_statements
from mlforge_sql.errors import Diagnostic, written
from mlforge_sql.isolation import guarded
from mlforge_sql.spec.config import LocalStore, ProjectConfig
from mlforge_sql.spec.specs import Located


def unusable_settings(config: Located[ProjectConfig]) -> Iterator[Diagnostic]:
    """A problem for each value that DuckDB refuses, such as ``memory_limit: lots``.

    Settings that it does not know without an extension are left alone, and so are those that are refused by name.
    """
    for profile, spec in config.spec.profiles.items():
        store = spec.offline_store
        if not isinstance(store, LocalStore):
            continue
        for name, value in free_settings(store.settings).items():
            why = _refusal(name, value)
            if why is None:
                continue
            path = ("profiles", profile, "offline_store", "settings", name)
            message = f"the DuckDB setting `{name}` cannot be `{written(value)}`"
            yield Diagnostic("MF161", message, config.origin.at(*path), f"DuckDB says: {why}")


def _refusal(name: str, value: object) -> str | None:
    import duckdb

    with duckdb.connect() as connection:
        for statement in guarded():
            connection.execute(statement)
        try:
            for statement in set_statements({name: value}):
                connection.execute(statement)
        except duckdb.CatalogException:
            return None
        except duckdb.Error as error:
            return str(error).splitlines()[0].partition(": ")[2] or str(error)
    return None
