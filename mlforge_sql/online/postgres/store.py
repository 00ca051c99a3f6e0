"""The online store of a profile in Postgres."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg

from mlforge_sql.errors import Diagnostic, OnlineError, RetrievalError
from mlforge_sql.online.model import (
    Key,
    Lookup,
    Reader,
    Served,
    Synced,
    SyncOptions,
    TableStatus,
    utc_now,
)
from mlforge_sql.online.postgres import metadata
from mlforge_sql.online.postgres.address import Address, address_of
from mlforge_sql.online.postgres.loading import Loader, check_storable
from mlforge_sql.online.postgres.names import quoted
from mlforge_sql.online.postgres.pool import Pool, connect
from mlforge_sql.online.postgres.problems import problem
from mlforge_sql.online.postgres.reading import PostgresReader
from mlforge_sql.online.postgres.statements import table_name
from mlforge_sql.online.rows import Built, check_built, last_builds, needed_rows
from mlforge_sql.spec.config import PostgresOnlineStore
from mlforge_sql.stores.duckdb import DuckDbStore
from mlforge_sql.stores.local import first_line

DELETE_WAIT_SECONDS = 60.0
"""How long a delete waits for a sync of the same table."""

MARGIN = timedelta(minutes=5)
"""Values are kept from so long before ``as_of``, for servers whose clocks are behind."""

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

    def reader(self, lookup: Lookup, *, directly: bool = False) -> Reader:
        """A reader for a lookup, to be kept and used again."""
        del directly  # there is no other way
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

    # Sync

    def sync(self, features: Sequence[Served], options: SyncOptions) -> Iterator[Synced]:
        """Bring tables up to date, one after the other, each in a transaction of its own.

        A feature that cannot be stored is reported and the others go on.

        Raises:
            OnlineError: A store cannot be opened.
        """
        offline = self._offline()
        try:
            builds = last_builds(offline)
            with self._connected() as connection:
                loader = Loader(connection, self._schema, options.say)
                if not options.dry_run:
                    loader.prepare()
                for feature in features:
                    yield self._synced(loader, feature, builds.get(feature.name), offline, options)
        finally:
            offline.connection.close()

    def _synced(
        self,
        loader: Loader,
        feature: Served,
        build: Built | None,
        offline: DuckDbStore,
        options: SyncOptions,
    ) -> Synced:
        import duckdb
        import pyarrow as pa

        started = time.perf_counter()
        stored = metadata.read(loader.connection, self._schema).get(feature.name)
        reason = reason_to_load(feature, build, stored, options)
        if reason is None and stored is not None:
            return Synced(feature.name, "unchanged", "of the same build", stored.rows)
        try:
            check_storable(feature)
            check_built(offline, feature, build)
            if options.dry_run:
                return Synced(feature.name, "load", reason or "")
            return self._loaded(loader, feature, build, offline, options)
        except OnlineError as error:
            found = error.diagnostics[0]
        except psycopg.Error as error:
            if loader.connection.closed:
                raise
            found = self._refused(error, feature.name)
        except (duckdb.Error, pa.ArrowException) as error:
            message = f"the rows of `{feature.name}` cannot be read: {first_line(error)}"
            hint = "if memory ran out, raise `memory_limit` in the profile's settings"
            found = Diagnostic("MF064", message, hint=hint)
        seconds = time.perf_counter() - started
        return Synced(feature.name, "failed", found.message, seconds=seconds, problem=found)

    def _loaded(
        self,
        loader: Loader,
        feature: Served,
        build: Built | None,
        offline: DuckDbStore,
        options: SyncOptions,
    ) -> Synced:
        started = time.perf_counter()
        connection = loader.connection
        with connection.transaction():
            loader.lock(feature.name, options.wait_seconds)
            stored = metadata.read(connection, self._schema).get(feature.name)
            reason = reason_to_load(feature, build, stored, options)
            if reason is None and stored is not None:  # another sync did it meanwhile
                return Synced(feature.name, "unchanged", "of the same build", stored.rows)
            exact_from = options.as_of - MARGIN
            new, rows = loader.load(feature, needed_rows(offline, feature, exact_from))
            loader.exchange(feature.name, new, known=stored is not None)
            noted = metadata.Stored(
                feature=feature.name,
                spec_hash=feature.spec_hash,
                run_id=build.run_id if build else None,
                layout=metadata.LAYOUT,
                rows=rows,
                exact_from=exact_from,
                as_of=options.as_of,
                synced_at=utc_now(),
                oid=None,
            )
            metadata.write(connection, self._schema, noted)
        seconds = time.perf_counter() - started
        return Synced(feature.name, "loaded", reason or "", rows, seconds)

    def _refused(self, error: psycopg.Error, feature: str) -> Diagnostic:
        """What the server does not take, in words about the feature."""
        match error:
            case (
                psycopg.errors.CharacterNotInRepertoire() | psycopg.errors.UntranslatableCharacter()
            ):
                message = f"feature `{feature}` has text that Postgres cannot hold"
                hint = "remove NUL characters in the source; the database must be in UTF-8"
            case psycopg.errors.ProgramLimitExceeded():
                message = f"feature `{feature}` has keys that are too long for an index"
                hint = "use keys of at most 2,000 bytes, such as surrogate keys (`from_columns`)"
            case psycopg.errors.DependentObjectsStillExist():
                message = f"something in the database depends on the online table of `{feature}`"
                hint = "drop the views on it; they would keep the old table"
            case _:
                return self._explain(error, feature).diagnostics[0]
        return Diagnostic("MF086", message, hint=hint)

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
        keys = ", ".join(quoted(key.name) for key in feature.keys)
        query = (
            f"select {keys} from (select distinct {keys} from {table_name(self._schema, feature.name)}) "  # noqa: S608 - quoted
            f"as entity order by md5(entity::text || %s), {keys} limit %s"
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
                    loader.remove(feature)
                deleted.append(feature)
        return deleted


def reason_to_load(
    feature: Served, build: Built | None, stored: metadata.Stored | None, options: SyncOptions
) -> str | None:
    """Why a table has to be loaded; None when what is there is as good.

    A table holds every row from its ``as_of`` on, the future ones too. So as long as it is of the
    same build, it gives the same values as a new one.
    """
    if stored is None or stored.oid is None:
        return "not there yet"
    if stored.spec_hash != feature.spec_hash or stored.layout != metadata.LAYOUT:
        return "another definition"
    if build is None or stored.run_id != build.run_id:
        return "another build" if build else "a build without a record"
    if options.as_of < stored.as_of and options.as_of - MARGIN < stored.exact_from:
        return "an earlier instant"
    return "asked for" if options.full_refresh else None


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
