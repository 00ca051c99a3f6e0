"""What to compute, without a dialect. One node is one dbt model, or one test of a training set."""

from __future__ import annotations

from dataclasses import dataclass

from mlforge_sql.clock import Clock
from mlforge_sql.durations import Duration
from mlforge_sql.event_time import EventTime
from mlforge_sql.expressions import Expr
from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.functions.model import Call, Form, Spread
from mlforge_sql.plan.merging import REACH, Merge, merge_chain
from mlforge_sql.spec.pin import Pin
from mlforge_sql.types import TIMESTAMP, ColumnType

_EXACT_SCALE = 6
"""Digits after the point that a sum of two decimals keeps on every engine."""


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


@dataclass(frozen=True, slots=True)
class Measure:
    """One pre-aggregated column of tiles.

    Attributes:
        name: Its column.
        kind: What it holds.
        value: What is aggregated; None for rows.
        value_type: Type of the value; None for rows.
        where: Only rows for which it is true count.
        type: Type of the column.
    """

    name: str
    kind: MeasureKind
    value: Expr | None
    value_type: ColumnType | None
    where: Expr | None
    type: ColumnType

    @property
    def is_rows(self) -> bool:
        """Whether it is the number of all events."""
        return self.kind is MeasureKind.ROWS and self.where is None


@dataclass(frozen=True, slots=True)
class Use:
    """A column of a feature that needs a measure.

    Attributes:
        measure: Name of the measure.
        feature: Name of the feature.
        column: Name of its column.
    """

    measure: str
    feature: str
    column: str


@dataclass(frozen=True, slots=True)
class Tiles:
    """Events of one entity and tick, pre-aggregated; ``tick`` is when they become visible.

    interval = 1d, sum(amount); ticks are shown as their instants:

    | user | event_time       | amount |      | user | tick             | amount_sum |
    |------|------------------|-------:|      |------|------------------|-----------:|
    | u1   | 2024-01-01 12:00 |     10 |  ->  | u1   | 2024-01-02 00:00 |         10 |
    | u1   | 2024-01-02 09:00 |    100 |      | u1   | 2024-01-03 00:00 |       1100 |
    | u1   | 2024-01-02 18:00 |   1000 |

    Rows with a NULL key or a NULL event time are in no tile.

    Attributes:
        name: Name of the model.
        relation: The model it reads.
        keys: Join keys, with their types.
        event_time: Event-time column of the relation.
        clock: The clock.
        tick: Name of the tick's column.
        where: Filter of the relation's rows.
        measures: What each tile holds.
        features: The features that read it.
        uses: Of each measure, the first column that needs it.
    """

    name: str
    relation: str
    keys: tuple[tuple[str, ColumnType], ...]
    event_time: str
    clock: Clock
    tick: str
    where: Expr | None
    measures: tuple[Measure, ...]
    features: tuple[str, ...]
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """A window of a feature: None for ``length`` is lifetime."""

    length: Duration | None
    offset: Duration

    @property
    def name(self) -> str:
        """Its name in SQL.

        Examples:
            >>> Window(Duration.parse("7d"), Duration.parse("1d")).name
            'last_7d_offset_1d'
        """
        base = f"last_{self.length}" if self.length else "lifetime"
        return base + self.suffix.removeprefix(f"_{self.length or 'lifetime'}")

    @property
    def suffix(self) -> str:
        """What it adds to a column's name."""
        shifted = f"_offset_{self.offset}" if self.offset.microseconds else ""
        return f"_{self.length or 'lifetime'}{shifted}"


@dataclass(frozen=True, slots=True)
class Observation:
    """A double of single events that a spread (std, variance) is computed from."""

    name: str
    value: Expr
    type: ColumnType
    where: Expr | None


@dataclass(frozen=True, slots=True)
class Series:
    """Values of single events, in the order of events, that columns of a form look at.

    Attributes:
        name: Begins the names of its steps and columns.
        form: What is made of them.
        value: The value; NULL is not in the series.
        type: Its type.
        where: Only events for which it is true are in the series.
    """

    name: str
    form: Form
    value: Expr
    type: ColumnType
    where: Expr | None


