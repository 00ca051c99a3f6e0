"""How the rows of a source are read: keys that are computed, repeated rows, types."""

from __future__ import annotations

from dataclasses import dataclass

from mlforge_sql.event_time import EventTime
from mlforge_sql.types import TIMESTAMP, ColumnType


@dataclass(frozen=True, slots=True)
class SurrogateKey:
    """A join key computed from source columns.

    | first | last  |      | customer_id                                |
    |-------|-------|      |--------------------------------------------|
    | Ann   | O'Hara|  ->  | sha256('3:Ann6:O''Hara')                   |
    | NULL  | Li    |      | sha256('~2:Li')                            |
    | NULL  | NULL  |      | NULL                                       |
    """

    name: str
    parts: tuple[tuple[str, ColumnType], ...]
    salt_env: str | None = None


@dataclass(frozen=True, slots=True)
class Dedupe:
    """Keep one row of each key: the first by ``order``, descending. NULL keys are all kept.

    Attributes:
        key: Columns that identify an event.
        order: All columns that decide.
        as_text: Those of them that are compared by their text, such as lists.
        rank: Name for the row's rank; no column has it.
    """

    key: tuple[str, ...]
    order: tuple[str, ...]
    as_text: frozenset[str]
    rank: str


@dataclass(frozen=True, slots=True)
class Typed:
    """A column of a source: how it is stored, and what it has to be.

    | stored as text |      | bigint        |
    |----------------|  ->  |---------------|
    | 12             |      | 12            |
    | 1.5            |      | does not fit  |

    Attributes:
        name: Its name.
        type: What every value has to fit exactly.
        stored: What the reader of its files gives, as in ``StoredColumn``; None without files.
        leaves: Of nested json, the path of each value inside and its type.
        mixed: Whether the files hold it as different types of numbers.
        cast: Whether tables may hold it as another type.
        instant: Whether it is text of instants.
    """

    name: str
    type: ColumnType
    stored: str | None = None
    leaves: tuple[tuple[str, str], ...] = ()
    mixed: bool = False
    cast: bool = False
    instant: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the rows of a source are, and what its columns have to be.

    Attributes:
        source: Name of the source.
        model: dbt model that it is.
        path: Its files.
        table: Its table on Databricks.
        columns: Its columns.
        time: Event time that is text; None where it has a type.
        whole: Whether each of those texts has a time of the day: features see the events at once.
    """

    source: str
    model: str | None
    path: str | None
    table: str | None
    columns: tuple[Typed, ...]
    time: EventTime | None = None
    whole: bool = False

    def on_tables(self, item: Typed) -> ColumnType:
        """What a column is in a table: ISO times that csv and json tell in text have a type there."""
        formatted = self.time is not None and self.time.format is not None
        return TIMESTAMP if item.instant and not formatted else item.type
