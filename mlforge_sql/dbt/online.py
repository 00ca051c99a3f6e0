"""What the project needs to publish tables to an online store of Databricks: hooks and settings."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from mlforge_sql.dbt.headers import MARK
from mlforge_sql.dbt.online_setup import setup_sql
from mlforge_sql.dbt.properties import Properties
from mlforge_sql.dbt.templates import template_files
from mlforge_sql.spec.config import ProjectConfig, UnityCatalogStore
from mlforge_sql.spec.databricks_online import DatabricksOnlineStore

HOOK = "{{ mlforge_online_hook() }}"
SETUP = PurePosixPath("setup")
END = ("{{ mlforge_online_probe(results) }}", "{{ mlforge_online_end(results) }}")


class OnlineTables:
    """Adds to a project what publishes its tables; nothing where no profile asks for it.

    Args:
        config: The project's profiles.
    """

    def __init__(self, config: ProjectConfig) -> None:
        self._config = config
        self._published = config.published

    def files(self) -> dict[PurePosixPath, str]:
        """The macros that publish, what they know of the profiles, and the setup of each profile."""
        if not self._by_dbt:
            return {}
        files = template_files("online")
        files[PurePosixPath("macros/mlforge_online_settings.sql")] = self._settings_text()
        for name, store in self._published.items():
            offline = self._config.profiles[name].offline_store
            if isinstance(offline, UnityCatalogStore) and store.publish_via == "hook":
                text = setup_sql(name, offline, store, self._config.store_name(store))
                files[SETUP / f"online_{name}.sql"] = text
        return files

    def run_end(self) -> list[str]:
        """The hooks at the end of a run."""
        return list(END) if self._by_dbt else []

    def current(self, properties: Properties) -> Properties:
        """The properties of a table of current values, with the hook that publishes it."""
        return _configured(properties, **self._hook)

    def upcoming(self, properties: Properties) -> Properties:
        """The properties of a table of upcoming rows: only where they are published, with the hook."""
        return _configured(properties, **self._enabled, **self._hook)

    @property
    def _hook(self) -> Properties:
        return {"post_hook": [HOOK]} if self._by_dbt else {}

    @property
    def _by_dbt(self) -> bool:
        return any(store.publish_via == "hook" for store in self._published.values())

    @property
    def targets(self) -> list[str]:
        """Where upcoming rows are kept: also in profiles that write to the tables of one that publishes."""
        places = {
            name: (store.catalog.casefold(), store.schema_.casefold())
            for name, profile in self._config.profiles.items()
            if isinstance(store := profile.offline_store, UnityCatalogStore)
        }
        published = {places[name] for name in self._published}
        return [name for name, place in places.items() if place in published]

    @property
    def _enabled(self) -> Properties:
        if self.targets == list(self._config.profiles):
            return {}
        return {"enabled": f"{{{{ target.name in {self.targets} }}}}"}

    def _settings_text(self) -> str:
        """The file of the macro that tells the others what the target's profile says."""
        stores = ",\n".join(
            f"        {name!r}: {_mapping(self._settings(store))}"
            for name, store in self._published.items()
        )
        return "\n".join(
            [
                f"{{# {MARK} from mlforge.yaml. Do not edit. #}}",
                "{# The online store of the target; none where it has none. #}",
                "{% macro mlforge_online_settings() %}",
                "    {%- set stores = {",
                stores,
                "    } -%}",
                "    {{- return(stores.get(target.name)) -}}",
                "{% endmacro %}",
                "",
            ]
        )

    def _settings(self, store: DatabricksOnlineStore) -> dict[str, str]:
        return {
            "store": self._config.store_name(store),
            "catalog": store.catalog,
            "schema": store.schema_,
            "mode": store.mode,
            "connection": store.connection,
            "publish_via": store.publish_via,
            "publish_when": store.publish_when,
            "on_error": store.on_error,
        }


def _mapping(values: dict[str, str]) -> str:
    lines = "".join(f"\n            {key!r}: {value!r}," for key, value in values.items())
    return f"{{{lines}\n        }}"


def _configured(properties: Properties, **added: Any) -> Properties:
    """With further configuration, in front of ``meta``."""
    config = dict(properties["config"])
    meta = config.pop("meta")
    return {**properties, "config": {**config, **added, "meta": meta}}
