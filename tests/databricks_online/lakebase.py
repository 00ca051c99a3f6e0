"""Online tables in a real Postgres as a synced table has them, and a workspace that only names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, LiteralString, cast

import psycopg
from psycopg import sql

from mlforge_sql.durations import Duration
from mlforge_sql.online.databricks.api import Credential
from mlforge_sql.online.databricks.lakebase import LakebaseAddress
from mlforge_sql.online.model import Lookup, Served
from mlforge_sql.online.postgres.names import type_name
from mlforge_sql.plan.nodes import NEVER, NOBODY, UNTIL, JoinedColumn
from mlforge_sql.project.model import KeyColumn
from mlforge_sql.types import TIMESTAMP, ColumnType, Kind, parse_type

if TYPE_CHECKING:
    from postgres_server import PostgresServer

SCHEMA = "online"
START = datetime(2026, 1, 1)


def instant(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


@dataclass
class NamesPostgres:
    """Calls of a workspace that name a Postgres and give credentials for it."""

    server: PostgresServer
    seconds: float = 3600.0
    given: list[str] = field(default_factory=list)

    def host(self, store: str) -> str:
        assert store == "store"
        return self.server.host

    def user(self) -> str:
        return "reader"

    def credential(self, store: str) -> Credential:
        """A new password, after which the old one is of no use."""
        assert store == "store"
        password = f"secret-{len(self.given)}"
        self.given.append(password)
        expires = datetime.now(UTC) + timedelta(seconds=self.seconds)
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_roles where rolname = 'reader'").fetchone():
                connection.execute("create role reader")
            connection.execute(
                sql.SQL("alter role reader login password {} valid until {}").format(
                    sql.Literal(password), sql.Literal(expires.isoformat())
                )
            )
        return Credential(password, expires.replace(tzinfo=None))


def address(api: NamesPostgres, database: str) -> LakebaseAddress:
    return LakebaseAddress(api, "store", lambda: database, connect_timeout=5)  # type: ignore[arg-type]  # the calls it needs


def feature(
    name: str = "f",
    keys: Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    *,
    zero: Sequence[str] = (),
    defaults: Mapping[str, Any] | None = None,
    ttl: str | None = None,
) -> Served:
    """A feature as it is served."""
    return Served(
        name=name,
        keys=tuple(
            KeyColumn(key, parse_type(kind), ()) for key, kind in (keys or {"id": "string"}).items()
        ),
        columns=tuple(
            JoinedColumn(column, parse_type(kind), column in zero, (defaults or {}).get(column))
            for column, kind in (columns or {"x": "double"}).items()
        ),
        ttl=Duration.parse(ttl) if ttl else None,
        spec_hash="hash",
    )


def lookup(*features: Served) -> Lookup:
    """A lookup of all columns of some features."""
    keys = {key.name: key for item in features for key in item.keys}
    names = [f"{item.name}__{column.name}" for item in features for column in item.columns]
    return Lookup(features, tuple(keys.values()), tuple(names), ())


def fill(
    dsn: str,
    table: str,
    item: Served,
    rows: Sequence[Sequence[Any]],
    *,
    later: bool,
    until: datetime | None = None,
) -> None:
    """Make an online table of a feature's rows: keys, instant, values; and how far later ones reach."""
    columns = [(key.name, key.type) for key in item.keys]
    columns.append(("feature_timestamp", TIMESTAMP))
    columns += [(column.name, column.type) for column in item.columns]
    if later:
        nobody = [NOBODY[key.type.family] for key in item.keys]
        columns.append((UNTIL, TIMESTAMP))
        rows = [(*row, None) for row in rows]
        rows.append((*nobody, NEVER, *[None] * len(item.columns), until or NEVER))
    key = [name for name, _ in columns[: len(item.keys) + later]]
    name = sql.Identifier(SCHEMA, table)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA)))
        connection.execute(sql.SQL("drop table if exists {}").format(name))
        listed = [
            sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(_kind(kind)))
            for column, kind in columns
        ]
        connection.execute(
            sql.SQL("create table {} ({}, primary key ({}))").format(
                name, sql.SQL(", ").join(listed), sql.SQL(", ").join(map(sql.Identifier, key))
            )
        )
        marks = sql.SQL(", ").join([sql.Placeholder()] * len(columns))
        with connection.cursor() as cursor:
            cursor.executemany(
                sql.SQL("insert into {} values ({})").format(name, marks),
                [[_utc(value) for value in row] for row in rows],
            )
        connection.execute(
            sql.SQL("grant usage on schema {} to public").format(sql.Identifier(SCHEMA))
        )
        connection.execute(sql.SQL("grant select on {} to public").format(name))


def _kind(kind: ColumnType) -> LiteralString:
    """The type that a synced table has for a column."""
    name = "timestamptz" if kind.family is Kind.TIMESTAMP else type_name(kind)
    return cast("LiteralString", name)


def _utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
