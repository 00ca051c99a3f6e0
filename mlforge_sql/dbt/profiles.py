"""``profiles.yml``: one target for each profile; secrets only as environment variables."""

from __future__ import annotations

from typing import Any

from mlforge_sql.databricks_workspace.login import (
    CLIENT_ID,
    CLIENT_SECRET,
    HOST,
    HTTP_PATH,
    JOB_HOST,
    JOB_TOKEN,
    TOKEN,
    WAREHOUSE,
    WAREHOUSE_ID,
)
from mlforge_sql.databricks_workspace.retries import RETRIES
from mlforge_sql.dbt.escape import jinja_safe, safe_values
from mlforge_sql.dbt.paths import in_project
from mlforge_sql.engine_settings import SESSION, free_settings, required_settings
from mlforge_sql.isolation import GUARDS
from mlforge_sql.spec.config import LocalStore, Profile, ProjectConfig, UnityCatalogStore

DATABASE_FILE = "features.duckdb"

SALT_SETTING = "variable mlforge_salt"
"""dbt-duckdb says ``set <setting> = ...`` on each connection and logs none of it: a session variable."""


def _first_of(name: str, in_a_job: str) -> str:
    """The value of a variable, else that of a job; where there is neither, dbt names the first."""
    return f'(env_var("{name}", "") or env_var("{in_a_job}", "") or env_var("{name}"))'


_HOST = f'({_first_of(HOST, JOB_HOST)} | replace("https://", "") | replace("/", ""))'
_TOKEN = _first_of(TOKEN, JOB_TOKEN)
_PATH = f'(env_var("{HTTP_PATH}", "") or "{WAREHOUSE}" ~ env_var("{WAREHOUSE_ID}"))'
_HAS_CLIENT = f'env_var("{CLIENT_ID}", "")'


def profiles(config: ProjectConfig) -> dict[str, Any]:
    """``profiles.yml``: one target for each profile; secrets only as environment variables."""
    outputs = {name: _output(profile, config) for name, profile in config.profiles.items()}
    return {config.name: {"target": config.default, "outputs": outputs}}


def _output(profile: Profile, config: ProjectConfig) -> dict[str, Any]:
    store = profile.offline_store
    match store:
        case LocalStore():
            return _duckdb(store, config)
        case UnityCatalogStore():
            return _databricks(store)


def _duckdb(store: LocalStore, config: ProjectConfig) -> dict[str, Any]:
    salt = config.surrogate_key_salt_env
    folder = store.path.removeprefix("./").rstrip("/")
    return {
        "type": "duckdb",
        "path": in_project(f"{folder}/{DATABASE_FILE}", config.dbt_project_dir),
        "schema": "main",
        "threads": 1,
        "settings": {
            **GUARDS,
            **safe_values(free_settings(store.settings)),
            **required_settings(),
            **({SALT_SETTING: _variable(salt)} if salt else {}),
        },
    }


def _databricks(store: UnityCatalogStore) -> dict[str, Any]:
    """A target of dbt-databricks.

    The connector reads a port only from ``_connection_uri``, so a host with a port gets one; an
    empty text leaves the connector to itself.
    """
    if store.warehouse_id:
        http_path = f"{WAREHOUSE}{store.warehouse_id}"
        rooted = f'"{http_path}"'
    else:
        http_path = f"{{{{ {_PATH} }}}}"
        rooted = f'(("/" ~ {_PATH}) | replace("//", "/"))'
    uri = f'"https://" ~ {_HOST} ~ {rooted} if ":" in {_HOST} else ""'
    return {
        "type": "databricks",
        "catalog": jinja_safe(store.catalog),
        "schema": jinja_safe(store.schema_),
        "host": f"{{{{ {_HOST} }}}}",
        "http_path": http_path,
        **_login(store),
        "threads": 4,
        "session_properties": dict(SESSION),
        "connection_parameters": {
            "_connection_uri": f"{{{{ {uri} }}}}",
            "enable_telemetry": False,
            **RETRIES,
        },
    }


def _login(store: UnityCatalogStore) -> dict[str, str]:
    """The keys of a target that say who logs in."""
    match store.auth:
        case "token":
            return {"token": f"{{{{ {_TOKEN} }}}}"}
        case "oauth":
            return {
                "auth_type": "oauth",
                "client_id": _variable(CLIENT_ID),
                "client_secret": _variable(CLIENT_SECRET),
            }
        case "browser":
            return {"auth_type": "oauth"}
        case None:
            return {
                "auth_type": f'{{{{ "oauth" if {_HAS_CLIENT} else "" }}}}',
                "token": f'{{{{ "" if {_HAS_CLIENT} else {_TOKEN} }}}}',
                "client_id": f"{{{{ {_HAS_CLIENT} }}}}",
                "client_secret": f'{{{{ env_var("{CLIENT_SECRET}") if {_HAS_CLIENT} else "" }}}}',
            }


def _variable(name: str) -> str:
    return f'{{{{ env_var("{name}") }}}}'
