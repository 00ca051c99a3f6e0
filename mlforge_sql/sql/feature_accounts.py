"""Accounts of features: every staged row is read, left out by ``where``, or counted as one that cannot count.

A row that counts is in a tile, which says how many it holds. Without tiles it makes rows of the feature begin, and
their instants are counted: there are as many as the table has rows.
"""

from __future__ import annotations

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import (
    aliased,
    all_of,
    columns,
    from_step,
    func,
    not_null,
    number,
    plus,
    ref,
    select,
    star_from,
    union,
)
from mlforge_sql.expressions import Expr, column
from mlforge_sql.plan.nodes import FeatureAccount
from mlforge_sql.sql.query import ModelQuery, Step

STAGED = "staged_rows"
BY_WHERE = "removed_by_where"
INPUT = "input_rows"
DROPPED = "without_key_or_time"
IN_TILES = "rows_in_tiles"
INSTANTS = "instants"
IN_TABLE = "rows_in_table"


def feature_account_query(node: FeatureAccount, dialect: Dialect) -> ModelQuery:
    """The SQL of an account: one row of numbers when they do not add up, else none."""
    read = [Step("staged", star_from(ref(node.staging))), Step("input", star_from(ref(node.input)))]
    counts = {STAGED: _count("staged"), BY_WHERE: number(0), INPUT: _count("input")}
    if node.where is not None:
        read.append(_unwanted(node.where, dialect))
        counts[BY_WHERE] = _count("unwanted")
    counts[DROPPED] = _without_key_or_time(node, dialect)
    if node.tiles is not None:
        read.append(Step("tiles", star_from(ref(node.tiles))))
        total = func("coalesce", func("sum", column(node.rows)), number(0))
        counts[IN_TILES] = exp.Subquery(this=from_step(select(total), "tiles"))
    else:
        read += [Step("held", star_from(ref(node.feature))), *_instants(node, dialect)]
        counts[INSTANTS] = _count("instants")
        counts[IN_TABLE] = _count("held")
    numbers = select(*(aliased(tree, name) for name, tree in counts.items()))
    return ModelQuery((*read, Step("counted", numbers), _final(node)))


def _unwanted(where: Expr, dialect: Dialect) -> Step:
    wanted = exp.Not(this=exp.Paren(this=dialect.expression(where)))
    query = from_step(select(exp.Star()), "staged")
    query = query.where(func("coalesce", wanted, exp.true()), copy=False)
    return Step("unwanted", query, "false or unknown: `where` keeps neither")


def _without_key_or_time(node: FeatureAccount, dialect: Dialect) -> exp.Expr:
    there = all_of(
        [
            *(not_null(item) for item in columns(node.keys)),
            dialect.is_instant(column(node.event_time)),
        ]
    )
    missing = func("coalesce", exp.Not(this=exp.Paren(this=there)), exp.true())
    query = from_step(select(exp.Count(this=exp.Star())), "input").where(missing, copy=False)
    return exp.Subquery(this=query)


def _instants(node: FeatureAccount, dialect: Dialect) -> list[Step]:
    """The instants at which events enter windows and leave them, of each entity."""
    keys = columns(node.keys)
    tick = dialect.tick(column(node.event_time), node.clock)
    ticked = from_step(select(*keys, aliased(tick, node.tick)), "input")
    there = all_of(not_null(item) for item in columns((*node.keys, node.tick)))
    shifted = [
        from_step(
            select(*columns(node.keys), aliased(plus(column(node.tick), shift), node.tick)),
            "ticked",
        ).where(there.copy(), copy=False)
        for shift in node.shifts
    ]
    instants = (
        union(shifted, distinct=True) if len(shifted) > 1 else shifted[0].distinct(copy=False)
    )
    about = "when events enter windows and leave them: so many rows has the feature"
    return [Step("ticked", ticked), Step("instants", instants, about)]


def _count(step: str) -> exp.Expr:
    return exp.Subquery(this=from_step(select(exp.Count(this=exp.Star())), step))


def _final(node: FeatureAccount) -> Step:
    read = exp.NEQ(
        this=column(STAGED), expression=exp.Add(this=column(INPUT), expression=column(BY_WHERE))
    )
    if node.tiles is not None:
        kept = exp.Add(this=column(IN_TILES), expression=column(DROPPED))
        lost = exp.NEQ(this=column(INPUT), expression=kept)
    else:
        lost = exp.NEQ(this=column(INSTANTS), expression=column(IN_TABLE))
    query = from_step(select(exp.Star()), "counted")
    return Step("final", query.where(exp.or_(read, lost, copy=False), copy=False), "they add up")