@dataclass(frozen=True, slots=True)
class RollingColumn:
    """A feature column over a window.

    Attributes:
        name: Name in the feature table.
        window: The window.
        measure: Measure that is aggregated again, for count, sum, min and max; for a mean, the sum.
        count: For a mean, the measure with the count.
        thirds: For sums and means of very wide numbers, instead of ``measure``: the sums of their parts.
        powers: For std and variance of integers and decimals, the exact sums they are made of.
        scale: How many digits after the point the unit of such sums stands for.
        observation: For std and variance of doubles, the observation.
        moments: For those over tiles, the measures that they are merged from: see ``plan/tiles.py``.
        spread: Which spread.
        series: For what is made of single events, those.
        last: Whether the last value of the series is meant, and not the first.
        zero: Whether an empty window counts 0 rather than NULL.
        what: What is aggregated, in words: ``sum of amount``.
        default: Value of an empty window.
        type: Type of the column.
        description: What it means.
        unit: Unit of the values.
    """

    name: str
    window: Window
    measure: Measure | None
    count: Measure | None
    observation: Observation | None
    spread: Spread | None
    zero: bool
    what: str
    default: bool | int | float | str | None
    type: ColumnType
    description: str | None = None
    unit: str | None = None
    powers: tuple[Measure, ...] = ()
    thirds: tuple[Measure, ...] = ()
    scale: int = 0
    moments: tuple[Measure, ...] = ()
    series: Series | None = None
    last: bool = False

    @property
    def measures(self) -> tuple[Measure, ...]:
        """All measures that it is put together from, but for moments."""
        single = (item for item in (self.measure, self.count) if item is not None)
        return (*single, *self.thirds, *self.powers)


