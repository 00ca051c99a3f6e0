"""strftime formats as Databricks' datetime patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlforge_sql.dialects.translation.terms import Untranslatable

_ALONE = {
    "Y": "y",
    "m": "M",
    "d": "d",
    "H": "H",
    "I": "h",
    "M": "m",
    "S": "s",
    "j": "D",
    "f": "SSSSSS",
    "b": "MMM",
    "B": "MMMM",
    "p": "a",
    "z": "[XXX][XX][X]",
}
"""Letters that read as many digits as there are: ``5`` and ``05``, as DuckDB does."""

_PADDED = {
    "Y": "yyyy",
    "m": "MM",
    "d": "dd",
    "H": "HH",
    "I": "hh",
    "M": "mm",
    "S": "ss",
    "j": "DDD",
}
"""Letters for numbers with nothing between them."""

_HINT = "write a format of %Y %m %d %H %M %S %f %b %B %j %z, or `%I` with `%p`; or parse it in a dbt model"
_WHY = {
    "y": "two digits are a year of this century there",
    "a": "names of weekdays are not read there",
    "A": "names of weekdays are not read there",
}


def spark_pattern(text: str) -> str:
    """The pattern with which Databricks reads the same instants as DuckDB with a strftime format.

    What DuckDB fails to read, Databricks may fail to read or not; what DuckDB reads although the text does
    not quite have the format, such as spaces around it, Databricks fails to read.

    Args:
        text: A strftime format.

    Raises:
        Untranslatable: There is none.

    Examples:
        >>> spark_pattern("%Y-%m-%dT%H:%M:%S.%f"), spark_pattern("%Y%m%d")
        ("y-M-d'T'H:m:s.SSSSSS", 'yyyyMMdd')
    """
    parts = list(_parts(text.replace("%T", "%H:%M:%S")))
    letters = [part[1:] for part in parts if part.startswith("%") and part != "%%"]
    for letter in letters:
        if letter not in _ALONE:
            raise _refused(text, _WHY.get(letter, f"`%{letter}` is not known there"))
        if letters.count(letter) > 1:
            raise _refused(text, f"`%{letter}` stands in it twice")
    if ("I" in letters) != ("p" in letters) or {"I", "H"} <= set(letters):
        raise _refused(text, "hours up to 12 need `%I` and `%p`, and no `%H`")
    if len(set(letters) & {"b", "B", "m"}) > 1 or ("j" in letters and set(letters) & set("bBmd")):
        raise _refused(text, "it says the month or the day twice")
    return "".join(_said(text, parts, index) for index in range(len(parts)))


def _parts(text: str) -> Iterator[str]:
    """Directives, and the text between them."""
    return (found[0] for found in re.finditer(r"%.|[^%]+", text, re.DOTALL))


def _said(text: str, parts: list[str], index: int) -> str:
    part = parts[index]
    if not part.startswith("%"):
        return _quoted(part)
    if part == "%%":
        return "%"
    letter = part[1:]
    before, after = parts[:index][-1:], parts[index + 1 : index + 2]
    if not any(_touches(side, last) for side, last in ((before, True), (after, False))):
        return _ALONE[letter]
    if letter in _PADDED:
        return _PADDED[letter]
    if letter == "f":
        raise _refused(text, "`%f` stands beside another number")
    return _ALONE[letter]


def _touches(side: list[str], last: bool) -> bool:
    """Whether what is beside a directive is a number too."""
    if not side:
        return False
    if side[0].startswith("%"):
        return side[0][1:] in {*_PADDED, "f"}
    return side[0][-1 if last else 0].isdigit()


def _quoted(part: str) -> str:
    """Text that a pattern takes as it is."""
    plain = all(not item.isalpha() and item not in "'[]{}#" for item in part)
    return part if plain else "'" + part.replace("'", "''") + "'"


def _refused(text: str, why: str) -> Untranslatable:
    return Untranslatable(f"the format `{text}` has no exact form on Databricks: {why}", _HINT)
