"""Training sets: labels with known columns, features with known keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlforge_sql.errors import Diagnostic, suggest
from mlforge_sql.project.keys import KEY_KINDS
from mlforge_sql.project.labels import LabelColumns, check_labels
from mlforge_sql.project.model import (
    KeyColumn,
    ResolvedFeature,
    ResolvedSource,
    ResolvedTrainingSet,
)
from mlforge_sql.project.requests import resolve_requests
from mlforge_sql.project.sources import declared_columns
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.spec.specs import Located, Specs
from mlforge_sql.spec.training_set import TrainingSet
from mlforge_sql.types import TEXT, UNKNOWN, ColumnType, next_step


class TrainingSetResolver:
    """Resolves training sets; what is wrong with them goes to ``problems``."""

    def __init__(
        self,
        specs: Specs,
        sources: Mapping[str, ResolvedSource | None],
        features: Mapping[str, ResolvedFeature | None],
        problems: list[Diagnostic],
    ) -> None:
        self._specs = specs
        self._sources = sources
        self._features = features
        self._problems = problems

    def resolve(self, item: Located[TrainingSet]) -> ResolvedTrainingSet | None:
        """One training set; None when it has problems."""
        before = len(self._problems)
        spec, place = item.spec, item.origin.at
        requests = resolve_requests(
            [wanted for wanted in spec.features if not self._is_unread(wanted.name)],
            self._features,
            place,
            self._problems,
        )
        self._check_pins(item)
        source = self._source(item)
        columns = self._columns(item, source)
        timestamp = self._timestamp(item, source)
        if columns is None or timestamp is None:
            return None
        check_labels(columns, timestamp, requests, place, self._problems)
        keys = self._computable(columns) if spec.labels.pseudonymize else ()
        if spec.labels.pseudonymize and not keys:
            message = (
                "`pseudonymize` hides nothing: the labels have no columns that a key is made of"
            )
            at = place("labels", "pseudonymize")
            self._problems.append(Diagnostic("MF017", message, at, "remove it"))
        hashed = tuple(key for key in keys if key.name not in columns)
        columns = _pseudonymous(columns, keys, hashed)
        hidden = next((name for name in timestamp.columns if name not in columns), None)
        if hidden is not None and len(self._problems) == before:
            message = f"`{hidden}` cannot be pseudonymized: it is the label's time"
            hint = "remove `pseudonymize`, and leave columns out with `sql`"
            self._problems.append(Diagnostic("MF017", message, place("labels"), hint))
        if len(self._problems) > before or not requests:
            return None
        named = timestamp.spelled(columns.spelling)
        return ResolvedTrainingSet(
            spec, item.origin, source, columns.types, named, requests, hashed
        )

    def _computable(self, columns: LabelColumns) -> tuple[KeyColumn, ...]:
        """The surrogate keys of all entities that the labels' columns make up."""
        return tuple(
            KeyColumn(
                item.spec.join_key[0],
                TEXT,
                tuple(
                    (columns.spelling(part), columns.type(part)) for part in item.spec.from_columns
                ),
            )
            for item in self._specs.entities
            if item.spec.from_columns
            and all(
                part in columns and columns.type(part).family in KEY_KINDS
                for part in item.spec.from_columns
            )
        )

    def _check_pins(self, item: Located[TrainingSet]) -> None:
        """Only Delta tables keep versions."""
        if self._specs.config.spec.on_databricks:
            return
        for index, wanted in enumerate(item.spec.features):
            if wanted.pin is None:
                continue
            key = "version" if wanted.version_at is None else "version_at"
            message = f"`{wanted.name}` cannot be pinned to {wanted.pin}: DuckDB keeps no versions of a table"
            hint = "remove it, or add a profile with `KIND: unity_catalog`"
            place = item.origin.at("features", index, key)
            self._problems.append(Diagnostic("MF090", message, place, hint))

    def _is_unread(self, name: str) -> bool:
        return name not in self._features and self._specs.unread.may_declare(name)

    def _source(self, item: Located[TrainingSet]) -> ResolvedSource | None:
        """The source of the labels, when they come from one that can be used."""
        name = item.spec.labels.source
        if name is None:
            return None
        if name not in self._sources and not self._specs.unread.may_declare(name):
            hint = suggest(name, list(self._sources))
            place = item.origin.at("labels", "source")
            self._problems.append(Diagnostic("MF021", f"unknown source `{name}`", place, hint))
        return self._sources.get(name)

    def _columns(
        self, item: Located[TrainingSet], source: ResolvedSource | None
    ) -> LabelColumns | None:
        labels = item.spec.labels
        if source is not None:
            schema = self._selected(item, source)
            for name in (name for name, kind in schema.items() if kind == UNKNOWN):
                message = f"column `{name}` of the labels is unknown"
                hint = next_step(UNKNOWN, "")
                place = item.origin.at("labels", "source")
                self._problems.append(Diagnostic("MF111", message, place, hint))
            return LabelColumns(schema)
        if labels.source is not None:
            return None
        if not labels.columns:
            key, what = ("model", "a dbt model") if labels.model else ("sql", "a query")
            message = f"the columns of the labels are unknown: {what} is not read while compiling"
            hint = "declare `columns:` with their types, beside it"
            place = item.origin.at("labels", key)
            self._problems.append(Diagnostic("MF023", message, place, hint))
            return None
        found: dict[str, ColumnType] | None = declared_columns(
            labels.columns, item.origin, ("labels", "columns"), self._problems
        )
        return LabelColumns(found) if found is not None else None

    def _selected(
        self, item: Located[TrainingSet], source: ResolvedSource
    ) -> Mapping[str, ColumnType]:
        """The columns of a source that are wanted, in the source's order; what it lacks is noted."""
        wanted = item.spec.labels.select
        if wanted is None:
            return source.schema
        known = {name.casefold() for name in source.schema}
        for index, name in enumerate(wanted):
            if name.casefold() not in known:
                hint = suggest(name, list(source.schema))
                place = item.origin.at("labels", "select", index)
                message = f"unknown column `{name}`"
                self._problems.append(Diagnostic("MF022", message, place, hint))
        folded = set(_folded(wanted))
        return {name: kind for name, kind in source.schema.items() if name.casefold() in folded}

    def _timestamp(
        self, item: Located[TrainingSet], source: ResolvedSource | None
    ) -> Timestamp | None:
        given = item.spec.timestamp
        if given is None:
            if item.spec.labels.source is not None:
                return source.spec.timestamp if source is not None else None
            message = "the training set does not say which column is the label's time"
            place = item.origin.at()
            self._problems.append(Diagnostic("MF011", message, place, "add `timestamp: <column>`"))
            return None
        if source is None or given.format is not None or given.unit is not None:
            return given
        same = _folded(given.columns) == _folded(source.time_columns)
        if not same:
            return given
        told = source.spec.timestamp
        zone = given.timezone or told.timezone
        return told if zone == told.timezone else told.model_copy(update={"timezone": zone})


def _folded(names: Sequence[str]) -> list[str]:
    return [name.casefold() for name in names]


def _pseudonymous(
    columns: LabelColumns, keys: Sequence[KeyColumn], added: Sequence[KeyColumn]
) -> LabelColumns:
    """The columns with keys in the place of what they are computed from."""
    hidden = {name.casefold() for key in keys for name, _ in key.parts}
    kept = {name: kind for name, kind in columns.types.items() if name.casefold() not in hidden}
    return LabelColumns({**{key.name: key.type for key in added}, **kept})
