"""Which features share tiles, and what the tiles hold."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from mlforge_sql.clock import Clock
from mlforge_sql.expressions import Expr
from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.functions.powers import sum_parts
from mlforge_sql.functions.results import of_ordered, of_sum
from mlforge_sql.plan.nodes import Measure, Tiles, Use
from mlforge_sql.project.model import (
    ResolvedFeature,
    ResolvedSource,
    Scoped,
    WindowColumn,
    staging_name,
)
from mlforge_sql.types import BIGINT, DOUBLE, HUGEINT, ColumnType, Kind

MeasureKey = tuple[MeasureKind, Expr | None, Expr | None, Expr | None]

MOMENTS = (
    MeasureKind.COUNT,
    MeasureKind.CENTER,
    MeasureKind.FROM_CENTER,
    MeasureKind.DEVIATIONS,
)
"""What std and variance of doubles are merged from.

``n`` values have the mean ``center + from_center``, where the center is one of them, and ``deviations`` is the sum of
their squared distances from the mean. Two parts make a whole (Chan, Golub and LeVeque 1979): its deviations are those
of both and ``d^2 * n1 * n2 / (n1 + n2)``, with ``d`` the distance of their means. As the difference of two centers is
exact where they are close together, no digit is lost however far from zero the values are.
"""

WEIGHTINGS = (MeasureKind.WEIGHTED, MeasureKind.WEIGHTS)
"""What a weighted mean is made of: the sum of weighted values, and that of the weights of those values."""

WIDE_INTEGER = ColumnType(Kind.DECIMAL, precision=38, scale=0)
"""Type of whole sums in tiles: a mean may exist where the sum does not fit into 64 bits."""


@dataclass
class MeasureSet:
    """Collects measures and gives each one name.

    Attributes:
        staging: Whether values are over the staging model or over the feature's input.
        taken: Names that measures may not have.
        keys: Names that no measure may begin, because windows add to a measure's name.
    """

    staging: bool
    taken: set[str]
    keys: frozenset[str]
    measures: dict[MeasureKey, Measure] = field(default_factory=dict)

    def parts(self, column: WindowColumn) -> tuple[Measure, ...]:
        """The measures of a feature column, added where they are new."""
        if column.value is None:
            return (self._measure(column, MeasureKind.ROWS),)
        return tuple(self._measure(column, kind) for kind in _parts(column))

    def moments(self, column: WindowColumn) -> tuple[Measure, ...]:
        """What a spread of doubles is merged from: measures of tiles, added where they are new."""
        spread = column.function.function.spread
        merged = spread is not None and column.window is not None
        if not self.staging or not merged or self.parts(column):
            return ()
        return tuple(self._measure(column, kind) for kind in MOMENTS)

    def _measure(self, column: WindowColumn, kind: MeasureKind) -> Measure:
        if kind is MeasureKind.UNITS and not (column.value_type and column.value_type.scale):
            kind = MeasureKind.SUM  # whole numbers are in their smallest unit
        value = self._scope(column.value)
        where = self._scope(column.where)
        weight = self._scope(column.by) if kind in WEIGHTINGS else None
        key = (kind, value, where, weight)
        if key not in self.measures:
            name = self._name(column, kind)
            value_type = column.value_type if value is not None else None
            if weight is None:
                made = Measure(name, kind, value, value_type, where, _type(kind, value_type))
            else:
                weighted = weighted_type(kind, column.by_type)
                made = Measure(
                    name, kind, value, value_type, where, weighted, weight, column.by_type
                )
            self.measures[key] = made
        return self.measures[key]

    def count_rows(self) -> None:
        """Have the number of all events among the measures, for the account of the rows."""
        if not any(item.is_rows for item in self.measures.values()):
            name = self._free("rows_count", self.taken)
            self.taken.add(name)
            kind = MeasureKind.ROWS
            self.measures[kind, None, None, None] = Measure(name, kind, None, None, None, BIGINT)

    def _scope(self, scoped: Scoped | None) -> Expr | None:
        if scoped is None:
            return None
        return scoped.staging if self.staging else scoped.input

    def observed(self, column: WindowColumn, taken: frozenset[str]) -> str:
        """A name for the values that std and variance look at, beside other such names."""
        return self._free(f"{_base(column)}_observed", self.taken | taken)

    def listed(self, column: WindowColumn, taken: frozenset[str]) -> str:
        """A name for a series of values, beside other such names."""
        call = column.function
        what = str(call.function.form) if call.column is None else _plain(call.label)
        return self._free(f"{_base(column)}_{what}", self.taken | taken)

    def _name(self, column: WindowColumn, kind: MeasureKind) -> str:
        part = "count" if kind is MeasureKind.ROWS else str(kind)
        if kind in WEIGHTINGS and column.function.column:
            part = f"{_plain(column.function.column)}_{part}"  # no name ends like one of a window
        name = self._free(f"{_base(column)}_{part}", self.taken)
        self.taken.add(name)
        return name

    def _free(self, wanted: str, taken: set[str]) -> str:
        name, number = wanted, 1
        while name in taken or any(key.startswith(f"{name}_") for key in self.keys):
            number += 1
            name = f"{wanted}_{number}"
        return name


def _base(column: WindowColumn) -> str:
    """What names of measures of a column begin with: what the user calls it, as a name of SQL."""
    label = _plain(column.label) or "field"
    return label if label[0].isalpha() else f"field_{label}"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")


def _parts(column: WindowColumn) -> tuple[MeasureKind, ...]:
    if column.value_type is None:
        raise TypeError(column.name)
    return column.function.function.measures(column.value_type)


def weighted_type(kind: MeasureKind, weight: ColumnType | None) -> ColumnType:
    """Type of a sum of weighted values, or of weights: those of a narrow type add up exactly."""
    if kind is MeasureKind.WEIGHTED or weight is None or sum_parts(weight) != (MeasureKind.SUM,):
        return DOUBLE
    return _type(MeasureKind.SUM, weight)


def _type(kind: MeasureKind, value_type: ColumnType | None) -> ColumnType:
    if kind in {MeasureKind.ROWS, MeasureKind.COUNT}:
        return BIGINT
    if kind in MOMENTS:
        return DOUBLE
    if kind not in {MeasureKind.SUM, MeasureKind.MIN, MeasureKind.MAX}:
        return HUGEINT  # what the arithmetic on them is in
    if kind is MeasureKind.SUM and value_type is not None and value_type.family is Kind.INTEGER:
        return WIDE_INTEGER  # the sum of a tick may be too wide for a mean's parts to be bigint
    result = of_sum if kind is MeasureKind.SUM else of_ordered
    found = result(value_type) if value_type is not None else None
    if found is None:
        raise TypeError(f"{kind} of {value_type}")
    return found


@dataclass(frozen=True, slots=True)
class Group:
    """Features that read the same tiles: same source, keys, interval, filter (and so delay)."""

    source: str
    keys: tuple[str, ...]
    clock: Clock
    where: Expr | None


def has_tiles(feature: ResolvedFeature) -> bool:
    """Whether a feature reads tiles: it is gridded, and not all of it is made of single events."""
    made_of_ticks = (not item.function.function.of_events for item in feature.windows)
    return feature.spec.interval is not None and any(made_of_ticks)


def group_of(feature: ResolvedFeature) -> Group:
    """The group of a gridded rolling feature."""
    clock = Clock.of(feature.spec.interval)
    keys = tuple(sorted(key.name for key in feature.keys))
    return Group(feature.source.spec.name, keys, clock, feature.where)


def tick_name(source: ResolvedSource) -> str:
    """Name of the column with an event's tick; never that of a column of the source."""
    taken = {name.casefold() for name in source.schema}
    name = "tick"
    while name in taken:
        name = f"mlforge_{name}"
    return name


