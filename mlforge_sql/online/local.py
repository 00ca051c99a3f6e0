"""Local serving: the feature tables themselves, in the DuckDB file, read-only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from mlforge_sql.dbt.duckdb_errors import no_room
from mlforge_sql.dbt.files import FileSet
from mlforge_sql.dbt.macros import IN_PROCESS, Macros
from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.dialects.quoting import DUCKDB, Name, Sql
from mlforge_sql.errors import Diagnostic, OnlineError, RetrievalError
from mlforge_sql.online.model import (
    Key,
    Lookup,
    Row,
    Served,
    Synced,
    SyncOptions,
    TableStatus,
)
from mlforge_sql.online.rows import last_builds
from mlforge_sql.online.values import arrow_type
from mlforge_sql.stores.duckdb import DuckDbStore
from mlforge_sql.stores.local import first_line

_ENTITIES = "mlforge_entities"
_ROW = "mlforge_entity_row"
_AT = "mlforge_entity_time"

OpenOffline = Callable[[], DuckDbStore]
"""Opens the offline store of the profile."""


class LocalOnline:
    """Serves from the feature tables, which have every instant.

    The file is open only while a lookup runs, so that a build can write to it in between.

    Args:
        profile: Name of the profile.
        offline: Opens the profile's offline store.
        macros: Gives the files of the project's macros.
    """

    kind = "local"

    def __init__(
        self, profile: str, offline: OpenOffline, macros: Callable[[Dialect], FileSet]
    ) -> None:
        self.profile = profile
        self._offline = offline
        self._macros = macros

    def reader(self, lookup: Lookup) -> LocalReader:
        """A reader for a lookup, to be kept and used again."""
        return LocalReader(lookup, self._offline, self._macros)

    def sync(self, features: Sequence[Served], _options: SyncOptions) -> Iterator[Synced]:
        """Nothing to do: the feature tables are what is read."""
        for feature in features:
            yield Synced(feature.name, "unchanged", "served from the feature table itself")

    def status(self, features: Sequence[Served]) -> list[TableStatus]:
        """What the feature tables hold."""
        store = self._offline()
        try:
            builds = last_builds(store)
            tables = set(store.tables())
            found: list[TableStatus] = []
            for feature in features:
                build = builds.get(feature.name)
                if feature.name not in tables:
                    found.append(TableStatus(feature.name, "not synced", detail="not built yet"))
                    continue
                older = build is not None and build.spec_hash != feature.spec_hash
                found.append(
                    TableStatus(
                        feature=feature.name,
                        state="older definition" if older else "current",
                        rows=store.count(feature.name),
                        synced_at=build.built_at if build else None,
                        run_id=build.run_id if build else None,
                        detail="served from the feature table itself",
                    )
                )
            return found
        finally:
            store.connection.close()

    def sample(self, feature: Served, rows: int, seed: int) -> list[Key]:
        """Some entities of a feature table; the same for the same seed."""
        store = self._offline()
        query = DUCKDB.sql(
            "select {keys} from (select distinct {keys} from {table}) "
            "order by hash({keys}, {seed}), {keys} limit {rows}",
            keys=[Name.of(key.name) for key in feature.keys],
            table=store.relation(feature.name),
            seed=seed,
            rows=rows,
        )
        try:
            found = store.connection.execute(query).fetchall()
        finally:
            store.connection.close()
        return [tuple(row) for row in found]

    def stored(self, features: Sequence[str]) -> list[str]:  # noqa: ARG002 - there are none
        """There are no online tables: the tables are the offline store's."""
        return []

    def delete(self, features: Sequence[str]) -> list[str]:
        """There is nothing to remove: the tables are the offline store's.

        Raises:
            OnlineError: Always.
        """
        message = (
            f"profile `{self.profile}` serves from its feature tables: there is no online table"
        )
        hint = f"{len(features)} feature tables stay; drop them in the offline store, if you must"
        raise OnlineError([Diagnostic("MF080", message, hint=hint)])

    def close(self) -> None:
        """Nothing is kept open."""


class LocalReader:
    """Reads one lookup from the feature tables."""

    def __init__(
        self, lookup: Lookup, offline: OpenOffline, macros: Callable[[Dialect], FileSet]
    ) -> None:
        self._lookup = lookup
        self._offline = offline
        self._macros = macros
        self._sql: str | None = None
        self._checked: object = None

    def read(self, keys: Sequence[Key], at: datetime) -> list[Row]:
        """The values of each entity at an instant; see ``Reader.read``."""
        import duckdb

        store = self._offline()
        try:
            if self._sql is None or self._checked != store.version():
                version = store.version()
                store.check_built(self._lookup.requests)
                self._sql, self._checked = self._query(store), version
            store.connection.register(_ENTITIES, self._entities(keys, at))
            found = store.connection.sql(self._sql).to_arrow_table()
        except duckdb.Error as error:
            raise OnlineError([no_room(error) or Diagnostic("MF081", first_line(error))]) from None
        except RetrievalError as error:
            raise OnlineError(error.diagnostics) from None
        finally:
            store.connection.close()
        columns = [column.to_pylist() for column in found.columns]
        return list(zip(*columns, strict=True)) if columns else []

    def _query(self, store: DuckDbStore) -> str:
        """The join of a training set, with the entities as its labels."""
        features = self._lookup.features
        columns = {key.name: str(key.type) for key in self._lookup.keys}
        joined = Macros(self._macros(DuckDb()), "duckdb", store.relation, portable=IN_PROCESS).call(
            "training_set",
            labels=_ENTITIES,
            label_time=None,
            features=[
                {"name": item.name, "columns": [column.name for column in item.columns]}
                for item in features
            ],
            label_columns={**columns, _ROW: "bigint", _AT: "timestamp"},
            label_instant=f"labels.{_AT}",
        )
        return DUCKDB.sql(
            "select {names} from ({joined}\n) as joined order by {row}",
            names=map(Name.of, self._lookup.names),
            joined=Sql(joined),
            row=Sql(_ROW),
        )

    def _entities(self, keys: Sequence[Key], at: datetime) -> Any:
        import pyarrow as pa

        columns = list(zip(*keys, strict=True)) if keys else [()] * len(self._lookup.keys)
        arrays = {
            key.name: pa.array(values, arrow_type(key.type))
            for key, values in zip(self._lookup.keys, columns, strict=True)
        }
        arrays[_ROW] = pa.array(range(len(keys)), pa.int64())
        arrays[_AT] = pa.array([at] * len(keys), pa.timestamp("us"))
        return pa.table(arrays)
