"""Sources: the event tables that features are computed from."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from mlforge_sql.durations import MICROSECONDS, ZERO, Duration
from mlforge_sql.formats import reader_of
from mlforge_sql.spec.base import DurationField, Name, Names, PositiveDuration, Spec, record
from mlforge_sql.zones import zone_problem

DIRECTIVE = re.compile(r"%-?(.)", re.DOTALL)
"""Directives of a strftime format."""


def _known_zone(value: str) -> str:
    problem = zone_problem(value)
    if problem is not None:
        message, hint = problem
        raise PydanticCustomError(
            "mlforge_zone", "{said}", {"said": message, "code": "MF116", "hint": hint}
        )
    return value


TimeZone = Annotated[str, AfterValidator(_known_zone)]
"""The IANA name of a time zone that has a slash, or ``UTC``."""


class Timestamp(Spec):
    """When an event happened, or a label is of: a column, or one with the date and one with the time.

    Examples:
        >>> Timestamp("transaction_time", format="%Y-%m-%d %H:%M:%S").column
        'transaction_time'
        >>> Timestamp(date="sale_date", time="sale_time", timezone="America/Chicago").columns
        ('sale_date', 'sale_time')
    """

    column: str | None = Field(default=None, description="Column with the date and the time.")
    date: str | None = Field(
        default=None, description="Column with the date, where `time` is a column of its own."
    )
    time: str | None = Field(default=None, description="Column with the time of the day.")
    format: str | None = Field(
        default=None,
        description="strftime format, for timestamps stored as text; of `<date> <time>`, for two columns.",
    )
    unit: Literal["s", "ms", "us", "ns", "d"] | None = Field(
        default=None,
        description="Unit since 1970-01-01 UTC, for timestamps stored as integers; `d` counts days.",
    )
    timezone: TimeZone | None = Field(
        default=None,
        description="Time zone of local times, such as `Europe/Berlin`; times without one are UTC.",
    )

    def __init__(self, column: str | None = None, /, **values: Any) -> None:
        if column is not None:
            values["column"] = column
        super().__init__(**values)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it is read from: one, or the date's and the time's."""
        both = (self.date or "", self.time or "")
        return both if self.column is None else (self.column,)

    def spelled(self, spelling: Callable[[str], str]) -> Timestamp:
        """The same with other names of its columns."""
        keys = ("column",) if self.column is not None else ("date", "time")
        names = (spelling(name) for name in self.columns)
        return self.model_copy(update=dict(zip(keys, names, strict=True)))

    @model_validator(mode="after")
    def _one_or_two_columns(self) -> Timestamp:
        parts = {"date": self.date, "time": self.time}
        given = [name for name, value in parts.items() if value is not None]
        if self.column is not None and given:
            raise PydanticCustomError(
                "mlforge_conflict",
                "`column` has the date and the time, so it cannot stand beside `{name}`",
                {
                    "name": given[0],
                    "code": "MF017",
                    "at": given[0],
                    "hint": "keep `column`, or `date` and `time`",
                },
            )
        if self.column is None and len(given) < len(parts):
            hint = "add `column`, or `date` and `time`"
            if given:
                hint = f"add `{'time' if given == ['date'] else 'date'}`; a column that has both is `column`"
            raise PydanticCustomError(
                "mlforge_missing",
                "`timestamp` does not say which columns it is",
                {"code": "MF011", "hint": hint},
            )
        return self

    @model_validator(mode="after")
    def _format_or_unit(self) -> Timestamp:
        if self.format is not None and self.unit is not None:
            raise PydanticCustomError(
                "mlforge_conflict",
                "`format` is for text and `unit` for integers; a timestamp has one of them",
                {"code": "MF017", "at": "unit", "hint": "remove one"},
            )
        if self.unit is not None and self.column is None:
            raise PydanticCustomError(
                "mlforge_conflict",
                "`unit` is for a single column of integers",
                {"code": "MF017", "at": "unit", "hint": "remove it, or name one `column`"},
            )
        return self

    @model_validator(mode="after")
    def _local(self) -> Timestamp:
        """A time zone is for times that do not say their own."""
        if self.timezone is None:
            return self
        why = None
        if self.unit is not None:
            why = "an integer counts from 1970 in UTC"
        elif self.format is not None and "z" in DIRECTIVE.findall(self.format):
            why = "`%z` reads the offset of every time"
        if why is not None:
            raise PydanticCustomError(
                "mlforge_conflict",
                "{why}, so `timezone` has nothing to say",
                {"why": why, "code": "MF115", "at": "timezone", "hint": "remove `timezone`"},
            )
        return self


def timestamp_by_name(values: Any) -> Any:
    """The values of a spec whose ``timestamp`` may be just a column's name."""
    if isinstance(values, dict) and isinstance(values.get("timestamp"), str):
        return {**values, "timestamp": {"column": values["timestamp"]}}
    return values


class Dedupe(Spec):
    """Keep one row of each key: the last by ``order_by``, descending."""

    key: Names = Field(description="Columns that identify an event.", min_length=1)
    order_by: Names = Field(
        default=(),
        description="Columns, compared in descending order, that decide which row is kept. Ties are broken on the other columns that features read, by name.",
    )


def _whole_minutes(value: Duration) -> Duration:
    if value.microseconds % MICROSECONDS["m"]:
        raise PydanticCustomError(
            "mlforge_duration",
            "`{value}` is not a whole number of minutes",
            {"value": str(value), "code": "MF016", "hint": "dbt knows minutes, hours and days"},
        )
    return value


