"""Feature tables: rolling windows, and the values of the last event."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from mlforge_sql.clock import Clock
from mlforge_sql.durations import Duration
from mlforge_sql.expressions import Expr
from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.functions.model import Form, Spread
from mlforge_sql.plan.merging import REACH, Merge, merge_chain
from mlforge_sql.plan.nodes.tiles import Measure, Use
from mlforge_sql.types import ColumnType

_EXACT_SCALE = 6
"""Digits after the point that a sum of two decimals keeps on every engine."""


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
        by: Another column, whose order has a say; where it is NULL, the event is not in the series.
        by_type: Its type.
        last: Whether the largest of that is looked for, and not the smallest.
    """

    name: str
    form: Form
    value: Expr
    type: ColumnType
    where: Expr | None
    by: Expr | None = None
    by_type: ColumnType | None = None
    last: bool = False


@dataclass(frozen=True, slots=True)
class RollingColumn:
    """A feature column over a window.

    Attributes:
        name: Name in the feature table.
        window: The window.
        measure: Measure that is aggregated again, for count, sum, min and max; for a mean, the sum.
        count: For a mean, the measure with the count; for a weighted one, that with the sum of the weights.
        thirds: For sums and means of very wide numbers, instead of ``measure``: the sums of their parts.
        powers: For std and variance of integers and decimals, the exact sums they are made of.
        scale: How many digits after the point the unit of such sums stands for.
        observation: For std and variance of doubles, the observation.
        moments: For those over tiles, the measures that they are merged from: see ``plan/tiles.py``.
        spread: Which spread.
        series: For what is made of single events, those.
        last: Whether the last value of the series is meant, and not the first.
        share: Of a percentile, the share of the values below it.
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
    share: Decimal | None = None

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
    def is_measured(self) -> bool:
        """Whether any of its columns is more than a state of single events."""
        return any(column.series is None for column in self.columns)

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
                item.kind in {MeasureKind.SUM, MeasureKind.WEIGHTS}
                and item.type.scale > _EXACT_SCALE
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
