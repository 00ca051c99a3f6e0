"""Lengths of time as users write them: ``30m``, ``12h``, ``7d``, ``4w`` or a ``timedelta``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta

MICROSECONDS = {
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
"""Microseconds in each unit."""

WEEK = MICROSECONDS["w"]
MAX_MICROSECONDS = 36_525 * MICROSECONDS["d"]
"""The longest duration: a hundred years, well inside what 64-bit microseconds can add up."""

_TEXT = re.compile(r"([0-9]+)([smhdw])")


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time. Equal lengths are equal, whatever their text: ``7d == 1w``.

    Attributes:
        microseconds: The length.
        text: How the user wrote it; column names use it.
    """

    microseconds: int
    text: str = field(compare=False)

    def __str__(self) -> str:
        return self.text

    @classmethod
    def parse(cls, value: str | timedelta | Duration) -> Duration:
        """Return the duration a user wrote.

        Raises:
            ValueError: The text is not a whole number and a unit, or the length is negative or
                longer than a hundred years.

        Examples:
            >>> Duration.parse("90d").microseconds
            7776000000000
            >>> Duration.parse(timedelta(days=90)).text
            '90d'
            >>> Duration.parse(timedelta(minutes=90)).text
            '90m'
        """
        if isinstance(value, Duration):
            return value
        if isinstance(value, timedelta):
            return _from_timedelta(value)
        match = _TEXT.fullmatch(value)
        if match is None:
            raise ValueError(f"`{value}` is not a duration")
        return _checked(int(match[1]) * MICROSECONDS[match[2]], value)


def multiples_near(length: Duration, interval: Duration) -> list[str]:
    """The multiples of an interval around a length, in the interval's own unit.

    Examples:
        >>> multiples_near(Duration.parse("36h"), Duration.parse("1d"))
        ['1d', '2d']
    """
    below = length.microseconds // interval.microseconds
    number, unit = int(interval.text[:-1]), interval.text[-1]
    return [f"{count * number}{unit}" for count in (below, below + 1) if count]


def _from_timedelta(value: timedelta) -> Duration:
    total = value // timedelta(microseconds=1)
    for unit in ("d", "h", "m", "s"):
        if total % MICROSECONDS[unit] == 0:
            return _checked(total, f"{total // MICROSECONDS[unit]}{unit}")
    raise ValueError(f"`{value}` is not a whole number of seconds")


def _checked(microseconds: int, text: str) -> Duration:
    if not 0 <= microseconds <= MAX_MICROSECONDS:
        raise ValueError(f"`{text}` is not between 0 and 100 years")
    return Duration(microseconds, text)


ZERO = Duration(0, "0d")
