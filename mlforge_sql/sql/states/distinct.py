"""How many different values a window holds: a running total of values that come and go.

Of a window of 3 ticks, and of one value:

| tick | value |      | tick | change | because                                   |
|------|-------|      |------|-------:|-------------------------------------------|
| 1    | a     |  ->  | 1    |     +1 | it was not there in the 3 ticks before    |
| 2    | a     |      | 5    |     -1 | the value of tick 2 leaves: no other came |
| 9    | a     |      | 9    |     +1 |                                           |

What leaves and comes at one tick does both: the total is the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import aliased, columns, from_step, func, number, plus, select
from mlforge_sql.expressions import column
from mlforge_sql.plan.nodes import Rolling, Series
from mlforge_sql.sql.query import NamedWindow, Step
from mlforge_sql.sql.rolling_names import free_name, over
from mlforge_sql.sql.states.moves import (
    at_shift,
    columns_of,
    enters,
    keys_of,
    leaves,
    members,
    state_name,
    totals,
)

_VALUE = "of_value"


def distinct_steps(node: Rolling, series: Series, dialect: Dialect) -> Iterator[Step]:
    """The steps from ticked events to the numbers of different values."""
    value, before, after = (free_name(node, word) for word in ("value", "before", "after"))
    seen, near = f"{series.name}_seen", f"{series.name}_near"
    yield Step(seen, members(node, series, dialect, value).distinct(copy=False))
    tick = column(node.tick)
    neighbours = select(
        *columns((*keys_of(node), node.tick)),
        aliased(over(func("lag", tick), _VALUE), before),
        aliased(over(func("lead", tick.copy()), _VALUE), after),
    )
    window = NamedWindow(_VALUE, tuple(columns((*keys_of(node), value))), (tick.copy(),))
    about = "of each value, when it was there before, and when it is there again"
    yield Step(near, from_step(neighbours, seen), about, (window,))

    def moves() -> Iterator[tuple[str, exp.Expr]]:
        for item in columns_of(node, series):
            enter, leave = enters(node, item.window), leaves(node, item.window)
            is_first = exp.Is(this=column(before, near), expression=exp.Null())
            if leave is None:
                yield state_name(item), exp.Case(ifs=[at_shift(node, enter, number(1), is_first)])
                continue
            long_ago = exp.LTE(
                this=plus(column(before, near), leave - enter), expression=column(node.tick, near)
            )
            later = exp.GTE(
                this=column(after, near), expression=plus(column(node.tick, near), leave - enter)
            )
            is_last = exp.Is(this=column(after, near), expression=exp.Null())
            is_new = exp.Paren(this=exp.or_(is_first, long_ago, copy=False))
            is_gone = exp.Paren(this=exp.or_(is_last, later, copy=False))
            ifs = [
                at_shift(node, enter, number(1), is_new),
                at_shift(node, leave, number(-1), is_gone),
            ]
            yield state_name(item), exp.Case(ifs=ifs)

    yield from totals(node, series, moves, near, dialect)
