"""The feature tables behind online tables, on the SQL warehouse: their histories, and what is true."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from mlforge_sql.dbt.files import FileSet
from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.quoting import DATABRICKS, Name
from mlforge_sql.errors import OnlineError, RetrievalError
from mlforge_sql.online.databricks.history import Commit, commits
from mlforge_sql.online.databricks.labels import labels_query
from mlforge_sql.online.model import Key, Lookup, Row, Served
from mlforge_sql.plan.nodes import UNTIL
from mlforge_sql.project.model import Project
from mlforge_sql.retrieval.joining import free
from mlforge_sql.retrieval.training import TrainingDataBuilder
from mlforge_sql.spec.config import UnityCatalogStore
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.spec.training_set import FeatureSpec
from mlforge_sql.stores.databricks.store import DatabricksStore, open_databricks

Macros = Callable[[Dialect], FileSet]

EPOCH = datetime(1970, 1, 1)

KEPT = 1000
"""Commits of a table that are looked at; who is further behind is at least so far."""

MAX_ENTITIES = 1000
"""Entities that one statement looks up."""


@dataclass
class WarehouseSources:
    """Feature tables in a session.

    Attributes:
        store: The session.
    """

    store: DatabricksStore

    def history(self, model: str) -> Sequence[Commit]:
        """The last commits of a table.

        Raises:
            RetrievalError: It cannot be read.
        """
        query = DATABRICKS.sql(
            "select version, operation, to_json(operationMetrics) "
            "from (describe history {table} limit {kept})",
            table=self.store.relation(model),
            kept=KEPT,
        )
        return commits(self.store.session.rows(query))

    def until(self, model: str) -> datetime | None:
        """Until when a table of later rows has all of them; None where it does not say.

        Raises:
            RetrievalError: It cannot be read.
        """
        query = DATABRICKS.sql(
            "select unix_micros(max({until})) from {table} where {until} is not null",
            until=Name.of(UNTIL),
            table=self.store.relation(model),
        )
        ((micros,),) = self.store.session.rows(query)
        return None if micros is None else EPOCH + timedelta(microseconds=micros)

    def hashes(self) -> dict[str, str]:
        """Hash of the definition that each feature was last built from."""
        return self._hashes

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return self.store.built_hashes()


@contextlib.contextmanager
def open_sources(profile: str, offline: UnityCatalogStore) -> Iterator[WarehouseSources]:
    """The feature tables of a profile, in a session of their own.

    Raises:
        OnlineError: The warehouse cannot be reached.
    """
    try:
        store = open_databricks(profile, offline)
    except RetrievalError as error:
        raise OnlineError(error.diagnostics) from None
    try:
        yield WarehouseSources(store)
    finally:
        store.close()


class WarehouseTruth:
    """Values of the offline step functions, as training sets have them.

    Args:
        root: Folder of ``mlforge.yaml``.
        project: The project.
        macros: Gives the files of its macros.
        store: The session.
    """

    def __init__(
        self, root: Path, project: Project, macros: Macros, store: DatabricksStore
    ) -> None:
        self._root = root
        self._project = project
        self._macros = macros
        self._store = store

    def reader(self, lookup: Lookup) -> WarehouseReader:
        """A reader for a lookup."""
        builder = TrainingDataBuilder(self._project, self._macros, self._store, self._root)
        return WarehouseReader(lookup, builder, self._store)

    def sample(self, feature: Served, rows: int, seed: int) -> list[Key]:
        """Some entities of a feature table; the same for the same seed."""
        query = DATABRICKS.sql(
            "select {keys} from (select distinct {keys} from {table}) "
            "order by xxhash64({keys}, {seed}), {keys} limit {rows}",
            keys=[Name.of(key.name) for key in feature.keys],
            table=self._store.relation(feature.name),
            seed=seed,
            rows=rows,
        )
        return self._store.session.rows(query)

    def close(self) -> None:
        """End the session."""
        self._store.close()


@dataclass(frozen=True)
class WarehouseReader:
    """Reads one lookup as a training set.

    Attributes:
        lookup: What to read.
        builder: Builds training sets.
        store: The session.
    """

    lookup: Lookup
    builder: TrainingDataBuilder
    store: DatabricksStore

    def read(self, keys: Sequence[Key], at: datetime) -> list[Row]:
        """The values of each entity at an instant; see ``Reader.read``."""
        if not keys:
            self.store.check_built(self.lookup.requests)
            return []
        parts = (keys[start : start + MAX_ENTITIES] for start in range(0, len(keys), MAX_ENTITIES))
        return [row for part in parts for row in self._read(part, at)]

    def _read(self, keys: Sequence[Key], at: datetime) -> list[Row]:
        taken = {key.name: key.type for key in self.lookup.keys}
        row, instant = free("mlforge_row", taken), free("mlforge_entity_time", taken)
        labels = labels_query(self.lookup.keys, keys, at, (row, instant))
        features = [
            FeatureSpec(name=item.feature.name, columns=item.columns)
            for item in self.lookup.requests
        ]
        data = self.builder.build(features, labels, Timestamp(instant))
        found = data.table().sort_by(row).select(list(self.lookup.names))
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))
