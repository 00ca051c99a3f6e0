"""The table that says what the online tables hold: one row for each, written with the table itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlforge_sql.dialects.quoting import POSTGRES, Sql
from mlforge_sql.online.postgres.names import METADATA, quoted

if TYPE_CHECKING:
    import psycopg

LAYOUT = 1
"""How tables are laid out; those of another layout are loaded again."""

_COLUMNS = "feature, spec_hash, run_id, layout, row_count, exact_from, as_of, synced_at"


@dataclass(frozen=True, slots=True)
class Stored:
    """What a table holds.

    Attributes:
        feature: Name of the feature.
        spec_hash: Hash of the definition that its rows come from.
        run_id: dbt's id of the build that they come from; None when the build noted none.
        layout: Its layout.
        rows: How many there are.
        exact_from: The first instant at which values are exact.
        as_of: The instant that the sync was asked for.
        synced_at: When it was filled.
        oid: Identity of the table; None when there is none.
    """

    feature: str
    spec_hash: str
    run_id: str | None
    layout: int
    rows: int
    exact_from: datetime
    as_of: datetime
    synced_at: datetime
    oid: int | None


def table(schema: str) -> Sql:
    """SQL name of the metadata table."""
    return Sql(f"{quoted(schema)}.{quoted(METADATA)}")


def read(connection: psycopg.Connection[Any], schema: str) -> dict[str, Stored]:
    """What every table of a schema holds, by feature; nothing where nothing was synced yet.

    Raises:
        psycopg.Error: It cannot be read.
    """
    exists = connection.execute("select to_regclass(%s)", [table(schema)]).fetchone()
    if exists is None or exists[0] is None:
        return {}
    query = POSTGRES.sql(
        "select {columns}, to_regclass({schema} || '.' || table_name)::oid::bigint "
        "from {table} order by feature",
        columns=Sql(_COLUMNS),
        schema=POSTGRES.text(quoted(schema)),
        table=table(schema),
    )
    rows = connection.execute(query).fetchall()
    return {str(row[0]): _stored(row) for row in rows}


def _stored(row: tuple[Any, ...]) -> Stored:
    exact_from, as_of, synced_at = (
        value.astimezone(UTC).replace(tzinfo=None) for value in row[5:8]
    )
    return Stored(
        feature=row[0],
        spec_hash=row[1],
        run_id=row[2],
        layout=row[3],
        rows=row[4],
        exact_from=exact_from,
        as_of=as_of,
        synced_at=synced_at,
        oid=row[8],
    )


def create(connection: psycopg.Connection[Any], schema: str) -> None:
    """Make the schema and the metadata table, unless they are there."""
    found = connection.execute("select 1 from pg_namespace where nspname = %s", [schema]).fetchone()
    if found is None:  # asked first: with `if not exists` too it takes a right that few need
        connection.execute(f"create schema {quoted(schema)}")
    connection.execute(
        f"create table if not exists {table(schema)} ("
        "feature text primary key, table_name text not null, spec_hash text not null, run_id text, "
        "layout integer not null, row_count bigint not null, exact_from timestamptz not null, "
        "as_of timestamptz not null, synced_at timestamptz not null)"
    )


def write(connection: psycopg.Connection[Any], schema: str, stored: Stored) -> None:
    """Note what a table holds, in the transaction that fills it."""
    values: Mapping[str, Any] = {
        "feature": stored.feature,
        "table_name": quoted(stored.feature),
        "spec_hash": stored.spec_hash,
        "run_id": stored.run_id,
        "layout": stored.layout,
        "row_count": stored.rows,
        "exact_from": stored.exact_from.replace(tzinfo=UTC),
        "as_of": stored.as_of.replace(tzinfo=UTC),
        "synced_at": stored.synced_at.replace(tzinfo=UTC),
    }
    statement = POSTGRES.sql(
        "insert into {table} ({names}) values ({marks}) "
        "on conflict (feature) do update set {changes}",
        table=table(schema),
        names=map(Sql, values),
        marks=[Sql(f"%({name})s") for name in values],
        changes=[Sql(f"{name} = excluded.{name}") for name in values if name != "feature"],
    )
    connection.execute(statement, values)


def forget(connection: psycopg.Connection[Any], schema: str, feature: str) -> bool:
    """Remove what is noted of a feature; whether there was anything."""
    statement = POSTGRES.sql("delete from {table} where feature = %s", table=table(schema))
    return connection.execute(statement, [feature]).rowcount > 0