def shared_tiles(
    features: Iterable[ResolvedFeature], taken: set[str]
) -> dict[Group, tuple[Tiles, MeasureSet]]:
    """The tiles of all features that read some, one for each group.

    Args:
        features: The features of the project.
        taken: Names of other models, case-folded; names of tiles are added.
    """
    members: dict[Group, list[ResolvedFeature]] = {}
    for feature in features:
        if has_tiles(feature):
            members.setdefault(group_of(feature), []).append(feature)
    return {group: _tiles(group, found, taken) for group, found in members.items()}


def _tiles(
    group: Group, features: list[ResolvedFeature], taken: set[str]
) -> tuple[Tiles, MeasureSet]:
    first = features[0]
    keys = tuple((key.name, key.type) for key in first.keys)
    tick = tick_name(first.source)
    names = frozenset(name.casefold() for name, _ in keys)
    measures = MeasureSet(staging=True, taken={tick, *names}, keys=names)
    uses: dict[str, Use] = {}
    for feature in features:
        for column in feature.windows:
            for part in (*measures.parts(column), *measures.moments(column)):
                uses.setdefault(part.name, Use(part.name, feature.name, column.name))
    measures.count_rows()
    tiles = Tiles(
        name=_tiles_name(group, taken),
        relation=staging_name(first.source.spec),
        keys=keys,
        event_time=first.source.timestamp,
        clock=group.clock,
        tick=tick,
        where=group.where,
        measures=tuple(measures.measures.values()),
        features=tuple(feature.name for feature in features),
        uses=tuple(uses.values()),
    )
    return tiles, measures


def _tiles_name(group: Group, taken: set[str]) -> str:
    interval = group.clock.interval
    parts = [group.source, *group.keys, str(interval)]
    name = "int_" + "__".join(parts)
    if group.where is not None:
        name += "__" + hashlib.sha256(group.where.sql.encode()).hexdigest()[:8]
    name += "_tiles"
    while name.casefold() in taken:
        name += "_"
    taken.add(name.casefold())
    return name
