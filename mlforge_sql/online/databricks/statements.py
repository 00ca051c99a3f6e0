"""SQL of lookups over two tables of a feature: its current rows, and those that begin later.

The row that holds at an instant is the last one that has begun by then, in either table. So a value
changes at the right microsecond without a sync, as long as both tables are of one build.

A current row also stands for what was before it: the table has no earlier one, and clocks differ a
little. Each row says whether this was so for one of its features.

Later rows reach as far as the horizon of the build. Each row says until when those of all its features do.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlglot import exp

from mlforge_sql.dialects.quoting import POSTGRES, Sql
from mlforge_sql.dialects.trees import aliased, from_table, number, select
from mlforge_sql.expressions import column
from mlforge_sql.online.model import Lookup, Served
from mlforge_sql.online.postgres.names import quoted, stored_column, stored_table
from mlforge_sql.online.postgres.statements import (
    age,
    entities_sql,
    entity_rows,
    lateral,
    table_name,
    value_sql,
)
from mlforge_sql.plan.nodes import NEVER, NOBODY, UNTIL, JoinedColumn
from mlforge_sql.project.model import current_name, upcoming_name
from mlforge_sql.sql.held import HISTORY, TIME, first_of, last_row
from mlforge_sql.types import Kind

UNKNOWN = datetime(1000, 1, 1)
"""Until when later rows are there that do not say so: their table is not whole."""

_EARLY = "mlforge_early"
_RANK = "mlforge_rank"
_ROWS = "entity_rows"


def lookup_sql(
    lookup: Lookup,
    features: Sequence[Served],
    ahead: Collection[str],
    schema: str,
    *,
    single: bool,
) -> str:
    """The statement of a lookup.

    Parameters are one for each key of the lookup, then the instant in UTC: values where there is a
    single entity, arrays where there are several. Rows come in the order of the arrays. After the
    values each row says whether any of its features has only a row that begins later, and until when the
    later rows of all features are there, or NULL.

    Args:
        lookup: The lookup; its keys are the parameters.
        features: Features of the lookup that the statement reads.
        ahead: Names of features that have a table of later rows.
        schema: Schema of the tables.
        single: Whether it is for a single entity.
    """
    instant = f"${len(lookup.keys) + 1}::timestamptz"
    columns = [
        f"    {_plain(value_sql(f'f{number}', column), column)}"
        for number, feature in enumerate(features)
        for column in feature.columns
    ]
    early = " or ".join(f"coalesce(f{number}.{_EARLY}, false)" for number, _ in enumerate(features))
    joins = [
        _join(f"f{number}", feature, lookup.positions(feature), ahead, schema, instant)
        for number, feature in enumerate(features)
    ]
    reach = [_until(feature, schema) for feature in features if feature.name in ahead]
    until = f"least({', '.join(reach)})" if reach else "null::timestamptz"
    listed = ",\n".join([*columns, f"    {early}", f"    {until}"])
    text = f"select\n{listed}\nfrom {entities_sql(lookup.keys, single=single)}\n" + "\n".join(joins)
    return text if single else f"{text}\norder by entity.position"


def _until(feature: Served, schema: str) -> Sql:
    """Until when a feature's later rows are there: a row of no entity has it."""
    keys = [
        POSTGRES.sql("history.{key} = {value}", key=quoted(key.name), value=NOBODY[key.type.family])
        for key in feature.keys
    ]
    return POSTGRES.sql(
        "coalesce((select history.{until} from {table} as history "
        "where {keys} and history.{time} = {never}), {unknown}::timestamptz)",
        until=quoted(UNTIL),
        table=table_name(schema, upcoming_name(feature.name)),
        keys=Sql(" and ".join(keys)),
        time=quoted(TIME),
        unknown=f"{UNKNOWN.isoformat(sep=' ')}+00",
        never=f"{NEVER.isoformat(sep=' ')}+00",
    )


def _plain(value: str, column: JoinedColumn) -> str:
    """Instants of features are in UTC and do not say so; Lakebase has them with a time zone."""
    return f"({value} at time zone 'UTC')" if column.type.family is Kind.TIMESTAMP else value


def _join(
    alias: str,
    feature: Served,
    positions: Sequence[int],
    ahead: Collection[str],
    schema: str,
    instant: str,
) -> Sql:
    at, time = exp.Var(this=instant), column(TIME, HISTORY)
    rows: exp.Query = entity_rows(
        feature,
        positions,
        stored_table(schema, current_name(feature.name), HISTORY),
        time,
        aliased(exp.GT(this=time.copy(), expression=at), _EARLY),
        aliased(number(1), _RANK),
    )
    if feature.name in ahead:
        table = stored_table(schema, upcoming_name(feature.name), HISTORY)
        later = entity_rows(feature, positions, table, time.copy(), exp.false(), number(0))
        begun = exp.Subquery(this=last_row(later, at.copy()))
        rows = exp.Union(this=exp.Subquery(this=rows), expression=begun, distinct=False)
    wanted = (stored_column(item.name, _ROWS) for item in feature.columns)
    last = from_table(
        select(*wanted, column(TIME), column(_EARLY)), exp.Subquery(this=rows, alias=_ROWS)
    )
    last = first_of(last, [column(TIME), column(_RANK)])
    if feature.ttl is not None:
        oldest = exp.Sub(this=at.copy(), expression=age(feature.ttl))
        last = from_table(select(exp.Star()), exp.Subquery(this=last, alias="last_row"))
        last = last.where(exp.GTE(this=column(TIME), expression=oldest), copy=False)
    return lateral(last, alias)
