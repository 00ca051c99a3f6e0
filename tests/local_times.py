"""Local times around changes of clocks, and which instants they are: a loop over the zone's minutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

STEP = timedelta(minutes=15)
AROUND = timedelta(hours=30)

CHANGES: dict[str, tuple[datetime, ...]] = {
    "Europe/Berlin": (
        datetime(2024, 3, 31, 2),
        datetime(2024, 10, 27, 3),
        datetime(2041, 3, 31, 2),
    ),
    "America/Chicago": (
        datetime(2024, 3, 10, 2),
        datetime(2024, 11, 3, 2),
        datetime(1974, 1, 6, 2),
    ),
    "Australia/Lord_Howe": (datetime(2024, 4, 7, 2), datetime(2024, 10, 6, 2)),
    "America/Sao_Paulo": (datetime(2018, 11, 4), datetime(2018, 2, 18)),
    "Pacific/Apia": (datetime(2011, 12, 30),),
    "Asia/Kolkata": (datetime(2024, 3, 31),),
    "Etc/GMT+5": (datetime(2024, 3, 31),),
}
"""Local times at or near which clocks change, by zone: gaps and repeated hours, also of 30 minutes and at midnight, a day that is left out, and none."""


@lru_cache(maxsize=64)
def shown(zone: str, change: datetime) -> Mapping[datetime, tuple[datetime, ...]]:
    """The instants at which the zone's clocks show a local time, for every minute around a change."""
    minute, end = change - 2 * AROUND - timedelta(days=1), change + 2 * AROUND + timedelta(days=1)
    found: dict[datetime, list[datetime]] = {}
    while minute < end:
        local = minute.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        found.setdefault(local, []).append(minute)
        minute += timedelta(minutes=1)
    return {local: tuple(instants) for local, instants in found.items()}


@dataclass(frozen=True)
class Local:
    """A local time near a change of clocks."""

    zone: str
    change: datetime
    time: datetime

    @property
    def instants(self) -> tuple[datetime, datetime]:
        """The instant of an event and that of a label, in UTC."""
        minute = self.time.replace(second=0, microsecond=0)
        rest = self.time - minute
        known = shown(self.zone, self.change)
        skipped = timedelta(0)
        while (
            minute - skipped not in known
        ):  # nobody's clock shows it: as if it had not been set forward
            skipped += timedelta(minutes=1)
        found = known[minute - skipped]
        return max(found) + skipped + rest, min(found) + skipped + rest


def local_times(zone: str) -> list[Local]:
    """Every quarter of an hour around the changes of a zone, some of them with microseconds."""
    found: list[Local] = []
    for change in CHANGES[zone]:
        time, number = change - AROUND, 0
        while time <= change + AROUND:
            exact = time + timedelta(microseconds=(0, 1, 999_999)[number % 3])
            found.append(Local(zone, change, exact))
            time, number = time + STEP, number + 1
    return found


STORED: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "timestamp": ({"at": "TIMESTAMP"}, {"column": "at"}),
    "nanoseconds": ({"at_ns": "TIMESTAMP_NS"}, {"column": "at_ns"}),
    "text": ({"at_text": "VARCHAR"}, {"column": "at_text", "format": "%d.%m.%Y %H:%M:%S.%f"}),
    "date_and_time": (
        {"day": "DATE", "clock": "TIME"},
        {"date": "day", "time": "clock"},
    ),
    "texts": (
        {"day_text": "VARCHAR", "clock_text": "VARCHAR"},
        {"date": "day_text", "time": "clock_text", "format": "%d.%m.%Y %H:%M:%S.%f"},
    ),
    "iso_texts": (
        {"day": "DATE", "clock_text": "VARCHAR"},
        {"date": "day", "time": "clock_text"},
    ),
}
"""Ways to store a local time: the columns' types, and what ``timestamp`` says of them."""


def columns(time: datetime | None) -> dict[str, Any]:
    """A local time in all columns of ``STORED``."""
    if time is None:
        return dict.fromkeys(TYPES)
    return {
        "at": time,
        "at_ns": time,
        "at_text": f"{time:%d.%m.%Y %H:%M:%S.%f}",
        "day": time.date(),
        "clock": time.time(),
        "day_text": f"{time:%d.%m.%Y}",
        "clock_text": f"{time:%H:%M:%S.%f}",
    }


TYPES = {name: kind for kinds, _ in STORED.values() for name, kind in kinds.items()}
