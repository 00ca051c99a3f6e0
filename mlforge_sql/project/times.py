"""Time columns: whether a column can be read as an instant."""

from __future__ import annotations

import re
from typing import Protocol

from mlforge_sql.errors import Diagnostic, Location
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.types import ColumnType, Kind

STRFTIME = frozenset("YymdHMSfbBjpIzTaA%")
"""strftime directives that both engines can read."""


class Place(Protocol):
    """Where the value at a path was written; None when it was not written into a file."""

    def __call__(self, *path: str | int) -> Location | None:
        """The place."""
        ...


def timestamp_fits(
    spec: Timestamp,
    kind: ColumnType,
    place: Place,
    problems: list[Diagnostic],
    *,
    iso_text: bool = False,
) -> bool:
    """Whether a column of the given type can be read as ``spec`` says; if not, it is noted.

    Args:
        spec: The column, and its format or unit.
        kind: The column's type.
        place: Where ``timestamp`` was written.
        problems: Where problems go.
        iso_text: Whether text without a format is read as ISO 8601.
    """
    wrong = _misfit(spec, kind, iso_text=iso_text)
    if wrong:
        message = f"timestamp column `{spec.column}` {wrong[0]}"
        problems.append(Diagnostic("MF038", message, place("timestamp"), wrong[1]))
        return False
    return spec.format is None or _format_fits(spec.format, place, problems)


def _misfit(spec: Timestamp, kind: ColumnType, *, iso_text: bool) -> tuple[str, str] | None:
    """What is wrong, and the next step."""
    add_format = 'its strftime format, such as `format: "%Y-%m-%d %H:%M:%S"`'
    if kind.kind is Kind.TEXT:
        if spec.unit is not None:
            return "is text, not an integer", f"replace `unit` by {add_format}"
        missing = spec.format is None and not iso_text
        return ("is text", f"add {add_format}") if missing else None
    if kind.kind is Kind.INTEGER and spec.unit is None:
        return f"is {kind}", "add the unit since 1970: `unit: s`, `ms`, `us` or `ns`"
    if kind.kind in {Kind.BOOLEAN, Kind.FLOAT, Kind.DECIMAL, Kind.OTHER}:
        return f"is {kind}", "use a timestamp, date, integer or text column"
    if spec.format is not None:
        return f"is {kind}, not text", "remove `format`"
    if spec.unit is not None and kind.kind is not Kind.INTEGER:
        return f"is {kind}, not an integer", "remove `unit`"
    return None


def _format_fits(text: str, place: Place, problems: list[Diagnostic]) -> bool:
    used = re.findall(r"%(-?.?)", text)
    unknown = [item for item in used if item not in STRFTIME]
    at = place("timestamp", "format")
    if unknown:
        message = f"`%{unknown[0]}` is not a strftime directive that can be read"
        hint = "use " + " ".join(f"%{item}" for item in "YmdHMSfbzp")
        problems.append(Diagnostic("MF038", message, at, hint))
        return False
    if not {"Y", "y"} & set(used):
        problems.append(Diagnostic("MF038", f"`{text}` has no year", at, "add `%Y`"))
        return False
    return True
