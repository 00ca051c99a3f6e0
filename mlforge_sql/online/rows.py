"""The rows of a feature table that an online store needs: those that hold from an instant on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.dialects.quoting import DUCKDB, Sql
from mlforge_sql.errors import OnlineError
from mlforge_sql.online.model import Served
from mlforge_sql.sql.joins import empty_value
from mlforge_sql.stores.duckdb import DuckDbStore
from mlforge_sql.stores.store import METADATA

if TYPE_CHECKING:
    import pyarrow as pa

TIME = "feature_timestamp"

BATCH_ROWS = 50_000
"""Rows that are in memory at once."""


@dataclass(frozen=True, slots=True)
class Built:
    """A build of a feature table.

    Attributes:
        spec_hash: Hash of the definition it was built from.
        run_id: dbt's id of the run.
        built_at: When the run started, in UTC.
    """

    spec_hash: str
    run_id: str
    built_at: datetime


def last_builds(store: DuckDbStore) -> dict[str, Built]:
    """The last build of each feature table, where the run recorded it."""
    if METADATA not in store.tables():
        return {}
    query = DUCKDB.sql(
        "select feature, arg_max(spec_hash, built_at), arg_max(run_id, built_at), max(built_at) "
        "from {table} group by feature",
        table=store.relation(METADATA),
    )
    rows = store.connection.execute(query).fetchall()
    return {str(row[0]): Built(str(row[1]), str(row[2]), row[3]) for row in rows}


def check_built(store: DuckDbStore, feature: Served, build: Built | None) -> None:
    """See that the table of a feature is there, and of its present definition.

    Raises:
        OnlineError: It is not.
    """
    hashes = {feature.name: build.spec_hash} if build else {}
    columns = [column.name for column in feature.columns]
    problem = store.table_problem(feature.name, columns, feature.spec_hash, hashes)
    if problem:
        raise OnlineError([problem])


def needed_rows(
    store: DuckDbStore,
    feature: Served,
    since: datetime,
    as_text: Callable[[str], str] = "cast({} as varchar)".format,
) -> pa.RecordBatchReader:
    """The rows of a feature that are needed from an instant on, as text, sorted by key and time.

    For each entity these are the row that holds at the instant, and all later ones. A row that holds
    then and has nothing but the values of an entity without rows is left out: it says nothing.

    Args:
        store: Where the feature table is.
        feature: The feature, with all of its columns.
        since: The instant, in UTC and without a time zone.
        as_text: Makes SQL of a column into SQL of its text.
    """
    query = needed_rows_sql(store.relation(feature.name), feature, since, as_text)
    return store.connection.sql(query).to_arrow_reader(BATCH_ROWS)


def needed_rows_sql(
    relation: Sql,
    feature: Served,
    since: datetime,
    as_text: Callable[[str], str] = "cast({} as varchar)".format,
) -> Sql:
    """SQL of ``needed_rows``."""
    keys = [DUCKDB.name(key.name) for key in feature.keys]
    names = [*keys, Sql(TIME), *(DUCKDB.name(column.name) for column in feature.columns)]
    same = (Sql(f"history.{key} = held.{key}") for key in keys)
    dialect = DuckDb()
    empty = (
        Sql(
            f"history.{DUCKDB.name(column.name)} is not distinct from "
            f"{empty_value(column, dialect) or 'null'}"
        )
        for column in feature.columns
    )
    return DUCKDB.sql(
        "with held as (\n"
        "    select {keys}, max({time}) as {time}\n    from {relation}\n"
        "    where {time} <= {instant}\n    group by {keys}\n)\n"
        "select {listed}\nfrom {relation} as history\nleft join held on {same}\n"
        "where history.{time} > {instant}\n"
        "or (history.{time} = held.{time} and not ({empty}))\n"
        "order by {order}",
        keys=keys,
        time=Sql(TIME),
        relation=relation,
        instant=since,
        listed=[Sql(f"{as_text(f'history.{name}')} as {name}") for name in names],
        same=DUCKDB.list(*same, by=" and "),
        empty=DUCKDB.list(*empty, by=" and "),
        order=[Sql(f"history.{name}") for name in (*keys, TIME)],
    )
