"""How long the SQL connector tries again; measured, because its own words do not say."""

from __future__ import annotations

RETRIES: dict[str, int | float] = {
    "_retry_stop_after_attempts_count": 6,
    "_retry_stop_after_attempts_duration": 400,
    "_retry_delay_min": 0.1,
    "_retry_delay_max": 60,
    "_socket_timeout": 120,
}
"""Parameters of the connector, for dbt and for statements of our own.

A refused connection is tried again after 0.2, 0.4, ... 6.4 seconds, 13 in all. A warehouse that is
starting answers 503, and after each of those the connector waits ``_retry_delay_max``: 6 minutes in
all, enough for one that was stopped.
"""
