"""The join of labels and features: what is asked for, and its SQL in the words of one engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlglot import exp

from mlforge_sql.dbt.files import FileSet
from mlforge_sql.dbt.macros import IN_PROCESS, MacroError, Macros
from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.translation import Untranslatable
from mlforge_sql.errors import Diagnostic, RetrievalError
from mlforge_sql.plan.stagings import label_time
from mlforge_sql.project.labels import LabelColumns, is_null_type
from mlforge_sql.project.model import KeyColumn, Requested
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.sql.joins import PLAIN_TIMES, instant_text
from mlforge_sql.types import TIMESTAMP, ColumnType


@dataclass(frozen=True)
class Join:
    """Features that are joined to labels.

    Attributes:
        requests: The features and their columns.
        timestamp: The label's time; None for the values as of now.
        macros: Files of the project's macros in the words of an engine.
        now: The instant of the call, UTC.
    """

    requests: tuple[Requested, ...]
    timestamp: Timestamp | None
    macros: Callable[[Dialect], FileSet]
    now: datetime

    @classmethod
    def of(
        cls,
        requests: tuple[Requested, ...],
        timestamp: Timestamp | None,
        macros: Callable[[Dialect], FileSet],
    ) -> Join:
        """A join whose present is this moment."""
        return cls(requests, timestamp, macros, datetime.now(UTC).replace(tzinfo=None))

    @property
    def time(self) -> str | None:
        """Name of the label time's column; None for the values as of now."""
        return self.timestamp.columns[0] if self.timestamp else None

    @cached_property
    def names(self) -> dict[str, tuple[str, str]]:
        """Feature and column by the name that they have in the result, in order."""
        return {
            f"{item.feature.name}__{column}": (item.feature.name, column)
            for item in self.requests
            for column in item.columns
        }

    @cached_property
    def column_types(self) -> dict[str, ColumnType]:
        """Types of the feature columns by the name that they have in the result."""
        return {
            f"{item.feature.name}__{column.name}": column.type
            for item in self.requests
            for column in item.feature.columns
            if column.name in item.columns
        }

    @cached_property
    def key_types(self) -> dict[str, ColumnType]:
        """The columns that labels are joined on: join keys, and what they are computed from."""
        keys: list[KeyColumn] = [key for item in self.requests for key in item.feature.keys]
        found = {key.name: key.type for key in keys}
        return {**found, **{name: kind for key in keys for name, kind in key.parts}}

    @cached_property
    def needed(self) -> dict[str, ColumnType]:
        """The columns of labels that the join reads, in lower case, and a type for each."""
        wanted = {name.casefold(): kind for name, kind in self.key_types.items()}
        if self.timestamp is not None:
            wanted |= {name.casefold(): TIMESTAMP for name in self.timestamp.columns}
        return wanted

    def typed(self, columns: Mapping[str, ColumnType]) -> dict[str, ColumnType]:
        """The columns of labels with a type for those that hold only NULLs and are joined on."""
        return {
            name: self.needed.get(name.casefold(), kind) if is_null_type(kind) else kind
            for name, kind in columns.items()
        }

    def without_type(self, columns: Mapping[str, ColumnType]) -> dict[str, ColumnType]:
        """The columns that hold only NULLs and are joined on, with the type that they need."""
        return {
            name: self.needed[name.casefold()]
            for name, kind in columns.items()
            if is_null_type(kind) and name.casefold() in self.needed
        }

    def instant(self, columns: Mapping[str, ColumnType], dialect: Dialect) -> str | None:
        """SQL of the label's time, where the macros cannot tell it from the column's type.

        Raises:
            RetrievalError: The engine cannot read its format.
        """
        if self.timestamp is None:
            return None
        found = LabelColumns(columns)
        named = self.timestamp.spelled(found.spelling)
        if self.time_is_null(columns):
            return None if named.column is not None else "cast(null as timestamp)"
        time = label_time(found.types, named)
        if time.kind in PLAIN_TIMES and time.timezone is None and time.time is None:
            return None
        try:
            return instant_text(time, dialect)
        except Untranslatable as error:
            raise RetrievalError([Diagnostic("MF072", error.message, hint=error.hint)]) from error

    def time_is_null(self, columns: Mapping[str, ColumnType]) -> bool:
        """Whether a column of the label's time holds nothing but NULLs, so that its type is not known."""
        found = LabelColumns(columns)
        names = self.timestamp.columns if self.timestamp else ()
        return any(is_null_type(found.type(name)) for name in names)

    def label_keys(self, dialect: Dialect, columns: Mapping[str, ColumnType]) -> dict[str, str]:
        """SQL of each join key over the labels, which have the alias ``LABELS``.

        Raises:
            RetrievalError: The labels do not have it.
        """
        macros = self._macros(dialect, str)
        named = self._named(columns)
        return {
            key.name: _said(macros, "mlforge_label_key", key.name, item.feature.name, named)
            for item in self.requests
            for key in item.feature.keys
        }

    def label_instant(self, dialect: Dialect, columns: Mapping[str, ColumnType]) -> str:
        """SQL of the label's time over the labels, which have the alias ``LABELS``.

        Raises:
            RetrievalError: The labels do not have it.
        """
        named, macros = self._named(columns), self._macros(dialect, str)
        known = self.instant(columns, dialect)
        if known is None:
            known = _said(macros, "mlforge_label_instant", self.time, named)
        return _said(macros, "mlforge_finite", known)

    def query(
        self,
        dialect: Dialect,
        relation: Callable[[str], str],
        labels: str,
        columns: Mapping[str, ColumnType],
        instant: str | None,
    ) -> str:
        """SQL of the labels, in their own columns, with the feature columns.

        Args:
            dialect: The engine.
            relation: Gives the SQL name of a model's table.
            labels: A query of the labels.
            columns: Their columns.
            instant: SQL of their time, where the macros cannot tell it.

        Raises:
            RetrievalError: The macros do not take these labels.
        """
        features = [
            {
                "name": item.feature.name,
                "columns": list(item.columns),
                **(item.pin.argument if item.pin else {}),
            }
            for item in self.requests
        ]
        macros = self._macros(dialect, relation)
        named = self._named(columns)
        return _said(macros, "training_set", labels, self.time, features, named, instant)

    def _named(self, columns: Mapping[str, ColumnType]) -> dict[str, str]:
        """The columns of labels and the names of their types."""
        return {name: str(kind) for name, kind in self.typed(columns).items()}

    def _macros(self, dialect: Dialect, relation: Callable[[str], str]) -> Macros:
        return Macros(self.macros(dialect), dialect.name, relation, portable=IN_PROCESS)


def _said(macros: Macros, name: str, *arguments: Any) -> str:
    """What a macro of the project says."""
    try:
        return str(macros.call(name, *arguments))
    except MacroError as error:
        raise RetrievalError([Diagnostic("MF063", str(error))]) from error


def quoted(name: str, dialect: Dialect) -> str:
    """An identifier in an engine's quotes."""
    return exp.to_identifier(name, quoted=True).sql(dialect.sqlglot)


def free(name: str, columns: Mapping[str, ColumnType]) -> str:
    """A name that no column of the labels has."""
    while name in LabelColumns(columns):
        name += "_"
    return name
