"""SQL of lookups over two tables of a feature: its current rows, and those that begin later.

The row that holds at an instant is the last one that has begun by then, in either table. So a value
changes at the right microsecond without a sync, as long as both tables are of one build.

A current row also stands for what was before it: the table has no earlier one, and clocks differ a
little. Each feature gives one more column, which says that this was so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mlforge_sql.dialects.quoting import POSTGRES, Sql
from mlforge_sql.online.model import Lookup, Served
from mlforge_sql.online.postgres.names import TIME, quoted
from mlforge_sql.online.postgres.statements import entities_sql, table_name, value_sql
from mlforge_sql.plan.nodes import JoinedColumn
from mlforge_sql.project.model import current_name, upcoming_name
from mlforge_sql.types import Kind

_EARLY = "mlforge_early"
_RANK = "mlforge_rank"


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
    values each row says whether any of its features has only a row that begins later.

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
    listed = ",\n".join([*columns, f"    {early}"])
    text = f"select\n{listed}\nfrom {entities_sql(lookup.keys, single=single)}\n" + "\n".join(joins)
    return text if single else f"{text}\norder by entity.position"


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
) -> str:
    equal = (
        Sql(f"history.{quoted(key.name)} = entity.k{position}")
        for key, position in zip(feature.keys, positions, strict=True)
    )
    parts = {
        "wanted": [Sql(f"history.{quoted(column.name)}") for column in feature.columns],
        "time": Sql(f"history.{TIME}"),
        "instant": Sql(instant),
        "equal": POSTGRES.list(*equal, by=" and "),
        "early": Sql(_EARLY),
        "rank": Sql(_RANK),
    }
    rows = POSTGRES.sql(
        "select {wanted}, {time}, {time} > {instant} as {early}, 1 as {rank}\n"
        "    from {table} as history\n"
        "    where {equal}",
        table=table_name(schema, current_name(feature.name)),
        **parts,
    )
    if feature.name in ahead:
        rows = POSTGRES.sql(
            "({current})\n    union all\n"
            "    (select {wanted}, {time}, false, 0\n"
            "    from {table} as history\n"
            "    where {equal} and {time} <= {instant}\n"
            "    order by {time} desc\n    limit 1)",
            current=rows,
            table=table_name(schema, upcoming_name(feature.name)),
            **parts,
        )
    last = POSTGRES.sql(
        "select {listed} from (\n    {rows}\n    ) as rows\n"
        "    order by {time} desc, {rank} desc\n    limit 1",
        listed=[*(quoted(column.name) for column in feature.columns), Sql(TIME), Sql(_EARLY)],
        rows=rows,
        time=Sql(TIME),
        rank=Sql(_RANK),
    )
    if feature.ttl is not None:
        age = f"interval '{feature.ttl.microseconds} microseconds'"
        last = POSTGRES.sql(
            "select * from ({last}) as last where {time} >= {oldest}",
            last=last,
            time=Sql(TIME),
            oldest=Sql(f"{instant} - {age}"),
        )
    return f"left join lateral (\n    {last}\n) as {alias} on true"