class Freshness(Spec):
    """How old the newest event may be when `dbt source freshness` looks at it."""

    warn_after: Annotated[PositiveDuration, AfterValidator(_whole_minutes)] | None = Field(
        default=None, description="Older: a warning."
    )
    error_after: Annotated[PositiveDuration, AfterValidator(_whole_minutes)] | None = Field(
        default=None, description="Older: an error."
    )

    @model_validator(mode="after")
    def _any(self) -> Freshness:
        if self.warn_after is None and self.error_after is None:
            raise PydanticCustomError(
                "mlforge_empty",
                "`freshness` says neither `warn_after` nor `error_after`",
                {"code": "MF011", "hint": "add one, such as `warn_after: 1d`, or remove it"},
            )
        return self


def _three_parts(value: str) -> str:
    if len(value.split(".")) != 3 or not all(value.split(".")):
        raise PydanticCustomError(
            "mlforge_table",
            "`{value}` is not the full name of a table",
            {"value": value, "code": "MF012", "hint": "write `catalog.schema.table`"},
        )
    return value


NO_TIME = Timestamp("")
"""The event time of a source that does not say it: its features do."""


def is_path(text: str) -> bool:
    """Whether a text names files, rather than a source.

    Examples:
        >>> is_path("data/clicks"), is_path("clicks.csv"), is_path("clicks")
        (True, True, False)
    """
    return "/" in text or reader_of(text) is not None


def name_of_path(path: str) -> str:
    """The name that a source has by its files: the file's, without its ending.

    Examples:
        >>> name_of_path("data/user-events.csv.gz"), name_of_path("data/2024.parquet")
        ('user_events', '_2024')
    """
    name = re.sub(r"[^A-Za-z0-9_]+", "_", PurePosixPath(path).name.split(".")[0])
    return f"_{name}" if name[:1].isdigit() else name


class Source(Spec):
    """An event table: one row for each thing that happened, with the time it happened.

    Examples:
        >>> Source("clicks", path="data/clicks.csv", timestamp="at").timestamp.column
        'at'
        >>> Source("data/clicks.csv", timestamp="at").name
        'clicks'
    """

    name: Name = Field(
        description="Name that features refer to. In Python it can be left out: the file's, without its ending."
    )
    timestamp: Timestamp = Field(
        default_factory=lambda: NO_TIME,
        description="Event time: a column name, or a mapping. Required, unless all features of the source say it.",
    )
    path: str | None = Field(
        default=None,
        description="DuckDB: parquet, csv or json files, relative to the project; globs allowed.",
    )
    table: Annotated[str, AfterValidator(_three_parts)] | None = Field(
        default=None, description="Databricks: `catalog.schema.table`."
    )
    model: Name | None = Field(
        default=None, description="An existing dbt model of the compiled project, on every engine."
    )
    columns: dict[str, str] | None = Field(
        default=None,
        description="Column names and types, where they cannot be read from the files.",
    )
    where: str | None = Field(default=None, description="SQL filter; applied before `dedupe`.")
    dedupe: Dedupe | None = Field(default=None, description="Keep one row of each key.")
    delay: DurationField = Field(
        default=ZERO, description="How long after an event its row can be used."
    )
    freshness: Freshness | None = Field(
        default=None,
        description="How old the newest event may be: `{warn_after: 12h, error_after: 2d}`. For `path` and `table`.",
    )
    description: str | None = Field(default=None, description="What the events are.")

    def __init__(self, name: str | None = None, /, **values: Any) -> None:
        if name is not None:
            key = "path" if isinstance(name, str) and is_path(name) else "name"
            values.setdefault(key, name)
        path = values.get("path")
        if isinstance(path, str) and path:
            values.setdefault("name", name_of_path(path))
        super().__init__(**values)

    @model_validator(mode="before")
    @classmethod
    def _timestamp_by_name(cls, values: Any) -> Any:
        return timestamp_by_name(values)

    @property
    def places(self) -> tuple[str, ...]:
        """Where its rows are: files, a table, a model."""
        model = f"model {self.model}" if self.model is not None else None
        return tuple(item for item in (self.path, self.table, model) if item is not None)

    @property
    def is_timed(self) -> bool:
        """Whether it says its event time."""
        return self.timestamp != NO_TIME

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        if self.model is not None and (self.path is not None or self.table is not None):
            raise PydanticCustomError(
                "mlforge_conflict",
                "`model` is on every engine, so it cannot stand beside `path` or `table`",
                {"code": "MF017", "at": "model", "hint": "keep `model`, or `path` and `table`"},
            )
        if self.model is not None and self.freshness is not None:
            raise PydanticCustomError(
                "mlforge_conflict",
                "dbt asks no model for its freshness, only a source",
                {
                    "code": "MF017",
                    "at": "freshness",
                    "hint": "declare it where the model's own source is",
                },
            )
        if self.model is None and self.path is None and self.table is None:
            raise PydanticCustomError(
                "mlforge_conflict",
                "source `{name}` does not say where its rows are",
                {"name": self.name, "code": "MF011", "hint": "add `path`, `table` or `model`"},
            )
        return self

    @model_validator(mode="after")
    def _recorded(self) -> Source:
        """Note where the source was made; last, so that only valid ones are noted."""
        record(self)
        return self
