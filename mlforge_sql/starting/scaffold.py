"""The files of a first project, and how they get into a folder: none is overwritten."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from mlforge_sql.dbt.templates import template_files
from mlforge_sql.errors import Diagnostic, SpecErrors
from mlforge_sql.loading.load import PROJECT_FILE
from mlforge_sql.schema.json_schema import project_schema, spec_schema
from mlforge_sql.starting.sample import sample_files

_DOT = "dot_"
"""What stands for the dot of a hidden file's name in the templates."""

_SHOWN = 5


def starter_files(name: str) -> dict[PurePosixPath, str]:
    """A project with sample data, by path.

    Args:
        name: The project's name.
    """
    files = common_files(name)
    files |= {
        path: text.replace("PROJECT", name)
        for path, text in _templates().items()
        if path not in files
    }
    files |= {PurePosixPath("data", file): text for file, text in sample_files().items()}
    return files


def common_files(name: str) -> dict[PurePosixPath, str]:
    """What every project begins with: its project file, and what git, CI and editors read."""
    schemas = {"specs": spec_schema(), "project": project_schema()}
    return {
        PurePosixPath(".mlforge", f"{what}.schema.json"): f"{json.dumps(schema, indent=2)}\n"
        for what, schema in schemas.items()
    } | {
        path: text.replace("PROJECT", name)
        for path, text in _templates().items()
        if path.parts[0].startswith(".") or path == PurePosixPath(PROJECT_FILE)
    }


def _templates() -> dict[PurePosixPath, str]:
    return {_with_dots(path): text for path, text in template_files("init").items()}


def _with_dots(path: PurePosixPath) -> PurePosixPath:
    return PurePosixPath(
        *(f".{part.removeprefix(_DOT)}" if part.startswith(_DOT) else part for part in path.parts)
    )


def check_new(root: Path, files: Mapping[PurePosixPath, str]) -> None:
    """See that none of the files is there yet.

    Raises:
        SpecErrors: Some are.
    """
    there = [str(path) for path in files if (root / path).exists() or (root / path).is_symlink()]
    if there:
        listed = ", ".join(f"`{path}`" for path in sorted(there)[:_SHOWN])
        more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
        message = f"`{root.name}` already has {listed}{more}"
        hint = "name a folder that is not there yet, or move them away"
        raise SpecErrors([Diagnostic("MF158", message, hint=hint)])


def write_new(root: Path, files: Mapping[PurePosixPath, str]) -> None:
    """Write files that are not there yet; the project file comes last, so that it stands for all.

    Raises:
        SpecErrors: Some are there, and nothing was written; or the folder cannot be written.
    """
    check_new(root, files)
    try:
        root.mkdir(parents=True, exist_ok=True)
        for path in sorted(files, key=lambda path: (path.name == PROJECT_FILE, path)):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            with (root / path).open("x", encoding="utf-8", newline="\n") as file:
                file.write(files[path])
    except OSError as error:
        named = Path(error.filename).name if error.filename else root.name
        raise SpecErrors([unwritable(error, named)]) from error


def unwritable(error: OSError, name: str) -> Diagnostic:
    """What to do about a file that cannot be written."""
    message = f"cannot write `{name}`: {error.strerror or error}"
    return Diagnostic("MF053", message, hint="have the folder made writable, or name another one")
