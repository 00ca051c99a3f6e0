"""SQL of lookups: for each entity and feature one step backwards in the index of the primary key.

A value changes at the right microsecond because the table already has the row that begins to hold
then: the lookup takes, of the rows of an entity, the last one that has begun.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from sqlglot import exp

from mlforge_sql.dialects.quoting import POSTGRES, Sql
from mlforge_sql.dialects.trees import from_table, select
from mlforge_sql.durations import Duration
from mlforge_sql.online.model import Lookup, Served
from mlforge_sql.online.postgres.names import quoted, stored_column, stored_table, type_name
from mlforge_sql.plan.nodes import JoinedColumn
from mlforge_sql.project.model import KeyColumn
from mlforge_sql.sql.held import HISTORY, last_row
from mlforge_sql.sql.held import POSTGRES as PRINTING
from mlforge_sql.sql.text import sql_text

_IDENTITY_STEP = 2**29 - 3
"""A prime; identities of several tables become one number that no other tables have."""


def lookup_sql(lookup: Lookup, features: Sequence[Served], schema: str, *, single: bool) -> str:
    """The statement of a lookup.

    Parameters are one for each key of the lookup, then the instant: values where there is a single
    entity, arrays where there are several. Rows come in the order of the arrays. After the values
    each row has the identity of the tables that were read, by which their exchange is noticed.

    Args:
        lookup: The lookup; its keys are the parameters.
        features: Features of the lookup that the statement reads.
        schema: Schema of the tables.
        single: Whether it is for a single entity.
    """
    instant = f"${len(lookup.keys) + 1}::timestamp"
    columns = [
        f"    {value_sql(f'f{number}', column)}"
        for number, feature in enumerate(features)
        for column in feature.columns
    ]
    joins = [  # tables are locked in this order, the one in which a sync locks them
        _join(f"f{number}", feature, lookup.positions(feature), schema, instant)
        for number, feature in sorted(enumerate(features), key=lambda item: item[1].name)
    ]
    listed = ",\n".join([*columns, f"    {_identity(features, schema)}"])
    text = f"select\n{listed}\nfrom {entities_sql(lookup.keys, single=single)}\n" + "\n".join(joins)
    return text if single else f"{text}\norder by entity.position"


def entities_sql(keys: Sequence[KeyColumn], *, single: bool) -> str:
    """The entities of a lookup as a relation with columns ``k0``, ``k1``, ... from its parameters."""
    names = [f"k{number}" for number in range(len(keys))]
    types = [parameter_type(key) for key in keys]
    if single:
        listed = ", ".join(
            f"${number + 1}::{kind} as {name}"
            for number, (name, kind) in enumerate(zip(names, types, strict=True))
        )
        return f"(select {listed}) as entity"
    arrays = ", ".join(f"${number + 1}::{kind}[]" for number, kind in enumerate(types))
    return f"unnest({arrays}) with ordinality as entity ({', '.join(names)}, position)"


def parameter_type(key: KeyColumn) -> str:
    """Type of the parameter of a key; for decimals without the scale, which would round."""
    kind = type_name(key.type) or "text"
    return kind.partition("(")[0]


def _join(alias: str, feature: Served, positions: Sequence[int], schema: str, instant: str) -> Sql:
    at = exp.Var(this=instant)
    rows = entity_rows(feature, positions, stored_table(schema, feature.name, HISTORY))
    oldest = None
    if feature.ttl is not None:
        oldest = exp.Sub(this=at.copy(), expression=age(feature.ttl))
    return lateral(last_row(rows, at, oldest=oldest), alias)


def entity_rows(
    feature: Served, positions: Sequence[int], table: exp.Expr, *more: exp.Expr
) -> exp.Select:
    """The rows of a lookup's entity: the feature's columns, and further ones.

    Args:
        feature: The feature, with the columns that are read.
        positions: Where its keys are among those of the lookup.
        table: The table that has the rows, with the alias ``HISTORY``.
        more: The further columns.
    """
    wanted = (stored_column(item.name, HISTORY) for item in feature.columns)
    same = (
        exp.EQ(this=stored_column(key.name, HISTORY), expression=exp.column(f"k{at}", "entity"))
        for key, at in zip(feature.keys, positions, strict=True)
    )
    return from_table(select(*wanted, *more), table).where(*same, copy=False)


def age(ttl: Duration) -> exp.Expr:
    """A duration as Postgres has it."""
    return exp.Var(this=f"interval '{ttl.microseconds} microseconds'")


def lateral(row: exp.Expr, alias: str) -> Sql:
    """The join of each entity with its row."""
    text = textwrap.indent(sql_text(row, PRINTING, in_jinja=True), "    ")
    return POSTGRES.sql(
        "left join lateral (\n{row}\n) as {alias} on true", row=Sql(text), alias=Sql(alias)
    )


def lock_sql(features: Sequence[Served], schema: str) -> str:
    """A statement that keeps tables from being exchanged until the transaction ends."""
    names = sorted({feature.name for feature in features})
    tables = ", ".join(table_name(schema, name) for name in names)
    return f"lock table {tables} in access share mode"


def table_name(schema: str, feature: str) -> Sql:
    """SQL name of a feature's table."""
    return Sql(f"{quoted(schema)}.{quoted(feature)}")


def _identity(features: Sequence[Served], schema: str) -> str:
    """One number for the tables of the statement; Postgres computes it when it plans."""
    terms = [
        f"{POSTGRES.text(table_name(schema, feature.name))}::regclass::oid::bigint"
        for feature in features
    ]
    text = terms[0]
    for term in terms[1:]:
        text = f"(({text} % {_IDENTITY_STEP}) * {_IDENTITY_STEP} + {term})"
    return text


def identity(oids: Sequence[int]) -> int:
    """The number that the statement gives for tables with these object ids.

    Examples:
        >>> identity([16400]), identity([1, 2]) == identity([2, 1])
        (16400, False)
    """
    found = oids[0]
    for oid in oids[1:]:
        found = (found % _IDENTITY_STEP) * _IDENTITY_STEP + oid
    return found


def value_sql(alias: str, column: JoinedColumn) -> str:
    """A value, or what it is where no row holds."""
    name = f"{alias}.{quoted(column.name)}"
    empty = empty_sql(column)
    return f"coalesce({name}, {empty})" if empty is not None else name


def empty_sql(column: JoinedColumn) -> str | None:
    """SQL of a column's value where no row holds; None where it is NULL."""
    value = column.default
    if value is None and column.zero:
        value = 0
    if value is None:
        return None
    text = POSTGRES.text(str(value).lower() if isinstance(value, bool) else str(value))
    return f"{text}::{type_name(column.type)}"
