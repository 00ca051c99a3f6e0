"""What has changed since a table was built, and tables of which only that is computed anew."""

from __future__ import annotations

from dataclasses import dataclass

from mlforge_sql.clock import Clock
from mlforge_sql.durations import Duration
from mlforge_sql.plan.nodes.features import Latest, Rolling
from mlforge_sql.plan.nodes.tiles import Tiles
from mlforge_sql.types import ColumnType


@dataclass(frozen=True, slots=True)
class Ledger:
    """Of each entity and day, in which build its events have last changed.

    The second build finds an event of 01-02 more and none of 01-03:

    | user | at    | amount |      | user | day   | events | fingerprint | build |
    |------|-------|-------:|      |------|-------|-------:|-------------|------:|
    | u1   | 01-01 |     10 |  ->  | u1   | 01-01 |      1 | 83f0...     |     1 |
    | u1   | 01-02 |    100 |      | u1   | 01-02 |      2 | 1c99...     |     2 |
    | u1   | 01-02 |      7 |      | u1   | 01-03 |      0 | 0           |     2 |

    Attributes:
        name: Name of the model.
        staging: The staging model with the events.
        keys: Join keys.
        key_types: Their types.
        event_time: Event-time column of the staging model.
        columns: Staging columns that any value computed for these keys depends on, besides keys and time.
        readers: Names of the models that are brought up to date by it.
    """

    name: str
    staging: str
    keys: tuple[str, ...]
    key_types: tuple[ColumnType, ...]
    event_time: str
    columns: tuple[str, ...]
    readers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Incremental:
    """A model of which a build computes only the rows that a change can have changed.

    interval = 1d, windows of 1d and 2d; the ledger has a change of u1 on 01-02:

    | user | rows that are computed | ticks of tiles that are read |
    |------|------------------------|------------------------------|
    | u1   | 01-03 to 01-05         | 01-01 to 01-05               |

    Attributes:
        node: What is computed.
        ledger: Name of the model with the changes.
    """

    node: Tiles | Rolling | Latest
    ledger: str

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.node.name

    @property
    def clock(self) -> Clock:
        """How its rows count time."""
        return self.node.clock

    @property
    def delay(self) -> Duration | None:
        """How much later than its tick a row begins; None where rows are told by ticks."""
        return None if isinstance(self.node, Tiles) else self.node.delay

    @property
    def tiles(self) -> str | None:
        """The tiles that it reads, which are brought up to date themselves."""
        return self.node.tiles if isinstance(self.node, Rolling) else None

    @property
    def reach(self) -> int:
        """After how many ticks an event changes nothing any more."""
        return self.node.shifts[-1] if isinstance(self.node, Rolling) else 0

    @property
    def is_endless(self) -> bool:
        """Whether an event changes all rows after it."""
        return isinstance(self.node, Rolling) and any(
            window.length is None for window in self.node.windows
        )
