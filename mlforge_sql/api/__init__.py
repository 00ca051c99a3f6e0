"""What Python users call: a project and its definitions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlforge_sql.api.definitions import Definitions

if TYPE_CHECKING:
    from mlforge_sql.api.project import LoadedProject

__all__ = ["Definitions", "load_project"]


def load_project(path: str | Path = ".") -> LoadedProject:
    """Read the project at ``path`` or in the nearest folder above it.

    Args:
        path: Folder of ``mlforge.yaml``, or one inside the project.

    Raises:
        SpecErrors: There is no project, or its specs have problems.
    """
    from mlforge_sql.api.project import load

    return load(path)
