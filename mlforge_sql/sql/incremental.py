"""The same steps for a part of the rows: those that changed events can have changed.

A model says in three places what it reads and gives: what is imported is narrowed to what the rows look at,
and of ``final`` only the rows are taken. In a full build the macro says nothing in all three, so there is one text:

    {% set changed = mlforge_changed() %}

    with

    {{ changed.ranges }}

    tiles as (

        select * from {{ ref('int_payments__user_id__1d_tiles') }}{{ changed.tiles }}

    ),
    ...
    select * from final{{ changed.rows }}
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import star_from
from mlforge_sql.plan.nodes import Incremental
from mlforge_sql.sql.query import Call, ModelQuery, Step

_IMPORTS = ("events", "tiles")
"""Steps that import what is narrowed, where they are nothing but an import."""


def narrowed(query: ModelQuery, node: Incremental, dialect: Dialect) -> ModelQuery:
    """The SQL of a model that a build brings up to date.

    Args:
        query: The SQL of the whole model.
        node: The model.
        dialect: Where tables are rebuilt, there is no ledger, and the macros say nothing.
    """
    choice = query.choice
    if choice is not None:
        choice = replace(choice, steps=_narrowed(choice.steps), others=_narrowed(choice.others))
    return replace(
        query,
        steps=_narrowed(query.steps),
        depends_on=(*query.depends_on, *([node.ledger] if dialect.incremental else ())),
        choice=choice,
        setup="{% set changed = mlforge_changed() %}",
        opening="{{ changed.ranges }}",
        closing="{{ changed.rows }}",
    )


def _narrowed(steps: Iterable[Step | Call]) -> tuple[Step | Call, ...]:
    return tuple(_step(step) if isinstance(step, Step) else step for step in steps)


def _step(step: Step) -> Step:
    if step.name not in _IMPORTS or not isinstance(step.query, exp.Select):
        return step
    table = step.query.find(exp.Table)
    if table is None or not isinstance(table.this, exp.Var):
        return step  # made of other steps, not read
    text = f"{table.this.name}{{{{ changed.{step.name} }}}}"
    return replace(step, query=star_from(exp.Table(this=exp.Var(this=text))))
