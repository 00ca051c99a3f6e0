"""Ways to store the time of an event or a label, and which instant each value stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo


def shown(instant: datetime, zone: str | None) -> datetime:
    """What the clocks of a zone show at an instant; those of UTC without one."""
    place = ZoneInfo(zone or "UTC")
    return instant.replace(tzinfo=UTC).astimezone(place).replace(tzinfo=None)


def event_instant(local: datetime, zone: str | None) -> datetime:
    """The later instant at which clocks show a local time; one that they leave out moves forward."""
    second, first = utc(local, zone, 1), utc(local, zone, 0)
    return second if shown(second, zone) == local else first


def label_instant(local: datetime, zone: str | None) -> datetime:
    """The earlier instant; one that clocks leave out moves forward."""
    return utc(local, zone, 0)


def utc(local: datetime, zone: str | None, fold: int) -> datetime:
    place = ZoneInfo(zone or "UTC")
    return local.replace(tzinfo=place, fold=fold).astimezone(UTC).replace(tzinfo=None)


def midnight(local: datetime) -> datetime:
    return datetime.combine(local.date(), time())


def same(local: datetime) -> datetime:
    return local


@dataclass(frozen=True)
class StoredTime:
    """A way to store the time of events.

    Attributes:
        types: DuckDB types of its columns.
        write: Their values for a local time.
        says: What ``timestamp`` says of them.
        zone: The zone of the local time.
        kept: What is left of a local time.
        delays: Delays of a source, one of which makes it legal for every feature; none are needed where there are none.
        days: Whether features of whole days are legal without.
    """

    types: Mapping[str, str]
    write: Callable[[datetime], tuple[Any, ...]]
    says: Mapping[str, str]
    zone: str | None = None
    kept: Callable[[datetime], datetime] = same
    delays: tuple[str, ...] = ()
    days: bool = False
    staged: str = field(default="event_time")

    @property
    def timestamp(self) -> str | dict[str, str]:
        """The key of a source."""
        zone = {"timezone": self.zone} if self.zone else {}
        said = {**self.says, **zone}
        return said["column"] if list(said) == ["column"] else said

    def instant(self, instant: datetime | None) -> datetime | None:
        """The instant that an event at ``instant`` has once it is stored."""
        if instant is None:
            return None
        return event_instant(self.kept(shown(instant, self.zone)), self.zone)

    def columns(self, instant: datetime | None) -> dict[str, Any]:
        """The columns of an event at an instant."""
        if instant is None:
            return dict.fromkeys(self.types)
        return dict(zip(self.types, self.write(shown(instant, self.zone)), strict=True))


FORMAT = "%d.%m.%Y %H:%M:%S.%f"
COLUMN = {"column": "event_time"}
TWO = {"date": "event_day", "time": "event_clock"}


def at(zone: str | None = None) -> StoredTime:
    return StoredTime({"event_time": "TIMESTAMP"}, lambda local: (local,), COLUMN, zone)


def text(zone: str) -> StoredTime:
    says = {**COLUMN, "format": FORMAT}
    return StoredTime(
        {"event_time": "VARCHAR"}, lambda local: (f"{local:%d.%m.%Y %H:%M:%S.%f}",), says, zone
    )


def date_(zone: str | None, *delays: str) -> StoredTime:
    return StoredTime(
        {"event_time": "DATE"}, lambda local: (local.date(),), COLUMN, zone, midnight, delays,
        days=zone is None,
    )  # fmt: skip


def days(*delays: str) -> StoredTime:
    return StoredTime(
        {"event_time": "INTEGER"},
        lambda local: ((local - datetime(1970, 1, 1)) // timedelta(days=1),),
        {**COLUMN, "unit": "d"},
        None,
        midnight,
        delays,
        days=True,
    )


def hours(zone: str | None, *delays: str) -> StoredTime:
    says = {**COLUMN, "format": "%Y-%m-%d %H"}
    return StoredTime(
        {"event_time": "VARCHAR"}, lambda local: (f"{local:%Y-%m-%d %H}",), says, zone,
        lambda local: local.replace(minute=0, second=0, microsecond=0), delays,
    )  # fmt: skip


def two(zone: str | None) -> StoredTime:
    types = {"event_day": "DATE", "event_clock": "TIME"}
    return StoredTime(
        types, lambda local: (local.date(), local.time()), TWO, zone, staged="event_timestamp"
    )


def two_texts(zone: str | None) -> StoredTime:
    return StoredTime(
        {"event_day": "DATE", "event_clock": "VARCHAR"},
        lambda local: (local.date(), f"{local:%H:%M:%S.%f}"),
        TWO,
        zone,
        staged="event_timestamp",
    )


PLAIN = at()
PORTABLE = (
    *[PLAIN] * 6,
    at("Europe/Berlin"),
    at("Australia/Lord_Howe"),
    text("America/Chicago"),
    date_(None, "1d", "36h"),
    date_("Europe/Berlin", "25h", "2d"),
    days("1d"),
    hours(None, "1h", "1d"),
    hours("Australia/Lord_Howe", "90m"),
    two_texts(None),
    two_texts("America/Chicago"),
)
"""Ways for both engines."""

ALL = (*PORTABLE, two(None), two("Europe/Berlin"), at("Pacific/Apia"))

NEAR_CHANGES = {
    "Europe/Berlin": (datetime(2024, 3, 30, 22), datetime(2024, 10, 26, 22)),
    "Australia/Lord_Howe": (datetime(2024, 4, 6, 13), datetime(2024, 10, 5, 14)),
    "America/Chicago": (datetime(2024, 3, 10, 6), datetime(2024, 11, 3, 5)),
    "Pacific/Apia": (datetime(2011, 12, 29, 20),),
}
"""Instants an hour or two before the clocks of a zone change."""
