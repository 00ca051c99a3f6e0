"""A sync: every table that is out of date is loaded, then all are exchanged, in one transaction.

So a lookup of several features sees all of them as one sync left them. While a sync loads, the
database has room for the old tables and the new ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg

from mlforge_sql.dbt.duckdb_errors import no_room
from mlforge_sql.errors import Diagnostic, Ended, OnlineError
from mlforge_sql.online.model import Served, Synced, SyncOptions, utc_now
from mlforge_sql.online.postgres import metadata
from mlforge_sql.online.postgres.exchanging import Exchange, NewTable
from mlforge_sql.online.postgres.loading import Loader, check_storable
from mlforge_sql.online.postgres.names import quoted
from mlforge_sql.online.rows import Built, check_built, last_builds, needed_rows
from mlforge_sql.stores.duckdb import DuckDbStore
from mlforge_sql.stores.local import first_line

MARGIN = timedelta(minutes=5)
"""Values are kept from so long before ``as_of``, for servers whose clocks are behind."""

Explain = Callable[[Exception, str | None], OnlineError]
"""Makes a diagnostic of an error of the driver, and of the feature it is about."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A table that is ready to be put in place, and why it was loaded."""

    new: NewTable
    reason: str
    seconds: float


class Sync:
    """Brings tables of one schema up to date.

    Args:
        connection: A connection in autocommit mode, of a role that may create tables.
        schema: The schema.
        offline: The offline store, open.
        options: How to sync.
        explain: Says what an error of the driver means.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        schema: str,
        offline: DuckDbStore,
        options: SyncOptions,
        explain: Explain,
    ) -> None:
        self._connection = connection
        self._schema = schema
        self._offline = offline
        self._options = options
        self._explain = explain
        self._builds = last_builds(offline)
        self._loader = Loader(connection, schema, options.say)

    def run(self, features: Sequence[Served]) -> Iterator[Synced]:
        """Sync features; what was done with each, in their order."""
        if not self._options.dry_run:
            self._loader.prepare()
        done: dict[str, Synced] = {}
        wanted: list[Served] = []
        for feature, reason in self._reasons(features, done):
            try:
                check_storable(feature)
                check_built(self._offline, feature, self._builds.get(feature.name))
            except OnlineError as error:
                done[feature.name] = _failed(feature.name, error.diagnostics[0])
                continue
            if self._options.dry_run:
                done[feature.name] = Synced(feature.name, "load", reason)
            else:
                wanted.append(feature)
        if wanted:
            with self._connection.transaction():
                done |= self._together(sorted(wanted, key=lambda item: item.name))
        return (done[feature.name] for feature in features)

    def _reasons(
        self, features: Iterable[Served], done: dict[str, Synced]
    ) -> Iterator[tuple[Served, str]]:
        """The features that have to be loaded, and why; the others are done."""
        there: Mapping[str, metadata.Stored] = metadata.read(self._connection, self._schema)
        for feature in features:
            stored = there.get(feature.name)
            build = self._builds.get(feature.name)
            reason = reason_to_load(feature, build, stored, self._options)
            if reason is None and stored is not None:
                done[feature.name] = Synced(
                    feature.name, "unchanged", "of the same build", stored.rows
                )
            else:
                yield feature, reason or ""

    def _together(self, features: Sequence[Served]) -> dict[str, Synced]:
        """Load features and exchange their tables, within a transaction."""
        done: dict[str, Synced] = {}
        locked: list[Served] = []
        for feature in features:
            try:
                self._loader.lock(feature.name, self._options.wait_seconds)
                locked.append(feature)
            except OnlineError as error:
                done[feature.name] = _failed(feature.name, error.diagnostics[0])
        there = metadata.read(self._connection, self._schema)
        loaded: list[_Loaded] = []
        for feature, reason in list(self._reasons(locked, done)):  # another sync may have done it
            started = time.perf_counter()
            found = self._loaded(feature, reason, known=feature.name in there)
            if isinstance(found, Diagnostic):
                seconds = time.perf_counter() - started
                done[feature.name] = _failed(feature.name, found, seconds)
            else:
                loaded.append(found)
        exchange = Exchange(self._connection, self._schema, self._options.say)
        refused = exchange.put_in_place([item.new for item in loaded])
        for item in loaded:
            name, problem = item.new.feature, refused.get(item.new.feature)
            if problem is None:
                rows = item.new.noted.rows
                done[name] = Synced(name, "loaded", item.reason, rows, item.seconds)
            else:
                table = f"{quoted(self._schema)}.{quoted(item.new.table)}"
                self._connection.execute(f"drop table {table}")
                done[name] = _failed(name, self._said(problem, name), item.seconds)
        return done

    def _loaded(self, feature: Served, reason: str, *, known: bool) -> _Loaded | Diagnostic:
        """A new table of a feature, or why there is none."""
        import duckdb
        import pyarrow as pa

        started = time.perf_counter()
        options, build = self._options, self._builds.get(feature.name)
        exact_from = options.as_of - MARGIN
        try:
            with self._connection.transaction():  # a savepoint
                batches = needed_rows(self._offline, feature, exact_from)
                table, rows = self._loader.load(feature, batches)
        except (OnlineError, psycopg.Error) as error:
            if self._connection.closed:
                raise
            return self._said(error, feature.name)
        except duckdb.InterruptException:
            raise Ended from None
        except (duckdb.Error, pa.ArrowException) as error:
            message = f"the rows of `{feature.name}` cannot be read: {first_line(error)}"
            return no_room(error) or Diagnostic("MF064", message)
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
        return _Loaded(NewTable(table, known, noted), reason, time.perf_counter() - started)

    def _said(self, error: OnlineError | psycopg.Error, feature: str) -> Diagnostic:
        """What the server does not take, in words about the feature."""
        match error:
            case OnlineError():
                return error.diagnostics[0]
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


def _failed(feature: str, problem: Diagnostic, seconds: float = 0.0) -> Synced:
    return Synced(feature, "failed", problem.message, seconds=seconds, problem=problem)


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
