"""A resolved project: names replaced by what they mean, every column with its type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlforge_sql.durations import Duration
from mlforge_sql.errors import Diagnostic
from mlforge_sql.expressions import Expr
from mlforge_sql.functions.model import Call
from mlforge_sql.spec.base import Origin
from mlforge_sql.spec.config import ProjectConfig
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.pin import Pin
from mlforge_sql.spec.source import Source, Timestamp
from mlforge_sql.spec.training_set import TrainingSet
from mlforge_sql.spec.validators import Validator
from mlforge_sql.types import ColumnType, FileSchema


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """One join key.

    Attributes:
        name: Name in every table.
        type: Its type there.
        parts: Source columns of a surrogate key, with their types; none when the join key is a
            column of the source.
        salt_env: Environment variable with the salt of a surrogate key.
    """

    name: str
    type: ColumnType
    parts: tuple[tuple[str, ColumnType], ...] = ()
    salt_env: str | None = None


@dataclass(frozen=True, slots=True)
class ResolvedSource:
    """A source whose columns are known.

    Attributes:
        spec: What the user wrote.
        origin: Where.
        schema: The source's own columns and types, in its order.
        timestamp: Name of the event time in staging: as the source spells it, where it is one column.
        time_columns: The columns that it is read from, as the source spells them.
        where: Filter of the raw rows.
        files: What its files hold, and how they are read; None when it has none.
        declared: Columns whose types the user says, by case-folded name, as written.
        dedupe_key: Columns that identify an event.
        dedupe_order: Columns that decide which row of a key is kept: those that are named for it, then
            the others that features read, by name.
        dedupe_rest: Columns that no feature reads, which are compared last.
        keys: Join keys that features need from this source.
    """

    spec: Source
    origin: Origin = field(compare=False, repr=False)
    schema: Mapping[str, ColumnType]
    timestamp: str
    time_columns: tuple[str, ...]
    where: Expr | None
    dedupe_key: tuple[str, ...] = ()
    dedupe_order: tuple[str, ...] = ()
    dedupe_rest: tuple[str, ...] = ()
    keys: tuple[KeyColumn, ...] = ()
    files: FileSchema | None = None
    declared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scoped:
    """An expression in both places it can be computed.

    Attributes:
        input: Over the columns of the feature's input.
        staging: Over the columns of the source's staging model.
    """

    input: Expr
    staging: Expr


@dataclass(frozen=True, slots=True)
class InputColumn:
    """A column of a feature's input."""

    name: str
    expr: Expr
    type: ColumnType


@dataclass(frozen=True, slots=True)
class WindowColumn:
    """A feature column aggregated over a window.

    Attributes:
        name: Name in the feature table.
        label: What the tiles call the field, such as ``amount`` or the aggregate's own name.
        function: What its values are aggregated with.
        value: What is aggregated; None counts rows.
        value_type: Its type; None when rows are counted.
        where: Only rows for which it is true are aggregated.
        by: The other column that the function is told.
        by_type: Its type.
        window: Length; None for lifetime.
        offset: How far the window is shifted into the past.
        default: Value of an empty window.
        type: Type of the feature column.
        description: What it means.
        unit: Unit of the values.
    """

    name: str
    label: str
    function: Call
    value: Scoped | None
    value_type: ColumnType | None
    where: Scoped | None
    window: Duration | None
    offset: Duration
    default: bool | int | float | str | None
    type: ColumnType
    description: str | None = None
    unit: str | None = None
    by: Scoped | None = None
    by_type: ColumnType | None = None

    @property
    def read(self) -> tuple[Scoped, ...]:
        """All that it reads of an event."""
        found = (self.value, self.by, self.where)
        return tuple(scoped for scoped in found if scoped is not None)


@dataclass(frozen=True, slots=True)
class LatestColumn:
    """A feature column that holds the value of the last event."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class ResolvedFeature:
    """A feature with everything it refers to.

    Attributes:
        spec: What the user wrote.
        origin: Where.
        source: Its source.
        keys: Its join keys, in the order of the entities.
        where: Filter of the staged rows.
        inputs: Columns of its input, besides keys and event time.
        windows: Its columns, when it is a rolling feature.
        latest: Its columns, when it is a feature of latest values.
        tie_order: Input columns that order events of one time, descending.
        rules: Validators by input column.
    """

    spec: Feature
    origin: Origin = field(compare=False, repr=False)
    source: ResolvedSource
    keys: tuple[KeyColumn, ...]
    where: Expr | None
    inputs: tuple[InputColumn, ...]
    windows: tuple[WindowColumn, ...] = ()
    latest: tuple[LatestColumn, ...] = ()
    tie_order: tuple[str, ...] = ()
    rules: tuple[tuple[str, Validator], ...] = ()

    @property
    def name(self) -> str:
        """Name of the feature and its table."""
        return self.spec.name

    @property
    def columns(self) -> tuple[WindowColumn | LatestColumn, ...]:
        """The feature columns, in their order."""
        return (*self.windows, *self.latest)

    @property
    def changes_by_itself(self) -> bool:
        """Whether time alone changes its values: then its table has rows that begin later than now."""
        return (
            self.spec.interval is not None
            or self.source.spec.delay.microseconds > 0
            or any(item.window is not None or item.offset.microseconds for item in self.windows)
        )


@dataclass(frozen=True, slots=True)
class Requested:
    """Columns of a feature that somebody asks for.

    Attributes:
        feature: The feature.
        columns: Names of its columns, in the order they are asked for.
        pin: The version of its table that is read; None for the newest.
    """

    feature: ResolvedFeature
    columns: tuple[str, ...]
    pin: Pin | None = None


@dataclass(frozen=True, slots=True)
class ResolvedTrainingSet:
    """A training set with everything it refers to.

    Attributes:
        spec: What the user wrote.
        origin: Where.
        source: The source of its labels, when they come from one.
        columns: The labels' own columns and types, in their order.
        timestamp: The label's time, its column spelled as the labels do.
        features: The features that are joined.
        hashed: Join keys that stand in the place of the columns they are computed from.
    """

    spec: TrainingSet
    origin: Origin = field(compare=False, repr=False)
    source: ResolvedSource | None
    columns: Mapping[str, ColumnType]
    timestamp: Timestamp
    features: tuple[Requested, ...]
    hashed: tuple[KeyColumn, ...] = ()

    @property
    def name(self) -> str:
        """Name of the training set and its table."""
        return self.spec.name


@dataclass(frozen=True, slots=True)
class Project:
    """A project ready to be planned."""

    config: ProjectConfig
    sources: tuple[ResolvedSource, ...]
    features: tuple[ResolvedFeature, ...]
    training_sets: tuple[ResolvedTrainingSet, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()


def staging_name(source: Source) -> str:
    """Name of a source's staging model; never that of the model it reads."""
    name = f"stg_{source.name}"
    return f"{name}__typed" if source.model and source.model.casefold() == name.casefold() else name


def input_name(feature: str) -> str:
    """Name of the model with a feature's input."""
    return f"int_{feature}__input"


def current_name(feature: str) -> str:
    """Name of the model with a feature's current values."""
    return f"{feature}_current"


def upcoming_name(feature: str) -> str:
    """Name of the model with the rows of a feature that begin later."""
    return f"{feature}_upcoming"


def labels_name(training_set: str) -> str:
    """Name of the model with a training set's labels."""
    return f"int_{training_set}__labels"
