"""The online store of a profile in Postgres."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import psycopg

from mlforge_sql.dialects.quoting import POSTGRES
from mlforge_sql.errors import OnlineError, RetrievalError
from mlforge_sql.online.model import (
    Key,
    Lookup,
    Reader,
    Served,
    Synced,
    SyncOptions,
    TableStatus,
)
from mlforge_sql.online.postgres import metadata
from mlforge_sql.online.postgres.address import Address, address_of
from mlforge_sql.online.postgres.exchanging import Exchange
from mlforge_sql.online.postgres.loading import Loader
from mlforge_sql.online.postgres.names import quoted
from mlforge_sql.online.postgres.pool import Pool, connect
from mlforge_sql.online.postgres.problems import problem
from mlforge_sql.online.postgres.reading import PostgresReader
from mlforge_sql.online.postgres.statements import table_name
from mlforge_sql.online.postgres.syncing import Sync
from mlforge_sql.online.rows import Built, last_builds
from mlforge_sql.spec.config import PostgresOnlineStore
from mlforge_sql.stores.duckdb import DuckDbStore

DELETE_WAIT_SECONDS = 60.0
"""How long a delete waits for a sync of the same table."""

OpenOffline = Callable[[], DuckDbStore]
"""Opens the offline store of the profile."""


class PostgresOnline:
    """Online tables in a Postgres database.

    Args:
        spec: What the profile says.
        profile: Name of the profile.
        offline: Opens the profile's offline store.

    Raises:
        OnlineError: The variable with the address is not set, or cannot be read.
    """

    kind = "postgres"

    def __init__(self, spec: PostgresOnlineStore, profile: str, offline: OpenOffline) -> None:
        self.profile = profile
        self._schema = spec.schema_
        self._address: Address = address_of(spec, profile)
        self._pool = Pool(self._address, spec.pool_size)
        self._offline = offline

    def reader(self, lookup: Lookup) -> Reader:
        """A reader for a lookup, to be kept and used again."""
        return PostgresReader(lookup, self._pool, self._schema, self.profile, self._explain)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._pool.close()

    def _explain(self, error: Exception, feature: str | None = None) -> OnlineError:
        return problem(error, self._address, self.profile, self._schema, feature)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection for anything but lookups; errors of the driver as diagnostics."""
        try:
            with contextlib.closing(connect(self._address, reading=False)) as connection:
                yield connection
        except psycopg.Error as error:
            raise self._explain(error) from None

    def try_out(self) -> str:
        """Do what a sync does, in a transaction that is rolled back.

        Returns:
            The server's version.

        Raises:
            OnlineError: It cannot be reached, refuses the login, or does not allow it.
        """
        with self._connected() as connection, connection.transaction(force_rollback=True):
            Loader(connection, self._schema, lambda _: None).try_out()
            found = connection.execute("show server_version").fetchone()
            return str(found[0]) if found else ""

    def sync(self, features: Sequence[Served], options: SyncOptions) -> Iterator[Synced]:
        """Load what is out of date, and exchange all of it in one transaction; see ``Sync``.

        A feature that cannot be stored is reported and the others go on.

        Raises:
            OnlineError: A store cannot be opened.
        """
        offline = self._offline()
        try:
            with self._connected() as connection:
                sync = Sync(connection, self._schema, offline, options, self._explain)
                yield from sync.run(features)
        finally:
            offline.connection.close()

    # Status and deletion

    def status(self, features: Sequence[Served]) -> list[TableStatus]:
        """What the store has of these features, then what it has of features that are no more."""
        with self._connected() as connection:
            stored = metadata.read(connection, self._schema)
        builds = self._builds()
        known = {feature.name for feature in features}
        found = [
            _status(feature, stored.get(feature.name), builds, self.profile) for feature in features
        ]
        return found + [
            _described(item, "not in the project", None)
            for name, item in stored.items()
            if name not in known
        ]

    def sample(self, feature: Served, rows: int, seed: int) -> list[Key]:
        """Some entities of a feature that there are rows of; the same for the same seed."""
        query = POSTGRES.sql(
            "select {keys} from (select distinct {keys} from {table}) "
            "as entity order by md5(entity::text || %s), {keys} limit %s",
            keys=[quoted(key.name) for key in feature.keys],
            table=table_name(self._schema, feature.name),
        )
        with self._connected() as connection:
            found = connection.execute(query, [str(seed), rows], binary=True).fetchall()
        return [tuple(row) for row in found]

    def _builds(self) -> dict[str, Built] | None:
        """The last builds; None where the offline store cannot be opened."""
        try:
            offline = self._offline()
        except RetrievalError:
            return None
        try:
            return last_builds(offline)
        finally:
            offline.connection.close()

    def stored(self, features: Sequence[str]) -> list[str]:  # noqa: ARG002 - all are listed
        """The features that there is a table of."""
        with self._connected() as connection:
            return list(metadata.read(connection, self._schema))

    def delete(self, features: Sequence[str]) -> list[str]:
        """Remove tables that syncs have made, and what is noted of them."""
        deleted: list[str] = []
        with self._connected() as connection:
            stored = metadata.read(connection, self._schema)
            loader = Loader(connection, self._schema, lambda _: None)
            for feature in features:
                if feature not in stored:
                    continue
                with connection.transaction():
                    loader.lock(feature, DELETE_WAIT_SECONDS)
                    Exchange(connection, self._schema, lambda _: None).remove(feature)
                deleted.append(feature)
        return deleted


def _status(
    feature: Served,
    stored: metadata.Stored | None,
    builds: dict[str, Built] | None,
    profile: str,
) -> TableStatus:
    if stored is None:
        return TableStatus(feature.name, "not synced")
    if stored.oid is None:
        return _described(stored, "not synced", "its table is gone")
    if stored.spec_hash != feature.spec_hash or stored.layout != metadata.LAYOUT:
        return _described(stored, "older definition", None)
    if builds is None:
        return _described(stored, "current", "the offline store cannot be read")
    build = builds.get(feature.name)
    if build is not None and build.run_id != stored.run_id:
        return _described(
            stored, "behind", f"profile `{profile}` was built {_text(build.built_at)}"
        )
    return _described(stored, "current", None)


def _described(stored: metadata.Stored, state: str, detail: str | None) -> TableStatus:
    return TableStatus(
        feature=stored.feature,
        state=state,
        rows=stored.rows,
        as_of=stored.as_of,
        synced_at=stored.synced_at,
        run_id=stored.run_id,
        detail=detail,
    )


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}"
