"""The static files of a compiled project: macros and generic tests."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path, PurePosixPath


def template_root() -> Path:
    """The folder of templates: inside the installed package, or beside it in a checkout."""
    packaged = Path(str(files("mlforge_sql") / "templates"))
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "templates"


def static_files(*, databricks: bool) -> dict[PurePosixPath, str]:
    """Every static file of the dbt project, by its path in it.

    Args:
        databricks: Whether the project has tables on Databricks.
    """
    files = template_files("dbt")
    return files | template_files("databricks") if databricks else files


def template_files(folder: str) -> dict[PurePosixPath, str]:
    """The files of one folder of templates, by their path in the dbt project."""
    root = template_root() / folder
    return {
        PurePosixPath(file.relative_to(root).as_posix()): file.read_text(encoding="utf-8")
        for file in sorted(root.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts  # pip compiles what ends in .py
    }
