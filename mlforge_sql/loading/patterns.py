"""Paths that look like globs, and are names of files or folders that are there."""

from __future__ import annotations

from pathlib import Path

from mlforge_sql.formats import is_glob, only


def named(root: Path, path: str) -> str:
    """What readers are given for a path: a file or folder of that very name is meant by it, and no other.

    Args:
        root: Project folder.
        path: Of files, or a glob.

    Returns:
        The path itself where it looks like no glob, or no part of it that does is there.
    """
    if not is_glob(path) or "://" in path:
        return path
    parts = path.split("/")
    place = Path("/") if path.startswith("/") else root
    for number, part in enumerate(parts):
        place /= part
        if not place.exists():  # from here on it is a glob
            return "/".join([*map(only, parts[:number]), *parts[number:]])
    return "/".join(map(only, parts))
