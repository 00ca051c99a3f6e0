"""The rows of a feature table that an online store needs: those that hold from an instant on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlglot import exp

from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.dialects.quoting import DUCKDB, Sql
from mlforge_sql.dialects.trees import all_of, columns, from_table, select
from mlforge_sql.errors import OnlineError
from mlforge_sql.expressions import column, identifier
from mlforge_sql.online.model import Served
from mlforge_sql.sql.held import HISTORY, TIME, last_beginnings
from mlforge_sql.sql.joins import empty_value
from mlforge_sql.sql.text import sql_text
from mlforge_sql.stores.duckdb import DuckDbStore
from mlforge_sql.stores.store import METADATA
from mlforge_sql.types import TEXT

if TYPE_CHECKING:
    import pyarrow as pa

_HELD = "held"

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
) -> pa.RecordBatchReader:
    """The rows of a feature that are needed from an instant on, as text, sorted by key and time.

    For each entity these are the row that holds at the instant, and all later ones. A row that holds
    then and has nothing but the values of an entity without rows is left out: it says nothing.

    Args:
        store: Where the feature table is.
        feature: The feature, with all of its columns.
        since: The instant, in UTC and without a time zone.
    """
    query = needed_rows_sql(store.relation(feature.name), feature, since)
    return store.connection.sql(query).to_arrow_reader(BATCH_ROWS)


def needed_rows_sql(relation: Sql, feature: Served, since: datetime) -> Sql:
    """SQL of ``needed_rows``."""
    dialect = DuckDb()
    table = exp.Table(this=exp.Var(this=relation))
    instant = exp.Var(this=DUCKDB.sql("{since}", since=since))
    keys = [key.name for key in feature.keys]
    names = [*keys, TIME, *(item.name for item in feature.columns)]
    time = column(TIME, HISTORY)
    same = all_of(exp.EQ(this=column(key, HISTORY), expression=column(key, _HELD)) for key in keys)
    empty = all_of(
        exp.NullSafeEQ(
            this=column(item.name, HISTORY),
            expression=exp.Var(this=empty_value(item, dialect) or "null"),
        )
        for item in feature.columns
    )
    holds = exp.EQ(this=time.copy(), expression=column(TIME, _HELD))
    needed = exp.or_(
        exp.GT(this=time.copy(), expression=instant.copy()),
        exp.and_(holds, exp.not_(empty, copy=False), copy=False),
        copy=False,
    )
    rows = select(
        *(exp.alias_(dialect.cast(column(name, HISTORY), TEXT), identifier(name)) for name in names)
    )
    rows = from_table(rows, exp.alias_(table.copy(), HISTORY, table=True))
    rows = rows.join(
        exp.Join(this=exp.Table(this=identifier(_HELD)), side="LEFT", on=same), copy=False
    )
    rows = rows.where(needed, copy=False).order_by(*columns([*keys, TIME], HISTORY), copy=False)
    rows = rows.with_(_HELD, last_beginnings(keys, table, instant), copy=False)
    return Sql(sql_text(rows, dialect, in_jinja=True))
