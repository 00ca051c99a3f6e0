"""Tests of what was built: the audit of a training set, and accounts of rows."""

from __future__ import annotations

from dataclasses import dataclass

from mlforge_sql.clock import Clock
from mlforge_sql.durations import Duration
from mlforge_sql.event_time import EventTime
from mlforge_sql.expressions import Expr
from mlforge_sql.functions.model import Call
from mlforge_sql.plan.nodes.features import Window
from mlforge_sql.plan.nodes.reading import Reading, SurrogateKey
from mlforge_sql.types import ColumnType


@dataclass(frozen=True, slots=True)
class AuditColumn:
    """A feature column that an audit computes again.

    Attributes:
        name: Name in the feature table.
        type: Its type.
        function: The aggregate; None for the value of the last event.
        value: What is aggregated, over the feature's input; None counts rows.
        value_type: Its type.
        where: Only events for which it is true are aggregated.
        window: The window; None for the value of the last event.
        default: Value of an empty window.
        by: The other column that the function is told, over the feature's input.
        by_type: Its type.
    """

    name: str
    type: ColumnType
    function: Call | None = None
    value: Expr | None = None
    value_type: ColumnType | None = None
    where: Expr | None = None
    window: Window | None = None
    default: bool | int | float | str | None = None
    by: Expr | None = None
    by_type: ColumnType | None = None


@dataclass(frozen=True, slots=True)
class AuditedLabels:
    """The training set that an audit looks at.

    Attributes:
        training_set: Its name.
        computed: Join keys that the labels have only the parts of.
        time: The label's time.
    """

    training_set: str
    computed: tuple[SurrogateKey, ...]
    time: EventTime


@dataclass(frozen=True, slots=True)
class Audit:
    """A sample of a training set, each value computed again from the events that its label may see.

    interval = 1d; the training set's second value holds an event of its label's own day:

    | user | label_time  | f__amount_sum_1d |      | user | label_time  | feature_column | in_training_set | recomputed |
    |------|-------------|-----------------:|  ->  |------|-------------|----------------|-----------------|------------|
    | u1   | 01-02 18:00 |               10 |      | u1   | 01-03 10:00 | amount_sum_1d  | 6100            | 1100       |
    | u1   | 01-03 10:00 |             6100 |

    Without labels it is the table of the feature that is looked at: its row that holds at instants at
    which a value changes and a microsecond before them, and its entities and instants themselves:

    | user | feature_timestamp | amount_sum_1d |      | user | instant | feature_column | in_table | recomputed |
    |------|-------------------|--------------:|  ->  |------|---------|----------------|----------|------------|
    | u1   | 01-02             |            10 |      | u1   | 01-03   | amount_sum_1d  | 6100     | 1100       |
    | u1   | 01-03             |          6100 |      | u1   | 01-04   | every column   | no row   | a change   |

    Attributes:
        labels: The training set; None for the feature's own table.
        feature: The feature.
        staging: Model with the events.
        rows: How many labels or instants are looked at.
        keys: Join keys.
        event_time: Event-time column of the staging model.
        inputs: Further columns of events and what they are computed from.
        where: The feature's filter.
        clock: The clock.
        delay: How long after an event it is known.
        columns: The feature columns of the training set, or all.
        windows: All windows of the feature: each has a say in when its rows begin.
        order: For values of the last event, input columns that order events of one time, descending.
        ttl: How old a row of the feature may be; None for the feature's own table.
    """

    labels: AuditedLabels | None
    feature: str
    staging: str
    rows: int
    keys: tuple[str, ...]
    event_time: str
    inputs: tuple[tuple[str, Expr], ...]
    where: Expr | None
    clock: Clock
    delay: Duration
    columns: tuple[AuditColumn, ...]
    windows: tuple[Window, ...]
    order: tuple[str, ...] = ()
    ttl: Duration | None = None

    @property
    def shifts(self) -> tuple[int, ...]:
        """How many microseconds after an event becomes visible it changes a value: the delay is not in it."""
        found = set() if self.windows else {0}
        for window in self.windows:
            found.add(window.offset.microseconds)
            if window.length is not None:
                found.add(window.offset.microseconds + window.length.microseconds)
        return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Account:
    """Rows of a source that are staged, and those that ``where`` and ``dedupe`` remove: they add up.

    where: amount > 0; dedupe: id; the second row of 7 is staged too:

    | id | amount |      | source_rows | removed_by_where | removed_by_dedupe | staged_rows | staged_twice |
    |----|-------:|  ->  |-------------|------------------|-------------------|-------------|--------------|
    | 7  |     10 |      | 3           | 1                | 1                 | 2           | 1            |
    | 7  |     20 |
    | 8  |      0 |

    Attributes:
        name: Name of the test.
        staging: Model that the rows are staged in.
        source: Name of the source.
        model: dbt model that it is instead of a dbt source.
        reading: How the columns that decide are read.
        where: Filter of the raw rows.
        dedupe: Columns that identify an event; none when all rows are kept.
        staged_key: The same in the staging model, where they are there as they were.
    """

    name: str
    staging: str
    source: str
    model: str | None
    reading: Reading
    where: Expr | None
    dedupe: tuple[str, ...]
    staged_key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeatureAccount:
    """Rows that a feature reads, and what becomes of them: they add up.

    interval = 1d, where: amount > 0; the tile of 01-02 has lost an event:

    | user | at    | amount |      | staged | removed_by_where | input | without_key_or_time | in_tiles |
    |------|-------|-------:|  ->  |--------|------------------|-------|---------------------|----------|
    | u1   | 01-01 |     10 |      | 4      | 1                | 3     | 1                   | 1        |
    | u1   | 01-01 |     20 |
    | u1   | 01-01 |      0 |
    | NULL | 01-01 |      5 |

    Without tiles, the instants at which rows of the feature begin are counted instead.

    Attributes:
        name: Name of the test.
        feature: Name of the feature and its table.
        staging: The staging model.
        input: The model with the feature's input.
        keys: Join keys.
        event_time: Event-time column of the input.
        where: The feature's filter of staged rows.
        clock: The clock.
        tick: Name of the tick's column.
        shifts: After how many ticks an event changes the feature.
        tiles: Model with the tiles; None where there are none.
        rows: Column of the tiles with the number of events.
    """

    name: str
    feature: str
    staging: str
    input: str
    keys: tuple[str, ...]
    event_time: str
    where: Expr | None
    clock: Clock
    tick: str
    shifts: tuple[int, ...]
    tiles: str | None
    rows: str
