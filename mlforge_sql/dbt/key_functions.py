"""The SQL that somebody runs once, so that surrogate keys can be made outside of dbt: Unity Catalog functions.

Databricks' own clients (``FeatureLookup``) and analysts need the key of an entity to look it up, and only a macro
computes it. A function in the features' schema is the same text:
https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-syntax-ddl-create-sql-function
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import PurePosixPath

from mlforge_sql.dbt.headers import MARK
from mlforge_sql.dbt.macros import Macros
from mlforge_sql.dbt.targets import databricks_places
from mlforge_sql.dbt.templates import static_files
from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.dialects.quoting import DATABRICKS
from mlforge_sql.plan.nodes import SurrogateKey
from mlforge_sql.spec.config import ProjectConfig, UnityCatalogStore

SETUP = PurePosixPath("setup")


def key_functions(keys: Iterable[SurrogateKey], config: ProjectConfig) -> dict[PurePosixPath, str]:
    """A script for each place that profiles on Databricks write to; none where no key is computed.

    Args:
        keys: The keys that are computed from columns.
        config: The project's profiles.
    """
    keys = list({key.name.casefold(): key for key in keys}.values())
    if not keys:
        return {}
    macros = Macros(static_files(databricks=True), "databricks", str)
    scripts: dict[PurePosixPath, str] = {}
    written: set[tuple[str, str]] = set()
    for profile, place in databricks_places(config).items():
        store = config.profiles[profile].offline_store
        if place in written or not isinstance(store, UnityCatalogStore):
            continue
        written.add(place)
        functions = [_function(key, store, macros) for key in keys]
        scripts[SETUP / f"keys_{profile}.sql"] = "\n\n".join([_head(store), *functions]) + "\n"
    return scripts


def _head(store: UnityCatalogStore) -> str:
    schema = f"{DATABRICKS.name(store.catalog)}.{DATABRICKS.name(store.schema_)}"
    return f"""\
-- {MARK}. Do not edit.
--
-- Surrogate keys as functions of {store.catalog}.{store.schema_}: whoever looks an entity up outside
-- of dbt makes its key with them. No build needs them. Run this once, as somebody who may:
--     grant create function on schema {schema} to `<owner>`;
-- and let others use them:
--     grant execute on schema {schema} to `<reader>`;"""


def _function(key: SurrogateKey, store: UnityCatalogStore, macros: Macros) -> str:
    name = f"{DATABRICKS.name(store.catalog)}.{DATABRICKS.name(store.schema_)}.{DATABRICKS.name(key.name)}"
    if key.salt_env is not None:
        return (
            f"-- {key.name} has a salt, from the environment variable {key.salt_env}: as a function everybody who may\n"
            "-- describe it would read that. `mlforge_sql.surrogate_key` in Python makes the key."
        )
    engine = Databricks()
    parts = ",\n".join(
        f"    {DATABRICKS.name(part)} {engine.type_name(kind)}" for part, kind in key.parts
    )
    types = {part: str(kind) for part, kind in key.parts}
    sql = str(macros.call("mlforge_surrogate_key", types))
    comment = DATABRICKS.text(
        f"Key made of {', '.join(part for part, _ in key.parts)}; NULL where all are NULL"
    )
    return (
        f"create or replace function {name}(\n{parts}\n)\nreturns string\ncomment {comment}\n"
        f"return\n{textwrap.indent(sql, '    ')};"
    )
