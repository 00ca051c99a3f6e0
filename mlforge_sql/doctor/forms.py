"""Forms of statements that builds send to Databricks, tried one by one: ``mlforge doctor --deep``.

What is compiled is judged on real Spark and Delta, and by Databricks' documentation. Some forms only a
workspace can accept or refuse. Each is tried here alone, so that a refusal names the form and not a model.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from mlforge_sql.databricks_workspace.connection import connection_errors
from mlforge_sql.dialects.quoting import DATABRICKS, Sql
from mlforge_sql.doctor.databricks import run
from mlforge_sql.doctor.findings import Check, Finding, Patient, Refused, fail, ok
from mlforge_sql.errors import OnlineError
from mlforge_sql.spec.config import UnityCatalogStore
from mlforge_sql.spec.databricks_online import DatabricksOnlineStore


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a statement.

    Attributes:
        name: What it is, in a few words.
        statement: An example, in which ``{table}`` is a table made for it.
        use: What a build needs it for.
    """

    name: str
    statement: str
    use: str


READ = (
    Form(
        "arrays",
        "select count(*) from (select explode(array(null, 0, 7)) as at)",
        "feature tables of windows",
    ),
    Form(
        "windows",
        "select sum(x) over so_far from (select 1 as x) "
        "window so_far as (order by x rows between unbounded preceding and current row)",
        "feature tables of windows",
    ),
    Form(
        "division",
        "select 7 div 2, pmod(-7, 2), try_divide(1, 0)",
        "ticks and derived values",
    ),
    Form(
        "instants",
        "select timestamp_micros(1), unix_micros(timestamp '1970-01-01 00:00:00+00:00')",
        "instants",
    ),
    Form("nulls", "select null is distinct from 1, null <=> null", "merges and joins"),
    Form("hashes", "select sha2('a', 256), xxhash64('a')", "surrogate keys and samples"),
    Form(
        "raising",
        "select case when 1 = 2 then raise_error('never') end",
        "values that a build refuses",
    ),
)
"""Those that need nothing."""

WRITE = (
    Form(
        "a feature table",
        "create table {table} (k string not null comment 'key', "
        "feature_timestamp timestamp not null, x double, "
        "constraint {constraint} primary key (k, feature_timestamp timeseries)) "
        "using delta cluster by (k, feature_timestamp) "
        "tblproperties ('delta.enableChangeDataFeed' = 'true')",
        "every feature table",
    ),
    Form(
        "rows",
        "insert into {table} values ('a', timestamp '2024-01-01 00:00:00+00:00', 1.0), "
        "('b', timestamp '2024-01-02 00:00:00+00:00', 2.0)",
        "every table",
    ),
    Form(
        "comments of several columns",
        "alter table {table} alter column `k` comment 'key', `x` comment 'value'",
        "descriptions, in one statement for a table",
    ),
    Form(
        "tags of a table",
        "alter table {table} set tags ('mlforge_doctor' = 'tried')",
        "tags of features",
    ),
    Form(
        "tags of a column",
        "alter table {table} alter column `x` set tags ('mlforge_doctor' = 'tried')",
        "units of features",
    ),
    Form(
        "a merge that deletes",
        "merge into {table} as t using (select 'a' as k, "
        "timestamp '2024-01-01 00:00:00+00:00' as feature_timestamp, 3.0d as x) as s "
        "on t.k = s.k and t.feature_timestamp = s.feature_timestamp "
        "when matched and t.x is distinct from s.x then update set * "
        "when not matched then insert * when not matched by source then delete",
        "tables that online tables follow",
    ),
    Form(
        "a history as a relation",
        "select max(version) from (describe history {table} limit 5)",
        "how far online tables are behind",
    ),
    Form(
        "an older version", "select count(*) from {table} version as of 1", "pinned training sets"
    ),
    Form(
        "changes of a table",
        "select count(*) from table_changes({name}, 1)",
        "online tables that copy what has changed",
    ),
)
"""Those that need a table of their own, in this order."""


def deep_checks(online: bool, *, write: bool) -> tuple[Check, ...]:
    """The checks of a deep examination.

    Args:
        online: Whether the profile publishes to Lakebase.
        write: Whether a table may be made for them.
    """
    reads = tuple(Check(form.name, _Reads(form), needs=("warehouse",)) for form in READ)
    writes = (Check("statements", _written, needs=("tables",)),) if write else ()
    lakebase = (Check("lakebase", _lakebase, needs=("login",)),) if online else ()
    return (*reads, *writes, *lakebase)


@dataclass(frozen=True, slots=True)
class _Reads:
    form: Form

    def __call__(self, patient: Patient) -> Finding:
        run(patient, self.form.statement)
        return ok(f"works ({self.form.use})")


def _written(patient: Patient) -> Finding:
    """Try the forms that write, in a schema of their own where one may be made."""
    store = patient.profile.offline_store
    assert isinstance(store, UnityCatalogStore)
    mark = secrets.token_hex(4)
    scratch = f"_mlforge_doctor_{mark}"
    schema = f"{DATABRICKS.name(store.catalog)}.{DATABRICKS.name(scratch)}"
    try:
        run(patient, f"create schema {schema}")
        patient.opened.callback(_drop, patient, f"drop schema if exists {schema} cascade")
    except Refused:  # a login without the right to make schemas: in that of the features
        schema = f"{DATABRICKS.name(store.catalog)}.{DATABRICKS.name(store.schema_)}"
        patient.opened.callback(
            _drop, patient, f"drop table if exists {schema}.{DATABRICKS.name(scratch)}"
        )
    table = f"{schema}.{DATABRICKS.name(scratch)}"
    refused = list(_refusals(patient, table, mark))
    if not refused:
        return ok(f"all {len(WRITE)} forms work")
    said = "; ".join(f"{form.name} ({form.use}): {why}" for form, why in refused)
    return fail(f"{len(refused)} of {len(WRITE)} forms are refused: {said}", _TELL)


_TELL = "report it with what is above, which has no secrets: the SQL for Databricks has to change"


def _refusals(patient: Patient, table: str, mark: str) -> Iterator[tuple[Form, str]]:
    """The forms that are refused, and why; without its table none of the others can be tried."""
    for form in WRITE:
        statement = form.statement.format(
            table=table,
            constraint=DATABRICKS.name(f"mlforge_doctor_{mark}"),
            name=DATABRICKS.text(Sql(table.replace("`", ""))),
        )
        try:
            run(patient, statement)
        except Refused as refused:
            yield form, refused.finding.detail
            if form is WRITE[0]:
                return


def _drop(patient: Patient, statement: str) -> None:
    with suppress(Refused, *connection_errors()):
        run(patient, statement)


def _lakebase(patient: Patient) -> Finding:
    """Whether the store's Postgres is named, and gives a password, which is not shown."""
    from mlforge_sql.online.databricks.api import WorkspaceApi

    online = patient.profile.online_store
    assert isinstance(online, DatabricksOnlineStore)
    assert patient.login is not None
    store = patient.config.store_name(online)
    api = WorkspaceApi(patient.login, patient.name)
    try:
        host, credential = api.host(store), api.credential(store)
    except OnlineError as error:
        found = error.diagnostics[0]
        raise Refused(fail(found.message, found.hint or "see docs/online-databricks.md")) from None
    until = credential.expires.isoformat(sep=" ", timespec="minutes")
    return ok(f"{host} gives passwords, the last one until {until} UTC")
