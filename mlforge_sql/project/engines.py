"""The engines that profiles choose: their settings, and what they do not do."""

from __future__ import annotations

from mlforge_sql.engine_settings import setting_problems
from mlforge_sql.errors import Diagnostic, Severity
from mlforge_sql.spec.config import LocalStore, ProjectConfig
from mlforge_sql.spec.specs import Located


def check_settings(config: Located[ProjectConfig], problems: list[Diagnostic]) -> None:
    """Note every setting of DuckDB that could change values, or that nobody knows not to."""
    for profile, spec in config.spec.profiles.items():
        store = spec.offline_store
        if not isinstance(store, LocalStore):
            continue
        for name, message, hint in setting_problems(store.settings):
            place = config.origin.key("profiles", profile, "offline_store", "settings", name)
            problems.append(Diagnostic("MF128", message, place, hint))


def check_incremental(config: Located[ProjectConfig], problems: list[Diagnostic]) -> None:
    """Note where no profile can do what ``incremental`` asks for."""
    if not config.spec.incremental or config.spec.is_incremental:
        return
    message = (
        "`incremental` has no effect: all profiles are on Databricks, where tables are rebuilt"
    )
    hint = "leave it out, or add a profile with `KIND: local`"
    place = config.origin.at("incremental")
    problems.append(Diagnostic("MF170", message, place, hint, Severity.WARNING))