@dataclass(frozen=True, slots=True)
class Rolling:
    """A step function of window aggregates: a row wherever a window gains or loses events.

    interval = 1d, sum over 1d; ticks and timestamps without their time of day:

    | user | tick  | amount_sum |      | user | feature_timestamp | amount_sum_1d |
    |------|-------|-----------:|      |------|-------------------|--------------:|
    | u1   | 01-02 |         10 |  ->  | u1   | 01-02             |            10 |
    | u1   | 01-03 |       1100 |      | u1   | 01-03             |          1100 |
    |      |       |            |      | u1   | 01-04             |          NULL |

    Attributes:
        name: Name of the feature and its table.
        input: Model with the feature's input.
        event_time: Event-time column of the input.
        keys: Join keys, with their types.
        clock: The clock.
        tick: Name of the tick's column.
        delay: How long after an event its row can be used.
        tiles: Model with the tiles; None when they are computed inside the feature.
        measures: The measures it uses.
        observations: The observations it uses.
        columns: The feature columns.
        description: What the feature means.
        order: Input columns that order events of one time, descending; for series.
    """

    name: str
    input: str
    event_time: str
    keys: tuple[tuple[str, ColumnType], ...]
    clock: Clock
    tick: str
    delay: Duration
    tiles: str | None
    measures: tuple[Measure, ...]
    observations: tuple[Observation, ...]
    columns: tuple[RollingColumn, ...]
    description: str | None = None
    order: tuple[str, ...] = ()

    @property
    def series(self) -> tuple[Series, ...]:
        """The series that its columns look at, in order of first use."""
        found = (column.series for column in self.columns if column.series is not None)
        return tuple(dict.fromkeys(found))

    @property
    def windows(self) -> tuple[Window, ...]:
        """The different windows, in order of first use."""
        return tuple(dict.fromkeys(column.window for column in self.columns))

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths of its windows in ticks, but for those without a lower end."""
        found = {self.clock.ticks(window.length) for window in self.windows if window.length}
        return tuple(sorted(found))

    @property
    def merges(self) -> tuple[Merge, ...]:
        """The merges that make its windows from single ticks."""
        return merge_chain(self.lengths)

    @property
    def can_merge(self) -> bool:
        """Whether its windows can be merged from tiles, tick by tick.

        A window without a lower end is carried along from tile to tile, so it has no offset; the spread of doubles over
        all time is that of the events themselves. Databricks rounds the seventh digit after the point of what two
        decimals of 38 digits add up to.
        """
        endless = [item for item in self.columns if item.window.length is None]
        return (
            self.tiles is not None
            and any(item.measures or item.moments for item in self.columns)
            and self.shifts[-1] < REACH
            and not any(item.window.offset.microseconds or item.observation for item in endless)
            and not any(
                item.kind is MeasureKind.SUM and item.type.scale > _EXACT_SCALE
                for item in self.measures
            )
        )

    @property
    def uses(self) -> tuple[Use, ...]:
        """Of each measure, the first column that needs it."""
        found: dict[str, Use] = {}
        for item in self.columns:
            for measure in item.measures:
                found.setdefault(measure.name, Use(measure.name, self.name, item.name))
        return tuple(found.values())

    @property
    def shifts(self) -> tuple[int, ...]:
        """After how many ticks an event's tick changes a window: when it enters, when it leaves."""
        found: set[int] = set()
        for window in self.windows:
            start = self.clock.ticks(window.offset)
            found.add(start)
            if window.length is not None:
                found.add(start + self.clock.ticks(window.length))
        return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Latest:
    """A step function of the last event's values.

    continuous, ties broken on id; timestamps without their date:

    | user | at    | id | amount |      | user | feature_timestamp | amount |
    |------|-------|---:|-------:|      |------|-------------------|-------:|
    | u1   | 12:00 |  1 |     10 |  ->  | u1   | 12:00:00.000001   |     20 |
    | u1   | 12:00 |  2 |     20 |      | u1   | 13:00:00.000001   |      5 |
    | u1   | 13:00 |  3 |      5 |

    Attributes:
        name: Name of the feature and its table.
        input: Model with the feature's input.
        event_time: Event-time column of the input.
        keys: Join keys, with their types.
        clock: The clock.
        tick: Name of the tick's column.
        delay: How long after an event its row can be used.
        columns: The feature columns and their types.
        order: Input columns that order events of one time, descending.
        description: What the feature means.
    """

    name: str
    input: str
    event_time: str
    keys: tuple[tuple[str, ColumnType], ...]
    clock: Clock
    tick: str
    delay: Duration
    columns: tuple[tuple[str, ColumnType], ...]
    order: tuple[str, ...]
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Current:
    """The row of each entity that holds at the run's ``as_of``: what goes online.

    Attributes:
        name: Name of the model.
        feature: The feature's table.
        keys: Join keys, with their types.
        columns: The feature columns and their types.
    """

    name: str
    feature: str
    keys: tuple[tuple[str, ColumnType], ...]
    columns: tuple[tuple[str, ColumnType], ...]


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The rows of a feature that begin after the run's ``as_of``: what online values change to by themselves.

    as_of = 01-04 12:00:

    | user | feature_timestamp | amount_sum_2d |      | user | feature_timestamp | amount_sum_2d |
    |------|-------------------|--------------:|  ->  |------|-------------------|--------------:|
    | u1   | 01-04 00:00       |          6100 |      | u1   | 01-05 00:00       |          5000 |
    | u1   | 01-05 00:00       |          5000 |      | u1   | 01-06 00:00       |          NULL |
    | u1   | 01-06 00:00       |          NULL |

    Attributes:
        name: Name of the model.
        feature: The feature's table.
        current: Name of the model with its current values.
        keys: Join keys, with their types.
        columns: The feature columns and their types.
    """

    name: str
    feature: str
    current: str
    keys: tuple[tuple[str, ColumnType], ...]
    columns: tuple[tuple[str, ColumnType], ...]


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
        columns: Its columns.
        ttl: How old a row may be when it is used.
    """

    feature: str
    keys: tuple[str, ...]
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
    """

    name: str
    type: ColumnType
    function: Call | None = None
    value: Expr | None = None
    value_type: ColumnType | None = None
    where: Expr | None = None
    window: Window | None = None
    default: bool | int | float | str | None = None


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


Model = Staging | Input | Tiles | Rolling | Latest | Current | Upcoming | Labels
Node = Model | Audit | Account | FeatureAccount


@dataclass(frozen=True, slots=True)
class Plan:
    """Every model of a project, in an order in which each reads only earlier ones."""

    stagings: tuple[Staging, ...]
    inputs: tuple[Input, ...]
    tiles: tuple[Tiles, ...]
    features: tuple[Rolling | Latest, ...]
    currents: tuple[Current, ...]
    upcomings: tuple[Upcoming, ...] = ()
    joinables: tuple[Joinable, ...] = ()
    surrogates: tuple[SurrogateKey, ...] = ()
    labels: tuple[Labels, ...] = ()
    training_sets: tuple[TrainingSet, ...] = ()
    audits: tuple[Audit, ...] = ()
    accounts: tuple[Account, ...] = ()
    feature_accounts: tuple[FeatureAccount, ...] = ()

    @property
    def nodes(self) -> tuple[Model, ...]:
        """All models of features."""
        return (
            *self.stagings,
            *self.inputs,
            *self.tiles,
            *self.features,
            *self.currents,
            *self.upcomings,
        )
