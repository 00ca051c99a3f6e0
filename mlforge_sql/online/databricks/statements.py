"""SQL of lookups over two tables of a feature: its current rows, and those that begin later.

The row that holds at an instant is the last one that has begun by then, in either table. So a value
changes at the right microsecond without a sync, as long as both tables are of one build.

A current row also stands for what was before it: the table has no earlier one, and clocks differ a
little. Each feature gives one more column, which says that this was so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mlforge_sql.online.model import Lookup, Served
from mlforge_sql.online.postgres.names import TIME, quoted
from mlforge_sql.online.postgres.statements import entities_sql, value_sql
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
    wanted = ", ".join(f"history.{quoted(column.name)}" for column in feature.columns)
    equal = " and ".join(
        f"history.{quoted(key.name)} = entity.k{position}"
        for key, position in zip(feature.keys, positions, strict=True)
    )
    time = f"history.{TIME}"
    current = (
        f"    select {wanted}, {time}, {time} > {instant} as {_EARLY}, 1 as {_RANK}\n"  # noqa: S608 - names are quoted
        f"    from {quoted(schema)}.{quoted(current_name(feature.name))} as history\n"
        f"    where {equal}"
    )
    rows = current
    if feature.name in ahead:
        rows = (
            f"    ({current.strip()})\n    union all\n"  # noqa: S608 - names are quoted
            f"    (select {wanted}, {time}, false, 0\n"
            f"    from {quoted(schema)}.{quoted(upcoming_name(feature.name))} as history\n"
            f"    where {equal} and {time} <= {instant}\n"
            f"    order by {time} desc\n    limit 1)"
        )
    listed = ", ".join([*(quoted(column.name) for column in feature.columns), TIME, _EARLY])
    last = (
        f"select {listed} from (\n{rows}\n    ) as rows\n"  # noqa: S608 - names are quoted
        f"    order by {TIME} desc, {_RANK} desc\n    limit 1"
    )
    if feature.ttl is not None:
        age = f"interval '{feature.ttl.microseconds} microseconds'"
        last = f"select * from ({last}) as last where {TIME} >= {instant} - {age}"  # noqa: S608 - names are quoted
    return f"left join lateral (\n    {last}\n) as {alias} on true"
