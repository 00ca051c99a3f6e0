"""What the project needs to publish tables to an online store of Databricks: hooks, settings, tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from mlforge_sql.dbt.headers import MARK
from mlforge_sql.dbt.model_properties import ModelProperties
from mlforge_sql.dbt.online_setup import setup_sql
from mlforge_sql.dbt.properties import TestNames, data_test
from mlforge_sql.dbt.targets import databricks_places, writes_to
from mlforge_sql.dbt.templates import template_files
from mlforge_sql.dialects.trees import jinja_string
from mlforge_sql.plan.nodes import NEVER
from mlforge_sql.spec.config import ProjectConfig, UnityCatalogStore
from mlforge_sql.spec.databricks_online import DatabricksOnlineStore

HOOK = "{{ mlforge_online_hook() }}"
SETUP = PurePosixPath("setup")
ONLINE_TAG = "mlforge_online"
END = ("{{ mlforge_online_probe(results) }}", "{{ mlforge_online_end(results) }}")


class OnlineTables:
    """Adds to a project what publishes its tables; nothing where no profile asks for it.

    Args:
        config: The project's profiles.
        names: Gives the project's tests their names.
    """

    def __init__(self, config: ProjectConfig, names: TestNames | None = None) -> None:
        self._config = config
        self._names = names or TestNames()
        self._published = config.published

    def files(self) -> dict[PurePosixPath, str]:
        """The macros that publish, what they know of the profiles, the setup of each profile; the test."""
        files = template_files("online_check") if self._places else {}
        if self._published:
            files[PurePosixPath("macros/mlforge_horizon.sql")] = self._horizon_text()
        if not self._by_dbt:
            return files
        files |= template_files("online")
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

    def current(self, properties: ModelProperties) -> ModelProperties:
        """The properties of a table of current values, with the hook that publishes it."""
        config = replace(properties.config, post_hook=self._hook)
        return self._tested(replace(properties, config=config))

    def upcoming(self, properties: ModelProperties) -> ModelProperties:
        """The properties of a table of upcoming rows: only where they are published, with the hook."""
        enabled = _enabled(self._config, self.targets)
        config = replace(properties.config, enabled=enabled, post_hook=self._hook)
        return self._tested(replace(properties, config=config))

    def _tested(self, properties: ModelProperties) -> ModelProperties:
        """With the test that compares a table with its online table, where SQL can reach that."""
        places = self._places
        if not places:
            return properties
        table = properties.name
        arguments = {"table": table, "places": places}
        name = self._names.name(table, "online_equals")
        enabled = _enabled(self._config, list(places))
        config = {
            **({"enabled": enabled} if enabled else {}),
            "tags": [ONLINE_TAG],
            "fail_calc": "coalesce(sum(mlforge_rows), 0)",
            "meta": {"mlforge": {"kind": "online"}},
        }
        test = replace(data_test("mlforge_online_equals", name, arguments), config=config)
        return replace(properties, data_tests=(*properties.data_tests, test))

    @property
    def _places(self) -> dict[str, dict[str, str]]:
        """Where SQL finds the online tables, by profile."""
        return {
            name: {"catalog": store.foreign_catalog, "schema": store.schema_}
            for name, store in self._published.items()
            if store.foreign_catalog is not None
        }

    @property
    def _hook(self) -> tuple[str, ...]:
        return (HOOK,) if self._by_dbt else ()

    @property
    def _by_dbt(self) -> bool:
        return any(store.publish_via == "hook" for store in self._published.values())

    @property
    def targets(self) -> list[str]:
        """Where upcoming rows are kept: also in profiles that write to the tables of one that publishes."""
        places = databricks_places(self._config)
        published = {places[name] for name in self._published}
        return [name for name, place in places.items() if place in published]

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
                "    {{- return(stores.get(mlforge_profile())) -}}",
                "{% endmacro %}",
                "",
            ]
        )

    def _horizon_text(self) -> str:
        """The file of the macros that say how far tables of later rows reach."""
        places = databricks_places(self._config)
        horizons: dict[str, int | None] = {}
        for name, store in self._published.items():
            place = ".".join(places[name])
            seconds = None if store.horizon is None else store.horizon.microseconds // 1_000_000
            known = horizons.get(place, 0)  # who reads the same tables gets the longest one
            horizons[place] = None if seconds is None or known is None else max(seconds, known)
        lines = [
            f"        {jinja_string(place)}: {'none' if seconds is None else seconds},"
            for place, seconds in horizons.items()
        ]
        never = f"modules.datetime.datetime({NEVER.year}, {NEVER.month}, {NEVER.day})"
        return "\n".join(
            [
                f"{{# {MARK} from mlforge.yaml. Do not edit. #}}",
                "{# Until when the rows of <feature>_upcoming are all there are: the longest `horizon` of the online",
                "   stores that are filled from the target's tables, after the run's as_of. In seconds; none for all. #}",
                "{% macro mlforge_horizon_end() %}",
                "    {%- set horizons = {",
                *lines,
                "    } -%}",
                f"    {{%- set near = mlforge_as_of_instant().year < {NEVER.year - 101} -%}}",
                "    {%- if target.type == 'databricks' and near -%}",
                "        {%- set seconds = horizons.get((target.database ~ '.' ~ target.schema) | lower) -%}",
                "        {%- if seconds is not none -%}",
                "            {%- set horizon = modules.datetime.timedelta(seconds=seconds) -%}",
                "            {{- return(mlforge_timestamp(mlforge_as_of_instant() + horizon)) -}}",
                "        {%- endif -%}",
                "    {%- endif -%}",
                "    {{- return(mlforge_never()) -}}",
                "{% endmacro %}",
                "",
                "{# An instant after every row: when the row begins that says so. #}",
                "{% macro mlforge_never() %}",
                f"    {{{{- return(mlforge_timestamp({never})) -}}}}",
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


def _enabled(config: ProjectConfig, targets: list[str]) -> str | None:
    """Where something is that is there in some targets only; None for all."""
    if targets == list(config.profiles):
        return None
    places = databricks_places(config)
    return f"{{{{ {writes_to(places[name] for name in targets)} }}}}"


def _mapping(values: dict[str, str]) -> str:
    lines = "".join(f"\n            {key!r}: {value!r}," for key, value in values.items())
    return f"{{{lines}\n        }}"
