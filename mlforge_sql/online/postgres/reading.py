"""Lookups in Postgres: one statement for all features, prepared once for each connection.

A statement locks its tables and then takes its snapshot, so it sees all of them as one sync left
them. A lookup that takes several statements locks all of its tables first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NoReturn

import psycopg
from psycopg import RawCursor, errors

from mlforge_sql.errors import Diagnostic, OnlineError
from mlforge_sql.online.model import Key, Lookup, Row, Served
from mlforge_sql.online.postgres import metadata
from mlforge_sql.online.postgres.pool import Connection, Pool
from mlforge_sql.online.postgres.statements import identity, lock_sql, lookup_sql
from mlforge_sql.types import Kind

MAX_VALUES = 1600
"""Values that one statement gives for an entity; Postgres has a limit of 1664."""

MAX_ENTITIES = 10_000
"""Entities that one statement looks up."""

_TRIES = 5
"""How often a statement runs when its tables are exchanged meanwhile."""

Explain = Callable[[Exception, str | None], OnlineError]
"""Makes a diagnostic of an error of the driver, and of the feature it is about."""


class PostgresReader:
    """Reads one lookup.

    Args:
        lookup: What to read.
        pool: Where connections come from.
        schema: Schema of the online tables.
        profile: Name of the profile.
        explain: Says what an error of the driver means.
    """

    def __init__(
        self, lookup: Lookup, pool: Pool, schema: str, profile: str, explain: Explain
    ) -> None:
        self._lookup = lookup
        self._pool = pool
        self._schema = schema
        self._profile = profile
        self._explain = explain
        self._parts = [
            _Part(lookup, group, schema) for group in groups(lookup.features, MAX_VALUES)
        ]
        self._lock = lock_sql(lookup.features, schema)
        self._exact_from: datetime | None = None

    def read(self, keys: Sequence[Key], at: datetime) -> list[Row]:
        """The values of each entity at an instant; see ``Reader.read``."""
        keys = storable(self._lookup, keys)
        try:
            found: list[Row] = self._pool.run(lambda connection: self._values(connection, keys, at))
        except psycopg.Error as error:
            self._fail(error)
        return found

    def _fail(self, error: psycopg.Error) -> NoReturn:
        """Say what is wrong; where it is the tables, which of them."""
        if isinstance(
            error, errors.UndefinedTable | errors.UndefinedColumn | errors.InvalidSchemaName
        ):
            try:
                self._pool.run(self._check_tables)
            except psycopg.Error as other:
                raise self._explain(other, None) from None
        raise self._explain(error, None) from None

    def _values(self, connection: Connection, keys: Sequence[Key], at: datetime) -> list[Row]:
        if not keys:
            self._check_tables(connection)
        if len(keys) <= MAX_ENTITIES and len(self._parts) == 1:
            rows = self._part(connection, self._parts[0], keys, at) if keys else []
        else:
            with connection.transaction():
                connection.execute(self._lock)
                rows = self._batches(connection, keys, at)
        if self._exact_from is not None and at < self._exact_from:
            self._too_early(at)
        return rows

    def _batches(self, connection: Connection, keys: Sequence[Key], at: datetime) -> list[Row]:
        rows: list[Row] = []
        for start in range(0, len(keys), MAX_ENTITIES):
            some = keys[start : start + MAX_ENTITIES]
            parts = [self._part(connection, part, some, at) for part in self._parts]
            rows += parts[0] if len(parts) == 1 else side_by_side(parts)
        return rows

    def _part(
        self, connection: Connection, part: _Part, keys: Sequence[Key], at: datetime
    ) -> list[Row]:
        for _ in range(_TRIES):
            rows = _executed(connection, part, keys, at)
            if rows[0][-1] == part.identity:
                return rows
            self._check_tables(connection)
        message = "the online tables were exchanged again and again while they were read"
        hint = "see whether several `mlforge online sync` run at once, then look up again"
        raise OnlineError([Diagnostic("MF087", message, hint=hint)])

    def _check_tables(self, connection: Connection) -> None:
        """See that every table is there and of this definition; remember which they are."""
        stored = metadata.read(connection, self._schema)
        problems = [
            found
            for feature in self._lookup.features
            if (found := table_problem(feature, stored.get(feature.name), self._profile))
        ]
        if problems:
            raise OnlineError(problems)
        self._exact_from = max(stored[item.name].exact_from for item in self._lookup.features)
        for part in self._parts:
            part.identity = identity([stored[item.name].oid or 0 for item in part.features])

    def _too_early(self, at: datetime) -> NoReturn:
        message = f"the online store holds no values of {at.isoformat(sep=' ')}, only later ones"
        hint = f"ask for {self._exact_from} or later, in UTC; `get_training_data` has every instant"
        raise OnlineError([Diagnostic("MF088", message, hint=hint)])


class _Part:
    """A statement of a lookup, and the identity of the tables that it should read."""

    def __init__(self, lookup: Lookup, features: Sequence[Served], schema: str) -> None:
        self.features = features
        self.single = lookup_sql(lookup, features, schema, single=True)
        self.several = lookup_sql(lookup, features, schema, single=False)
        self.identity: int | None = None


def _executed(connection: Connection, part: _Part, keys: Sequence[Key], at: datetime) -> list[Row]:
    cursor = RawCursor(connection)
    if len(keys) == 1:
        cursor.execute(part.single, (*keys[0], at), prepare=True, binary=True)
    else:
        arrays = [list(values) for values in zip(*keys, strict=True)]
        cursor.execute(part.several, (*arrays, at), prepare=True, binary=True)
    return cursor.fetchall()


def storable(lookup: Lookup, keys: Sequence[Key]) -> Sequence[Key]:
    """The keys without texts that Postgres cannot have: no entity in it has them."""
    texts = [position for position, key in enumerate(lookup.keys) if key.type.family is Kind.TEXT]
    for position in texts:
        if any((text := key[position]) is not None and "\0" in text for key in keys):
            keys = [
                (*key[:position], None, *key[position + 1 :])
                if key[position] is not None and "\0" in key[position]
                else key
                for key in keys
            ]
    return keys


def table_problem(
    feature: Served, stored: metadata.Stored | None, profile: str
) -> Diagnostic | None:
    """What keeps a feature from being read from its table."""
    hint = f"run `mlforge online sync --profile {profile}`"
    if stored is None:
        message = f"feature `{feature.name}` is not in the online store of profile `{profile}` yet"
    elif stored.oid is None:
        message = f"the online table of feature `{feature.name}` is gone"
    elif stored.spec_hash != feature.spec_hash or stored.layout != metadata.LAYOUT:
        message = f"the online table of feature `{feature.name}` is of another definition of it"
        hint = f"run `mlforge build` and `mlforge online sync` with `--profile {profile}`"
    else:
        return None
    return Diagnostic("MF082", message, hint=hint)


def groups(features: Sequence[Served], limit: int) -> list[list[Served]]:
    """The features in groups of so many values at most."""
    groups: list[list[Served]] = []
    count = limit + 1
    for feature in features:
        if count + len(feature.columns) > limit:
            groups.append([])
            count = 0
        groups[-1].append(feature)
        count += len(feature.columns)
    return groups


def side_by_side(parts: Sequence[Sequence[Row]], without: int = 1) -> list[Row]:
    """The values of several statements in one row for each entity, without the last columns of each."""
    return [
        tuple(value for row in rows for value in row[:-without])
        for rows in zip(*parts, strict=True)
    ]
