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
            near = _near_file_name(part, place) if last else nearest(part, _folders(place))
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


def _near_file_name(name: str, folder: Path) -> str | None:
    """The file whose name without its ending is nearest; of the same ending where there is one."""
    files = [item.name for item in _entries(folder) if reader_of(item.name)]
    same = [file for file in files if _ending(file) == _ending(name)]
    for some in (same, files):
        stems = {_stem(file): file for file in reversed(some)}
        near = nearest(_stem(name), list(stems))
        if near is not None:
            return stems[near]
    return None


def _stem(name: str) -> str:
    return name.partition(".")[0]


def _ending(name: str) -> str:
    return name.partition(".")[2].casefold()


def _folders(folder: Path) -> list[str]:
    return [item.name for item in _entries(folder) if item.is_dir()]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())[:_MOST]
    except OSError:
        return []
