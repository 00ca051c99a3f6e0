"""Putting loaded tables in the place of those that are there: all of a sync at one moment.

Tables are locked in the order of their names, as lookups lock them, so that neither waits for the
other for ever. A lock that does not come soon is given up together with all that were taken before,
lookups pass, and it is tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg import errors, sql

from mlforge_sql.errors import Diagnostic, OnlineError
from mlforge_sql.online.model import Say
from mlforge_sql.online.postgres import metadata
from mlforge_sql.online.postgres.names import quoted
from mlforge_sql.online.postgres.statements import table_name

TRIES = 30
"""How often the exchange of tables that others are using is tried."""

LOCK_MILLISECONDS = 300
"""How long a lock is waited for: so long at most, lookups queue behind it."""

_PAUSE_SECONDS = 0.7


class InUse(Exception):  # noqa: N818 - an answer, not a failure
    """Others have used a table for too long; the text is its feature."""


@dataclass(frozen=True, slots=True)
class NewTable:
    """A table that is loaded and not in place yet.

    Attributes:
        table: Its name.
        known: Whether the one that is there is ours.
        noted: What is noted of it.
    """

    table: str
    known: bool
    noted: metadata.Stored

    @property
    def feature(self) -> str:
        """Name of its feature."""
        return self.noted.feature


Done = TypeVar("Done")
Refused = dict[str, OnlineError | psycopg.Error]
"""Why tables are not in place, by feature."""


@dataclass(frozen=True)
class Exchange:
    """Exchanges the tables of one schema, within a transaction of the caller's.

    Attributes:
        connection: A connection.
        schema: The schema.
        say: Takes lines about what is going on.
    """

    connection: psycopg.Connection[Any]
    schema: str
    say: Say

    def put_in_place(self, tables: Sequence[NewTable]) -> Refused:
        """Put tables in the place of those that are there, with what was granted on them.

        All at one moment, but for those that are refused, which the caller drops.
        """
        left = sorted(tables, key=lambda item: item.feature)
        refused: Refused = {}
        while left:
            try:
                return refused | self._unused(partial(self._all, left))
            except InUse as error:
                refused[str(error)] = in_use(str(error))
                left = [item for item in left if item.feature != str(error)]
        return refused

    def remove(self, feature: str) -> None:
        """Drop the table of a feature, and what is noted of it.

        Raises:
            OnlineError: Others use it for too long.
        """

        def drop() -> None:
            try:
                self.connection.execute(f"drop table if exists {table_name(self.schema, feature)}")
            except errors.LockNotAvailable as error:
                raise InUse(feature) from error
            metadata.forget(self.connection, self.schema, feature)

        try:
            self._unused(drop)
        except InUse:
            raise in_use(feature) from None

    def _unused(self, action: Callable[[], Done]) -> Done:
        """Do something to tables at a moment at which nobody uses them."""
        attempt = 0
        while True:
            attempt += 1
            try:
                with self.connection.transaction():  # a savepoint: locks go with it
                    self.connection.execute(f"set local lock_timeout = '{LOCK_MILLISECONDS}ms'")
                    return action()
            except InUse as error:
                if attempt == TRIES:
                    raise
                if attempt == 1:
                    self.say(f"{error}: others are using the table; waiting")
            time.sleep(_PAUSE_SECONDS)

    def _all(self, tables: Sequence[NewTable]) -> Refused:
        refused: Refused = {}
        for item in tables:
            try:
                with self.connection.transaction():
                    self._one(item)
            except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
                raise InUse(item.feature) from error
            except OnlineError as error:
                refused[item.feature] = error
            except psycopg.Error as error:
                if self.connection.closed:
                    raise
                refused[item.feature] = error
        return refused

    def _one(self, item: NewTable) -> None:
        feature, schema = item.feature, quoted(self.schema)
        table = table_name(self.schema, feature)
        if self._exists(table):
            if not item.known:
                message = (
                    f"schema `{self.schema}` has a table `{feature}` that mlforge did not make"
                )
                hint = "move it away, or name another schema in the profile"
                raise OnlineError([Diagnostic("MF086", message, hint=hint)])
            self.connection.execute(f"lock table {table} in access exclusive mode")
        grants = _grants(self.connection, table)
        self.connection.execute(f"drop table if exists {table}")
        self.connection.execute(
            f"alter table {schema}.{quoted(item.table)} rename to {quoted(feature)}"
        )
        index, wanted = quoted(f"{item.table}_pkey"), quoted(f"{feature}_pkey")
        if not self._exists(f"{schema}.{wanted}"):
            self.connection.execute(f"alter index {schema}.{index} rename to {wanted}")
        for privilege, role in grants:
            self.connection.execute(f"grant {privilege} on {table} to {role}")
        text = f"Values of feature {feature}, loaded by mlforge. Do not edit."
        comment = sql.SQL("comment on table {} is {}")
        self.connection.execute(comment.format(sql.SQL(table), sql.Literal(text)))
        metadata.write(self.connection, self.schema, item.noted)

    def _exists(self, name: str) -> bool:
        row = self.connection.execute("select to_regclass(%s) is not null", [name]).fetchone()
        return bool(row and row[0])


def in_use(feature: str) -> OnlineError:
    """The problem that others use a table."""
    message = f"the online table of feature `{feature}` is in use and cannot be exchanged"
    hint = "see who holds a lock on it in pg_locks, then run again"
    return OnlineError([Diagnostic("MF087", message, hint=hint)])


def _grants(connection: psycopg.Connection[Any], table: str) -> Iterator[tuple[str, str]]:
    """What is granted on a table to others than its owner: privilege and role, as SQL."""
    rows = connection.execute(
        "select granted.privilege_type, "
        "case when granted.grantee = 0 then 'public' else quote_ident(role.rolname) end "
        "from pg_class as class, aclexplode(class.relacl) as granted "
        "left join pg_roles as role on role.oid = granted.grantee "
        "where class.oid = to_regclass(%s) and granted.grantee <> class.relowner "
        "and (granted.grantee = 0 or role.rolname is not null)",
        [table],
    ).fetchall()
    return ((str(privilege), str(role)) for privilege, role in rows)
