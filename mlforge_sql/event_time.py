"""The time of an event or a label, as a source stores it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TimeKind(StrEnum):
    """How a source stores its event time."""

    TIMESTAMP = "timestamp"
    TIMESTAMP_TZ = "timestamp_tz"
    TIMESTAMP_NS = "timestamp_ns"
    DATE = "date"
    DATE_AND_TIME = "date_and_time"
    EPOCH = "epoch"
    TEXT = "text"
    ISO_TEXT = "iso_text"


@dataclass(frozen=True, slots=True)
class EventTime:
    """The time of a source's events, or of labels, and how to read it.

    Attributes:
        column: Its column; the one with the date, where the time of the day has one of its own.
        kind: How it is stored.
        format: strftime format of text.
        per_second: Units in a second, for integers.
        per_day: Whether integers count days.
        time: Column with the time of the day.
        timezone: Zone of local times; None for those in UTC, and for those that say their own.
        earlier: Whether a local hour that comes twice is the first: it is for labels, not for events.
    """

    column: str
    kind: TimeKind
    format: str | None = None
    per_second: int = 0
    per_day: bool = False
    time: str | None = None
    timezone: str | None = None
    earlier: bool = False
