"""What is odd in ``profiles.yml``, said where it stands."""

from __future__ import annotations

from typing import Any

from mlforge_sql.dbt.yaml_text import Noted, Shared

_NOTES = {
    "duckdb": {
        "path": "the folder above this one, unless MLFORGE_PROJECT_DIR names another",
        "threads": "models at a time; DuckDB gives each of them all cores",
        "settings": (
            "no extension is fetched or loaded unasked, and what values depend on is pinned:\n"
            "a run stops where it is set otherwise (macros/runs/mlforge_check_settings.sql)"
        ),
    },
    "databricks": {
        "host": "with or without https://",
        "auth_type": "an OAuth client where DATABRICKS_CLIENT_ID is set, else a token",
        "session_properties": (
            "values depend on these: a run stops where they are set otherwise\n"
            "(macros/runs/mlforge_check_settings.sql)"
        ),
        "connection_parameters": (
            "of the SQL connector: it takes a port from _connection_uri alone, which is empty for a host\n"
            "without one; the others give a warehouse that is starting six minutes"
        ),
    },
}
_SHARED = ("session_properties", "connection_parameters")


def noted(profiles: dict[str, Any]) -> dict[str, Any]:
    """Profiles with a comment at the first of each odd key; what targets share is written once."""
    return {
        name: {**profile, "outputs": _outputs(profile["outputs"])}
        for name, profile in profiles.items()
    }


def _outputs(targets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    said: set[tuple[str, str]] = set()
    shared = _shared(targets)
    found: dict[str, Any] = {}
    for name, target in targets.items():
        kind = target["type"]
        found[name] = {}
        for key, value in target.items():
            written = Shared(key, value) if key in shared and kind == "databricks" else value
            comment = _NOTES[kind].get(key)
            if comment is not None and (kind, key) not in said:
                said.add((kind, key))
                written = Noted(comment, written)
            found[name][key] = written
    return found


def _shared(targets: dict[str, dict[str, Any]]) -> set[str]:
    """The keys of Databricks targets that all of them have with one value."""
    remote = [target for target in targets.values() if target["type"] == "databricks"]
    if len(remote) < 2:
        return set()
    return {key for key in _SHARED if all(item[key] == remote[0][key] for item in remote)}
