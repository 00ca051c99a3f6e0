"""Lookups in the Postgres of an online store: one statement for all features."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import RawCursor, errors

from mlforge_sql.errors import Diagnostic, OnlineError
from mlforge_sql.online.databricks.lakebase import LakebaseAddress
from mlforge_sql.online.databricks.statements import UNKNOWN, lookup_sql
from mlforge_sql.online.model import Key, Lookup, Row, Served, utc_now
from mlforge_sql.online.postgres.pool import Connection, Pool, PoolTimeoutError
from mlforge_sql.online.postgres.problems import words
from mlforge_sql.online.postgres.reading import (
    MAX_ENTITIES,
    MAX_VALUES,
    groups,
    side_by_side,
    storable,
)
from mlforge_sql.project.model import current_name, upcoming_name

_COMING_OR_GOING = ("starting up", "shutting down", "not yet accepting", "in recovery mode")
"""What a server says that is there and not yet, or no more, of use."""

SKEW = timedelta(minutes=5)
"""By how much the clocks of builds and of lookups may differ."""


class UnreachableError(OnlineError):
    """No connection to the store can be made, or kept."""


class PastHorizonError(OnlineError):
    """The later rows of the last build do not reach as far as the instant that is asked for."""


class LakebaseReader:
    """Reads one lookup.

    Args:
        lookup: What to read.
        ahead: Names of features that have a table of later rows.
        pool: Where connections come from.
        address: Where those lead to.
        schema: Schema of the tables.
        profile: Name of the profile.
    """

    def __init__(
        self,
        lookup: Lookup,
        ahead: Collection[str],
        pool: Pool,
        address: LakebaseAddress,
        schema: str,
        profile: str,
    ) -> None:
        self._lookup = lookup
        self._pool = pool
        self._address = address
        self._profile = profile
        self._schema = schema
        self._tables = [
            make(item.name)
            for item in lookup.features
            for make in (current_name, *((upcoming_name,) if item.name in ahead else ()))
        ]
        self._parts = [
            _Part(lookup, group, ahead, schema) for group in groups(lookup.features, MAX_VALUES)
        ]

    def read(self, keys: Sequence[Key], at: datetime) -> list[Row]:
        """The values of each entity at an instant; see ``Reader.read``."""
        keys = storable(self._lookup, keys)
        try:
            return self._read(keys, at)
        except psycopg.Error as error:
            if not _is_login(error):
                raise self._problem(error) from None
        self._address.forget()
        try:
            return self._read(keys, at)
        except psycopg.Error as error:
            raise self._problem(error) from None

    def _read(self, keys: Sequence[Key], at: datetime) -> list[Row]:
        found: list[Row] = self._pool.run(lambda connection: self._values(connection, keys, at))
        return found

    def _values(self, connection: Connection, keys: Sequence[Key], at: datetime) -> list[Row]:
        rows: list[Row] = []
        early = False
        reach: set[datetime] = set()
        for start in range(0, max(len(keys), 1), MAX_ENTITIES):
            some = keys[start : start + MAX_ENTITIES]
            parts = [_executed(connection, part, some, at) for part in self._parts]
            found = [row for part in parts for row in part]
            early = early or any(row[-2] for row in found)
            reach |= {row[-1] for row in found if row[-1] is not None}
            rows += side_by_side(parts, without=2)
        if reach and utc(at) > min(reach):
            raise self._past(at, min(reach))
        if early and at < utc_now() - SKEW:
            message = (
                f"the online store holds no values of {at.isoformat(sep=' ')}, only later ones"
            )
            hint = "ask for an instant after the last build; `get_training_data` has every instant"
            raise OnlineError([Diagnostic("MF088", message, hint=hint)])
        return rows

    def _past(self, at: datetime, until: datetime) -> PastHorizonError:
        reach = until.astimezone(UTC).replace(tzinfo=None)
        if reach == UNKNOWN:
            message = (
                f"the online tables of profile `{self._profile}` do not say until when they have values: a copy "
                "is under way, or rows were deleted in them"
            )
            hint = f"`mlforge online status --profile {self._profile}` says how they are doing; else build"
            return PastHorizonError([Diagnostic("MF123", message, hint=hint)])
        message = (
            f"the online tables of profile `{self._profile}` have values until {reach.isoformat(sep=' ')} "
            f"UTC, and {at.isoformat(sep=' ')} is later"
        )
        hint = (
            f"run `mlforge build --profile {self._profile}`; how far a build reaches is `horizon` of the "
            "online store, and `past_horizon: warehouse` reads the feature tables then"
        )
        return PastHorizonError([Diagnostic("MF123", message, hint=hint)])

    def _problem(self, error: psycopg.Error) -> OnlineError:
        return lakebase_problem(error, self._address, self._profile, self._schema, self._tables)


class _Part:
    """A statement of a lookup."""

    def __init__(
        self, lookup: Lookup, features: Sequence[Served], ahead: Collection[str], schema: str
    ) -> None:
        self.keys = len(lookup.keys)
        self.single = lookup_sql(lookup, features, ahead, schema, single=True)
        self.several = lookup_sql(lookup, features, ahead, schema, single=False)


def _executed(connection: Connection, part: _Part, keys: Sequence[Key], at: datetime) -> list[Row]:
    cursor = RawCursor(connection)
    if len(keys) == 1:
        cursor.execute(part.single, (*keys[0], utc(at)), prepare=True, binary=True)
    else:
        arrays = [list(values) for values in zip(*keys, strict=True)] or [[]] * part.keys
        cursor.execute(part.several, (*arrays, utc(at)), prepare=True, binary=True)
    return cursor.fetchall()


def _is_login(error: psycopg.Error) -> bool:
    """Whether a password was refused: it may have ended before its time."""
    if isinstance(error, errors.InvalidPassword | errors.InvalidAuthorizationSpecification):
        return True
    return isinstance(error, psycopg.OperationalError) and "authentication failed" in str(error)


def _is_lost(error: psycopg.OperationalError | psycopg.InterfaceError) -> bool:
    """Whether nobody answers, rather than refuses, is busy, or takes too long.

    What the server says while a connection is made has no code, only a text that begins with FATAL.
    """
    if isinstance(error, PoolTimeoutError):
        return False
    if error.sqlstate is not None:
        return error.sqlstate.startswith(("08", "57P"))
    said = str(error)
    return "FATAL:" not in said or any(text in said for text in _COMING_OR_GOING)


def lakebase_problem(
    error: psycopg.Error,
    address: LakebaseAddress,
    profile: str,
    schema: str,
    tables: Sequence[str],
) -> OnlineError:
    """What the driver or the server say, in words that name the next step; raise it ``from None``.

    Args:
        error: What the driver raised.
        address: Where the server is.
        profile: Name of the profile.
        schema: Schema of the online tables.
        tables: The online tables that are read.
    """
    said = address.scrubbed(words(error))
    listed = ", ".join(f"`{name}`" for name in tables)
    match error:
        case errors.InsufficientPrivilege():
            message = f"the role may not read schema `{schema}`: {said}"
            hint = f'grant usage on schema "{schema}", and select on its tables; see docs/online.md'
            return _one("MF083", message, hint)
        case errors.UndefinedTable() | errors.InvalidSchemaName() | errors.UndefinedColumn():
            message = f"{listed} in schema `{schema}`: not there, or not of this definition: {said}"
            hint = (
                f"run `mlforge build --profile {profile}`; "
                f"`mlforge online status --profile {profile}` says how far the online tables are"
            )
            return _one("MF082", message, hint)
        case psycopg.OperationalError() | psycopg.InterfaceError():
            message = f"the online store of profile `{profile}` cannot be reached: {said}"
            hint = f"the address is {address.place}; is the store AVAILABLE, and the network open?"
            kind = UnreachableError if _is_lost(error) else OnlineError
            return kind([Diagnostic("MF081", message, hint=hint)])
        case _:
            message = f"{listed} cannot be read: {said}"
            return _one("MF086", message, "see the log of the server")


def _one(code: str, message: str, hint: str) -> OnlineError:
    return OnlineError([Diagnostic(code, message, hint=hint)])


def utc(instant: datetime) -> datetime:
    """An instant without a time zone, with UTC's: the columns of synced tables have a zone."""
    return instant.replace(tzinfo=UTC)
