"""Folders of a project that must not be one and the same, and files that are not on this machine."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from mlforge_sql.errors import Diagnostic, written
from mlforge_sql.isolation import AUTOLOAD
from mlforge_sql.spec.config import LocalStore
from mlforge_sql.spec.specs import Specs

_GLOB = re.compile(r"[*?\[{]")


def check_folders(specs: Specs, problems: list[Diagnostic]) -> None:
    """The compiled project has a folder of its own: none with data, and none with features."""
    config = specs.config.spec
    folder = PurePosixPath(config.dbt_project_dir)
    place = specs.config.origin.at("dbt_project_dir")
    hint = "name another folder as `dbt_project_dir`"
    for source in specs.sources:
        path = source.spec.path
        if path is not None and _is_in(folder, _data_folder(path)):
            message = f"folder `{folder}` has the data of source `{source.spec.name}`"
            problems.append(Diagnostic("MF143", message, place, hint))
    for name, profile in config.profiles.items():
        store = profile.offline_store
        if isinstance(store, LocalStore) and PurePosixPath(store.path) == folder:
            message = f"folder `{folder}` is the feature store of profile `{name}`"
            problems.append(Diagnostic("MF143", message, place, hint))


def check_remote(specs: Specs, problems: list[Diagnostic]) -> None:
    """A source on the network needs an extension of DuckDB, and a profile that lets it be loaded."""
    for name, profile in specs.config.spec.profiles.items():
        store = profile.offline_store
        if not isinstance(store, LocalStore) or written(store.settings.get(AUTOLOAD)) == "true":
            continue
        for source in specs.sources:
            if source.spec.path is not None and "://" in source.spec.path:
                message = (
                    f"`{source.spec.path}` is read by an extension of DuckDB, and profile `{name}` "
                    "loads none"
                )
                hint = (
                    f"install it once (`install httpfs`), and give the profile `settings: {{{AUTOLOAD}: "
                    "true}`; or read a copy of the file"
                )
                place = source.origin.at("path")
                problems.append(Diagnostic("MF146", message, place, hint))


def _is_in(folder: PurePosixPath, data: PurePosixPath | None) -> bool:
    return data is not None and bool(data.parts) and folder.is_relative_to(data)


def _data_folder(path: str) -> PurePosixPath | None:
    """The folder of a source's files; None when it is not in the project."""
    parts = PurePosixPath(path).parts[:-1]
    if "://" in path or PurePosixPath(path).is_absolute() or ".." in parts:
        return None
    fixed = next((index for index, part in enumerate(parts) if _GLOB.search(part)), len(parts))
    return PurePosixPath(*parts[:fixed])
