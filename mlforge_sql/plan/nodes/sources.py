"""The models before features: the events of a source, and what of them goes into a feature."""

from __future__ import annotations

from dataclasses import dataclass

from mlforge_sql.event_time import EventTime
from mlforge_sql.expressions import Expr
from mlforge_sql.plan.nodes.reading import Dedupe, Reading, SurrogateKey


@dataclass(frozen=True, slots=True)
class Staging:
    """Rows of a source with a typed event time and its join keys.

    | first_name | at (text)           |      | customer_id | first_name | at (timestamp)      |
    |------------|---------------------|  ->  |-------------|------------|---------------------|
    | Ann        | 2024-01-01 12:00:00 |      | 9f86d0...   | Ann        | 2024-01-01 12:00:00 |

    Attributes:
        name: Name of the model.
        source: Name of the source it reads.
        model: dbt model that it reads instead of a dbt source.
        columns: The source's columns, and the name each has in staging.
        event_time: The event time.
        instant: Name that the event time has in staging.
        keys: Surrogate keys to compute.
        where: Filter of the raw rows.
        dedupe: How repeated events are dropped.
        reading: Where the rows are, and what the columns have to be.
        description: What the events are.
    """

    name: str
    source: str
    model: str | None
    columns: tuple[tuple[str, str], ...]
    event_time: EventTime
    instant: str
    keys: tuple[SurrogateKey, ...]
    where: Expr | None
    dedupe: Dedupe | None
    reading: Reading
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """The rows that go into one feature: its validators run here.

    Attributes:
        name: Name of the model.
        feature: The feature.
        staging: The staging model it reads.
        keys: Join keys.
        event_time: Event-time column.
        columns: Further columns and what they are computed from.
        where: The feature's filter.
    """

    name: str
    feature: str
    staging: str
    keys: tuple[str, ...]
    event_time: str
    columns: tuple[tuple[str, Expr], ...]
    where: Expr | None
