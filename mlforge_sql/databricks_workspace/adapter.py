"""The Databricks adapter of dbt: whether it is here, and new enough. Importing it costs seconds."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from mlforge_sql.errors import Diagnostic, SpecErrors

OLDEST = (1, 12, 7)
"""Older ones drop and add the primary keys of feature tables again on every run."""

INSTALL = "pip install 'mlforge-sql[databricks]'"
"""How to get an adapter that fits."""


def adapter_version() -> str | None:
    """The installed version of dbt-databricks, if any."""
    try:
        return version("dbt-databricks")
    except PackageNotFoundError:
        return None


def adapter_problem(found: str | None) -> str | None:
    """Why dbt cannot run on Databricks here; None when it can.

    Examples:
        >>> adapter_problem("1.12.7"), adapter_problem("1.12.10")
        (None, None)
        >>> adapter_problem(None)
        'dbt-databricks is not installed'
    """
    if found is None:
        return "dbt-databricks is not installed"
    if _parts(found) < OLDEST:
        needed = ".".join(str(part) for part in OLDEST)
        return (
            f"dbt-databricks {found} is too old: before {needed} it drops and adds primary keys "
            "again on every run"
        )
    return None


def check_adapter() -> None:
    """Return when dbt can run on Databricks.

    Raises:
        SpecErrors: The adapter is missing or too old.
    """
    problem = adapter_problem(adapter_version())
    if problem is not None:
        raise SpecErrors([Diagnostic("MF075", problem, hint=INSTALL)])


def _parts(text: str) -> tuple[int, ...]:
    """The numbers a version begins with."""
    parts: list[int] = []
    for part in text.split(".")[:3]:
        digits = "".join(char for char in part if char.isdigit())
        if not digits:
            break
        parts.append(int(digits))
        if digits != part:
            break
    return tuple(parts)
