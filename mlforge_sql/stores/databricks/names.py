"""Names in Unity Catalog, as users write them."""

from __future__ import annotations

import re

_PART = re.compile(r"`((?:[^`]|``)+)`|([^.`\s]+)")


def parts_of(name: str) -> tuple[str, ...] | None:
    """The parts of a name that a user wrote, with or without quotes; None when it is no name.

    Examples:
        >>> parts_of("main.raw.labels"), parts_of("`my.catalog`.`a``b`")
        (('main', 'raw', 'labels'), ('my.catalog', 'a`b'))
        >>> parts_of("raw..labels"), parts_of("two words")
        (None, None)
    """
    found: list[str] = []
    position = 0
    while match := _PART.match(name, position):
        found.append((match[1] or match[2]).replace("``", "`"))
        position = match.end()
        if position == len(name):
            return tuple(found)
        if name[position] != ".":
            return None
        position += 1
    return None
