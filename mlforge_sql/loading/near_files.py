"""The file that may have been meant by the path of one that is not there."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from mlforge_sql.errors import nearest
from mlforge_sql.formats import is_glob, reader_of

_MOST = 1000


def near_file(root: Path, path: str) -> str | None:
    """A path that is there and nearly the one that is not; None where none is near.

    Args:
        root: Folder that paths are relative to.
        path: Of files, or a glob.
    """
    if "://" in path or "\0" in path:
        return None
    place, parts = root, list(PurePosixPath(path).parts)
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if is_glob(part):
            break
        if not _exists(place / part):
            near = nearest(part, _names(place, files=last))
            if near is None:
                return None
            parts[at] = near
        place /= parts[at]
    found = PurePosixPath(*parts).as_posix()
    return None if found == PurePosixPath(path).as_posix() else found


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except OSError:  # a name that is too long, or a link to itself
        return False


def _names(folder: Path, *, files: bool) -> list[str]:
    """Names of what a source can be, or of folders."""
    try:
        entries = sorted(folder.iterdir())[:_MOST]
    except OSError:
        return []
    if files:
        return [item.name for item in entries if reader_of(item.name)]
    return [item.name for item in entries if item.is_dir()]
