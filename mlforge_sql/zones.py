"""Time zones by their IANA names, and what their clocks do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from mlforge_sql.errors import suggest

UTC_NAME = "UTC"

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_YEARS = range(1970, 2038)
"""The years whose changes of clocks are looked at; later ones repeat the last rule."""

_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)


def zone_problem(name: str) -> tuple[str, str] | None:
    """What is wrong with the name of a time zone, and what to write; None when nothing is.

    Names without a slash but ``UTC`` are refused: ``EST`` has no summer time, ``CST`` is five zones,
    and engines do not agree on them.

    Examples:
        >>> zone_problem("Europe/Berlin"), zone_problem("Europe/Brlin")
        (None, ('unknown time zone `Europe/Brlin`', 'did you mean `Europe/Berlin`?'))
        >>> zone_problem("+02:00")[1]
        'write `Etc/GMT-2`, whose sign is the other way round, or a place such as `Europe/Berlin`'
    """
    known = known_zones()
    if name == UTC_NAME or name in known or (not known and "/" in name):
        return None
    if found := _OFFSET.fullmatch(name.strip()):
        return f"`{name}` is an offset, not a time zone", _instead_of(found)
    if "/" not in name:
        hint = "write the zone of a place, such as `Europe/Berlin` or `America/Chicago`, or `UTC`"
        return f"`{name}` is not the IANA name of a time zone", hint
    return f"unknown time zone `{name}`", suggest(name, sorted(known))


def _instead_of(offset: re.Match[str]) -> str:
    place = "a place such as `Europe/Berlin`"
    if int(offset[2]) > 12 or int(offset[3] or 0):
        return f"write {place}"
    if int(offset[2]) == 0:
        return "write `UTC`"
    other = "-" if offset[1] == "+" else "+"
    return f"write `Etc/GMT{other}{int(offset[2])}`, whose sign is the other way round, or {place}"


@lru_cache(maxsize=1)
def known_zones() -> frozenset[str]:
    """The names of zones of places; none where this machine has no time zone database."""
    return frozenset(name for name in available_timezones() if "/" in name)


def longest_day(zone: str) -> timedelta:
    """The longest day by a zone's clocks, in whole hours: the one on which they are set back.

    Examples:
        >>> longest_day("Europe/Berlin") // timedelta(hours=1)
        25
        >>> longest_day("Asia/Kolkata") // timedelta(hours=1)
        24
    """
    return _DAY + -(-_set_back(zone) // _HOUR) * _HOUR


def longest_hour(zone: str) -> timedelta:
    """The longest hour by a zone's clocks: longer than 60 minutes where they are set back by a part of one.

    Examples:
        >>> longest_hour("Europe/Berlin") // timedelta(minutes=1)
        60
        >>> longest_hour("Australia/Lord_Howe") // timedelta(minutes=1)
        90
    """
    return _HOUR + max((step % _HOUR for step in _steps(zone)), default=timedelta(0))


def has_whole_hours(zone: str) -> bool:
    """Whether the hours of a zone's clocks are those of UTC."""
    return all(offset % _HOUR == timedelta(0) for offset in _offsets(zone))


def _set_back(zone: str) -> timedelta:
    """How far clocks are set back at most."""
    return max(_steps(zone), default=timedelta(0))


def _steps(zone: str) -> Iterator[timedelta]:
    """How far clocks are set back, each time they are."""
    offsets = _offsets(zone)
    for before, after in pairwise(offsets):
        if after < before:
            yield before - after


@lru_cache(maxsize=16)
def _offsets(zone: str) -> tuple[timedelta, ...]:
    """Offsets from UTC, one after the other; an hour back each year where nothing is known of the zone."""
    try:
        place = ZoneInfo(zone)
    except ZoneInfoNotFoundError:
        return (_HOUR, timedelta(0))
    found: list[timedelta] = []
    day, end = datetime(_YEARS.start, 1, 1, tzinfo=UTC), datetime(_YEARS.stop, 1, 1, tzinfo=UTC)
    while day < end:
        offset = day.astimezone(place).utcoffset() or timedelta(0)
        if not found or found[-1] != offset:
            found.append(offset)
        day += _DAY
    return tuple(found)
