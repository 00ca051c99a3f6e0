"""Features: rolling-window aggregates and latest values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from mlforge_sql.durations import ZERO
from mlforge_sql.functions import CallError, called, listed
from mlforge_sql.spec.base import (
    DurationField,
    Name,
    Names,
    PositiveDuration,
    Spec,
    Whole,
    WindowField,
    one_or_many,
    record,
)
from mlforge_sql.spec.entity import Entity
from mlforge_sql.spec.pivot import By
from mlforge_sql.spec.source import Source, Timestamp, timestamp_by_name
from mlforge_sql.spec.validators import Validator

Default = bool | Whole | Annotated[float, Field(allow_inf_nan=False)] | str


def _function(value: object) -> str:
    if isinstance(value, (list, tuple)):
        listed = ", ".join(map(str, value))
        raise PydanticCustomError(
            "mlforge_function",
            "`function` is one function",
            {
                "code": "MF015",
                "hint": "for several write `aggregations: {field: ["
                + listed
                + "]}` in the place of "
                "`field` and `function`",
            },
        )
    try:
        return str(called(str(value)))
    except CallError as error:
        raise PydanticCustomError(
            "mlforge_function",
            error.message,
            {"value": str(value), "code": "MF015", "hint": error.hint},
        ) from None


FunctionField = Annotated[str, BeforeValidator(_function)]


class _Windowed(Spec):
    windows: Annotated[tuple[WindowField, ...], BeforeValidator(one_or_many)] = Field(
        description="Lengths of the windows: durations, or `lifetime`.", min_length=1
    )
    offset: DurationField = Field(
        default=ZERO, description="Shift every window this far into the past."
    )
    where: str | None = Field(
        default=None, description="SQL filter: only rows for which it is true are aggregated."
    )
    default: Default | None = Field(
        default=None, description="Value of an empty window, instead of NULL (or 0 for counts)."
    )
    by: By | None = Field(
        default=None, description="All of that once for each value of another column."
    )


class Rolling(_Windowed):
    """Every function of every field over every window.

    Examples:
        >>> rolling = Rolling(windows=["7d"], aggregations={"amount": ["sum", "mean"]})
        >>> rolling.aggregations
        {'amount': ('sum', 'mean')}
    """

    aggregations: dict[
        str, Annotated[tuple[FunctionField, ...], BeforeValidator(one_or_many), Field(min_length=1)]
    ] = Field(description="Field and functions; the field `*` counts rows.", min_length=1)


class Aggregate(_Windowed):
    """One function of one field over some windows.

    Examples:
        >>> Aggregate(field="amount", function="count", windows=["1d"], name="velocity").name
        'velocity'
    """

    field: str = Field(description="Column, or `*` to count rows.")
    function: FunctionField = Field(description=f"{listed()}.")
    name: Name | None = Field(
        default=None, description="First part of the column names, instead of field and function."
    )
    description: str | None = Field(default=None, description="What the columns mean.")
    unit: str | None = Field(default=None, description="Unit of the values.")
    type: str | None = Field(
        default=None,
        description=(
            "Type of the result of a sum, where the usual one is too narrow: bigint, double or a "
            "decimal such as decimal(38,0)."
        ),
    )


def _metric_kind(value: Any) -> str:
    if isinstance(value, dict):
        return "aggregate" if "field" in value or "function" in value else "rolling"
    return "aggregate" if isinstance(value, Aggregate) else "rolling"


Metric = Annotated[
    Annotated[Rolling, Tag("rolling")] | Annotated[Aggregate, Tag("aggregate")],
    Discriminator(_metric_kind),
]


def _is_ordered(metric: Rolling | Aggregate) -> bool:
    """Whether a metric needs the order of events."""
    if isinstance(metric, Aggregate):
        return called(metric.function).function.ordered
    listed = (item for functions in metric.aggregations.values() for item in functions)
    return any(called(item).function.ordered for item in listed)


def _reference(value: object) -> object:
    return value.name if isinstance(value, (Entity, Source)) else value


def _references(value: object) -> object:
    items = one_or_many(value)
    return tuple(_reference(item) for item in items) if isinstance(items, tuple) else items


def _validator_lists(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {key: one_or_many(item) for key, item in value.items()}


_ABSENT: Any = ""


def _entities_or_keys(
    value: Any, read: ValidatorFunctionWrapHandler, info: ValidationInfo
) -> tuple[str, ...]:
    """The entities; none where keys stand in their place."""
    data = info.data or {"keys": ()}
    keys = data.get("keys")
    if value == _ABSENT:
        if keys or "keys" not in data:
            return ()
        raise PydanticCustomError(
            "mlforge_missing", "key `entities` is missing", {"code": "MF011", "hint": None}
        )
    if keys:
        raise PydanticCustomError(
            "mlforge_conflict",
            "`entities` and `keys` both say what the feature is about",
            {"code": "MF017", "hint": "keep one"},
        )
    found: tuple[str, ...] = read(value)
    return found


class Feature(Spec):
    """A feature: a table with one step function for each entity."""

    name: Name = Field(description="Name of the feature and of its table.")
    description: str | None = Field(default=None, description="What the feature means.")
    source: Annotated[str, BeforeValidator(_reference)] = Field(description="Name of the source.")
    keys: Annotated[tuple[Name, ...], BeforeValidator(one_or_many)] = Field(
        default=(),
        description=(
            "Key columns in the place of `entities`: each is the entity with that join key, or one "
            "of its own."
        ),
    )
    entities: Annotated[
        Annotated[tuple[str, ...], BeforeValidator(_references), Field(min_length=1)],
        WrapValidator(_entities_or_keys),
    ] = Field(
        default_factory=lambda: _ABSENT,
        validate_default=True,
        description=(
            "Names of the entities; their join keys are the keys of the table. Required, unless there "
            "are `keys`."
        ),
    )
    timestamp: Timestamp | None = Field(
        default=None,
        description="Event time for this feature, where the source has none of its own or another one.",
    )
    interval: PositiveDuration | None = Field(
        default=None,
        description="Length of a tick of the clock; without it the feature changes at every event.",
    )
    boundary: Literal["exclusive", "inclusive"] = Field(
        default="exclusive",
        description="Whether a continuous feature at an event's own time sees that event.",
    )
    metrics: Annotated[tuple[Metric, ...], BeforeValidator(one_or_many)] = Field(
        default=(), description="Rolling-window aggregates. Without metrics: the latest values."
    )
    select: dict[Name, str] | None = Field(
        default=None, description="Column names and the SQL expressions they stand for."
    )
    query: str | None = Field(
        default=None,
        description="`select ... from <source> where ...`, row by row, instead of select and where.",
    )
    where: str | None = Field(default=None, description="SQL filter of the source's rows.")
    tie_breaker: Names = Field(
        default=(),
        description=(
            "Columns, compared in descending order, that decide which event of one time is the last; then the "
            "source's columns that the feature selects, by name."
        ),
    )
    validators: Annotated[dict[str, tuple[Validator, ...]], BeforeValidator(_validator_lists)] = (
        Field(default_factory=dict, description="Rules for the columns of the feature's input.")
    )
    ttl: PositiveDuration | None = Field(
        default=None,
        description=(
            "How old a row may be when it is used: in training sets and lookups, older values are "
            "as if there were none."
        ),
    )
    tags: Names = Field(default=(), description="Tags to select features by.")
    version: Annotated[Whole, Field(ge=1)] = Field(
        default=1, description="Version of the feature's meaning; recorded with every build."
    )

    @model_validator(mode="before")
    @classmethod
    def _timestamp_by_name(cls, values: Any) -> Any:
        return timestamp_by_name(values)

    @model_validator(mode="after")
    def _goes_together(self) -> Feature:
        if self.query is not None and (self.select is not None or self.where is not None):
            raise PydanticCustomError(
                "mlforge_conflict",
                "`query` already has the columns and the filter",
                {
                    "code": "MF017",
                    "at": "query",
                    "hint": "move `select` and `where` into `query`, or drop `query`",
                },
            )
        if self.tie_breaker and self.metrics and not any(map(_is_ordered, self.metrics)):
            raise PydanticCustomError(
                "mlforge_conflict",
                "`tie_breaker` is for latest values; windows hold all events of one time",
                {"code": "MF017", "at": "tie_breaker", "hint": "remove `tie_breaker`"},
            )
        return self

    @model_validator(mode="after")
    def _recorded(self) -> Feature:
        """Note where the feature was made; last, so that only valid ones are noted."""
        record(self)
        return self
