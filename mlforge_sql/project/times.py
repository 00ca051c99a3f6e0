"""Time columns: whether a column can be read as an instant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from mlforge_sql.errors import Diagnostic, Location
from mlforge_sql.spec.source import DIRECTIVE, Timestamp
from mlforge_sql.types import ColumnType, Kind

STRFTIME = frozenset("YymdHMSfbBjpIzTaA%")
"""strftime directives that both engines can read."""


class Place(Protocol):
    """Where the value at a path was written; None when it was not written into a file."""

    def __call__(self, *path: str | int) -> Location | None:
        """The place."""
        ...


def is_time(kind: ColumnType) -> bool:
    """Whether a column holds times of the day."""
    return kind.family is Kind.OTHER and kind.text.casefold() in {"time", "time without time zone"}


def timestamp_fits(
    spec: Timestamp,
    kinds: Mapping[str, ColumnType],
    place: Place,
    problems: list[Diagnostic],
    *,
    iso_text: bool = False,
) -> bool:
    """Whether columns of the given types can be read as ``spec`` says; if not, it is noted.

    Args:
        spec: The columns, and their format, unit or time zone.
        kinds: The columns' types, by the names that ``spec`` has for them.
        place: Where ``timestamp`` was written.
        problems: Where problems go.
        iso_text: Whether text without a format is read as ISO 8601.
    """
    column, *time = spec.columns
    code, at, wrong = "MF038", place("timestamp"), None
    if time:
        found = _two_misfits(spec, kinds[column], kinds[time[0]])
        if found:
            column, wrong = spec.columns[found[0]], found[1:]
            at = place("timestamp", ("date", "time")[found[0]])
    else:
        wrong = _misfit(spec, kinds[column], iso_text=iso_text)
    if wrong is None and spec.timezone is not None and has_zone(kinds[column]):
        code, at = "MF115", place("timestamp", "timezone")
        wrong = f"is {kinds[column]}: its instants are known", "remove `timezone`"
    if wrong:
        message = f"timestamp column `{column}` {wrong[0]}"
        problems.append(Diagnostic(code, message, at, wrong[1]))
        return False
    return spec.format is None or _format_fits(spec.format, place, problems)


def has_zone(kind: ColumnType) -> bool:
    """Whether a type holds instants, and not what a clock shows."""
    return kind.family is Kind.TIMESTAMP_TZ


def _two_misfits(
    spec: Timestamp, date: ColumnType, time: ColumnType
) -> tuple[int, str, str] | None:
    """Which of two columns is wrong, what is, and the next step."""
    for number, (kind, typed) in enumerate(
        ((date, date.family is Kind.DATE), (time, is_time(time)))
    ):
        word = "time of the day" if number else "date"
        if kind.family is Kind.TEXT or (typed and spec.format is None):
            continue
        if typed:
            return number, f"is {kind}, not text", "remove `format`: it is for two columns of text"
        if kind.family in {Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}:
            hint = "name it as `column`, and leave the other out"
            return number, f"is {kind}, which has a date and a time", hint
        return number, f"is {kind}, not a {word}", f"use a column of a {word}, or of text"
    return None


def _misfit(spec: Timestamp, kind: ColumnType, *, iso_text: bool) -> tuple[str, str] | None:
    """What is wrong, and the next step."""
    form = 'format: "%Y-%m-%d %H:%M:%S"'
    add_format = f"its strftime format, such as `timestamp: {{column: {spec.column}, {form}}}`"
    if kind.family is Kind.TEXT:
        if spec.unit is not None:
            return "is text, not an integer", f"replace `unit` by {add_format}"
        missing = spec.format is None and not iso_text
        return ("is text", f"add {add_format}") if missing else None
    if kind.family is Kind.INTEGER and spec.unit is None:
        said = f"`timestamp: {{column: {spec.column}, unit: s}}`"
        return f"is {kind}", f"say what it counts since 1970: {said}, or `ms`, `us`, `ns`, `d`"
    if kind.family in {Kind.BOOLEAN, Kind.FLOAT, Kind.DECIMAL, Kind.OTHER}:
        return f"is {kind}", "use a timestamp, date, integer or text column"
    if spec.format is not None:
        return f"is {kind}, not text", "remove `format`"
    if spec.unit is not None and kind.family is not Kind.INTEGER:
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
    if not {"Y", "y"} & set(DIRECTIVE.findall(text)):
        problems.append(Diagnostic("MF038", f"`{text}` has no year", at, "add `%Y`"))
        return False
    return True
