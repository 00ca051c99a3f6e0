"""Training sets: their labels, and the features that are joined to them."""

from __future__ import annotations

from dataclasses import dataclass

from mlforge_sql.durations import Duration
from mlforge_sql.event_time import EventTime
from mlforge_sql.expressions import Expr
from mlforge_sql.plan.nodes.reading import Dedupe, Reading, SurrogateKey
from mlforge_sql.spec.pin import Pin
from mlforge_sql.types import ColumnType


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of a training set as they are: the rows of a source, none of its columns changed.

    Attributes:
        name: Name of the model.
        source: Name of the source it reads.
        model: dbt model that it reads instead of a dbt source.
        columns: The source's columns.
        keys: Surrogate keys, in the place of the columns they are computed from.
        event_time: The source's event time, which dedupe may order by.
        where: Filter of the raw rows.
        dedupe: How repeated events are dropped.
        reading: Where the rows are, and what the columns have to be.
    """

    name: str
    source: str
    model: str | None
    columns: tuple[str, ...]
    keys: tuple[SurrogateKey, ...]
    event_time: EventTime
    where: Expr | None
    dedupe: Dedupe | None
    reading: Reading


@dataclass(frozen=True, slots=True)
class JoinedColumn:
    """A feature column as a join gives it.

    Attributes:
        name: Its name in the feature table.
        type: Its type.
        zero: Whether it is 0 for an entity that has no row yet.
        default: What it is instead.
    """

    name: str
    type: ColumnType
    zero: bool = False
    default: bool | int | float | str | None = None


@dataclass(frozen=True, slots=True)
class Joinable:
    """A feature table as joins see it.

    Attributes:
        feature: Its name.
        keys: Names of its join keys.
        key_types: Their types.
        columns: Its columns.
        ttl: How old a row may be when it is used.
    """

    feature: str
    keys: tuple[str, ...]
    key_types: tuple[ColumnType, ...]
    columns: tuple[JoinedColumn, ...]
    ttl: Duration | None = None


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Every label once, with the features as of its time.

    | user | label_time |      | user | label_time | f__amount_sum_1d | f__amount_count_1d |
    |------|------------|  ->  |------|------------|-----------------:|-------------------:|
    | u1   | 01-03      |      | u1   | 01-03      |             1100 |                  2 |
    | NULL | 01-03      |      | NULL | 01-03      |             NULL |                  0 |

    Attributes:
        name: Name of the model.
        labels: Model with the labels.
        sql: The query of that model, when it is the user's own.
        columns: The labels' columns and types.
        time: The label's time.
        features: The features, and their columns in the order they are asked for.
        description: What it is for.
        pins: Features that are read in a certain version of their tables.
    """

    name: str
    labels: str
    sql: str | None
    columns: tuple[tuple[str, ColumnType], ...]
    time: EventTime
    features: tuple[tuple[str, tuple[JoinedColumn, ...]], ...]
    description: str | None = None
    pins: tuple[tuple[str, Pin], ...] = ()
