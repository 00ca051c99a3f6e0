"""Which profile a dbt target stands for: on Databricks by where it writes, since a job may name its own.

Lakeflow Jobs write a profile of their own for a dbt task with a warehouse: catalog and schema are the
user's, the target's name is theirs. Nothing in the project may rest on the name alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from mlforge_sql.dbt.headers import MARK
from mlforge_sql.dialects.trees import jinja_string
from mlforge_sql.spec.config import LocalStore, ProjectConfig, UnityCatalogStore

CHECK = "{{ mlforge_check_target() }}"
"""Hook for ``on-run-start``: a target that no profile stands for ends the run."""

_FILE = PurePosixPath("macros/mlforge_targets.sql")


def databricks_places(config: ProjectConfig) -> dict[str, tuple[str, str]]:
    """Catalog and schema of each profile on Databricks, in lower case as they are compared there."""
    return {
        name: (store.catalog.lower(), store.schema_.lower())
        for name, profile in config.profiles.items()
        if isinstance(store := profile.offline_store, UnityCatalogStore)
    }


def writes_to(places: Iterable[tuple[str, str]]) -> str:
    """A Jinja condition: the target is on Databricks and writes to one of the places."""
    names = [".".join(place) for place in dict.fromkeys(places)]
    texts = ", ".join(jinja_string(name) for name in names)
    return (
        "target.type == 'databricks' and "
        f"(target.database ~ '.' ~ target.schema) | lower in [{texts}]"
    )


def target_files(config: ProjectConfig) -> dict[PurePosixPath, str]:
    """The macro with what the others know of the profiles."""
    engines = {
        "duckdb": any(
            isinstance(item.offline_store, LocalStore) for item in config.profiles.values()
        ),
        "databricks": bool(databricks_places(config)),
    }
    compiled = ", ".join(f"'{name}'" for name, there in engines.items() if there)
    places = "".join(
        f"\n        {jinja_string(name)}: [{jinja_string(catalog)}, {jinja_string(schema)}],"
        for name, (catalog, schema) in databricks_places(config).items()
    )
    tags = ", ".join(
        f"{jinja_string(name)}: {jinja_string(store.tag_prefix)}"
        for name, profile in config.profiles.items()
        if isinstance(store := profile.offline_store, UnityCatalogStore) and store.tags
    )
    optimized = ", ".join(
        jinja_string(name)
        for name, profile in config.profiles.items()
        if isinstance(store := profile.offline_store, UnityCatalogStore) and store.optimize
    )
    closing = "\n    " if places else ""
    lines = [
        f"{{# {MARK} from mlforge.yaml. Do not edit. #}}",
        "{# The engines that the project is compiled for; where each profile writes on Databricks, what its tags begin with,",
        "   if it sets any, and which profiles optimize what they build. #}",
        "{% macro mlforge_targets() %}",
        f"    {{%- set engines = [{compiled}] -%}}",
        f"    {{%- set places = {{{places}{closing}}} -%}}",
        f"    {{%- set tags = {{{tags}}} -%}}",
        f"    {{%- set optimized = [{optimized}] -%}}",
        "    {{- return({'engines': engines, 'places': places, 'tags': tags, 'optimized': optimized}) -}}",
        "{% endmacro %}",
        "",
    ]
    return {_FILE: "\n".join(lines)}
