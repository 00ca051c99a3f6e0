"""Pins: which version of a feature's table is read, when it is not the newest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError


@dataclass(frozen=True, slots=True)
class Pin:
    """A version of a Delta table.

    Attributes:
        version: Its number; None where the instant says which.
        at: The instant at which it was the newest, in UTC.

    Examples:
        >>> str(Pin(12)), str(Pin(at=datetime(2026, 1, 31, 12)))
        ('version 12', 'its version of 2026-01-31T12:00:00Z')
    """

    version: int | None = None
    at: datetime | None = None

    def __str__(self) -> str:
        if self.at is None:
            return f"version {self.version}"
        return f"its version of {self.instant}"

    @property
    def instant(self) -> str | None:
        """The instant as ISO text."""
        return None if self.at is None else f"{self.at.isoformat()}Z"

    @property
    def argument(self) -> dict[str, int | str]:
        """The pin as the macro ``training_set`` takes it."""
        if self.instant is not None:
            return {"version_at": self.instant}
        return {"version": self.version or 0}


def _instant(value: object) -> datetime:
    """An instant in UTC, without a zone; what has none is UTC."""
    found = _read(value)
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def _read(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    try:
        return datetime.fromisoformat(value.strip() if isinstance(value, str) else "")
    except ValueError:
        raise PydanticCustomError(
            "mlforge_instant",
            "`{value}` is not an instant",
            {
                "value": str(value),
                "code": "MF012",
                "hint": "write it as 2026-01-31T12:00:00Z; without an offset it is UTC",
            },
        ) from None


Instant = Annotated[datetime, BeforeValidator(_instant)]
"""A datetime, a date or ISO text, as a datetime in UTC without a zone."""
