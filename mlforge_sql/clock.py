"""The clock of a feature: instants as whole ticks since a fixed moment.

The rule of time (docs/design.md) in one integer. An event at time ``e`` becomes visible at tick

* gridded, interval ``I``: ``floor((e - anchor) / I) + 1``, the first tick after the event,
* continuous, exclusive: ``e + 1`` (one microsecond after the event),
* continuous, inclusive: ``e``,

and the window of length ``W`` and offset ``o`` at tick ``t`` holds the events with
``t - o - W < tick <= t - o``, all in ticks. A source's delay moves the rows, not the windows.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlforge_sql.durations import WEEK, Duration

MONDAY = 4 * 86_400_000_000
"""1970-01-05, the first Monday after the epoch, in microseconds."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How a feature counts time.

    Attributes:
        unit: Microseconds in a tick.
        anchor: Microseconds since the epoch of tick 0.
        interval: The interval of a gridded feature, else None.
        inclusive: Whether a continuous feature sees an event at the event's own time.
    """

    unit: int
    anchor: int = 0
    interval: Duration | None = None
    inclusive: bool = False

    @classmethod
    def of(cls, interval: Duration | None, *, inclusive: bool = False) -> Clock:
        """The clock for an interval; continuous without one. Whole weeks begin on Mondays."""
        if interval is None:
            return cls(1, inclusive=inclusive)
        anchor = MONDAY if interval.microseconds % WEEK == 0 else 0
        return cls(interval.microseconds, anchor, interval)

    def ticks(self, duration: Duration) -> int:
        """A duration in ticks; it must be a whole number of them."""
        count, rest = divmod(duration.microseconds, self.unit)
        if rest:
            raise ValueError(f"{duration} is not a multiple of {self.interval}")
        return count
