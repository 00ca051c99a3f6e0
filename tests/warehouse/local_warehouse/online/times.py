"""Instants as the API writes them."""

from __future__ import annotations

import datetime as dt


def now() -> dt.datetime:
    """This instant."""
    return dt.datetime.now(dt.UTC)


def written(at: dt.datetime) -> str:
    """An instant in UTC, to the millisecond."""
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
