"""Events that are added up once for all features: tiles, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass

from mlforge_sql.clock import Clock
from mlforge_sql.expressions import Expr
from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.types import ColumnType


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
        weight: The weight of a value, where there are such.
        weight_type: Its type.
    """

    name: str
    kind: MeasureKind
    value: Expr | None
    value_type: ColumnType | None
    where: Expr | None
    type: ColumnType
    weight: Expr | None = None
    weight_type: ColumnType | None = None

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
