"""Paths inside the compiled project: relative to the user's project, on any machine."""

from __future__ import annotations

from pathlib import PurePosixPath

from mlforge_sql.dbt.escape import jinja_safe

PROJECT_DIR = "MLFORGE_PROJECT_DIR"
"""Environment variable with the folder of ``mlforge.yaml``, for dbt runs from elsewhere."""


def is_absolute(path: str) -> bool:
    """True for absolute paths and for URLs."""
    return "://" in path or PurePosixPath(path).is_absolute()


def project_dir(dbt_project_dir: str) -> str:
    """A Jinja expression for the project's folder; dbt runs in its own folder by default.

    Examples:
        >>> project_dir("dbt")
        "env_var('MLFORGE_PROJECT_DIR', '..')"
    """
    depth = len(PurePosixPath(dbt_project_dir).parts)
    up = "/".join([".."] * depth) or "."
    return f"env_var('{PROJECT_DIR}', '{up}')"


def in_project(path: str, dbt_project_dir: str) -> str:
    """A path of the project as text with Jinja, for ``profiles.yml``."""
    if is_absolute(path):
        return jinja_safe(path)
    return f"{{{{ {project_dir(dbt_project_dir)} }}}}/{jinja_safe(PurePosixPath(path).as_posix())}"
