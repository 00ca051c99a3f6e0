"""The most frequent value of a window: of equally frequent ones the smallest.

How often a value is in a window is a step function, and so is whether it is. The best of all is asked for at every
change point: see ``best.py``.

| tick | value |      | tick | value | many | until |
|------|-------|      |------|-------|-----:|-------|
| 1    | b     |  ->  | 1    | b     |    1 | 3     |
| 2    | a     |      | 2    | a     |    1 | never |
| 3    | b     |      | 3    | b     |    2 | never |
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import aliased, columns, from_step, func, number, select
from mlforge_sql.expressions import column
from mlforge_sql.plan.nodes import Rolling, Series
from mlforge_sql.sql.query import NamedWindow, Step
from mlforge_sql.sql.rolling_names import over
from mlforge_sql.sql.states.best import Best
from mlforge_sql.types import BIGINT

_RANKS = 2**32
"""More than the different values of an entity: a score is a count and, below it, the rank of a value."""


def mode_steps(node: Rolling, series: Series, dialect: Dialect) -> Iterator[Step]:
    """The steps from ticked events to the most frequent values: of equally frequent ones the smallest."""
    return _Mode(node, series, dialect).steps()


class _Mode(Best):
    """The steps of one series."""

    def steps(self) -> Iterator[Step]:
        """All of them."""
        yield from self.ranked_steps(1)
        yield self.moves()
        yield self.running()
        about = "a score is the number of times and, below it, how small the value is"
        yield from self.best_steps(self.name("counts"), about)

    def running(self) -> Step:
        so_far = "so_far"
        many = self.dialect.cast(over(func("sum", column(self.own("more"))), so_far), BIGINT)
        until = over(func("lead", column(self.node.tick)), so_far)
        query = select(
            *columns((*self.ranks, self.node.tick)),
            aliased(many, self.own("many")),
            aliased(until, self.own("until")),
        )
        window = NamedWindow(so_far, tuple(columns(self.ranks)), (column(self.node.tick),))
        about = "how many times a value is in a window, and until when"
        return Step(self.name("counts"), from_step(query, self.name("moves")), about, (window,))

    def condition(self, step: str) -> exp.Expr:
        """That a value is there at all."""
        return exp.GT(this=column(self.own("many"), step), expression=number(0))

    def score(self, step: str) -> exp.Expr:
        """The number of times and, below it, how small the value is."""
        times = exp.Mul(this=column(self.own("many"), step), expression=number(_RANKS))
        most = exp.Add(this=times, expression=number(_RANKS - 1))
        return exp.Sub(this=most, expression=column(self.own("value_rank"), step))

    def rank(self, score: exp.Expr) -> exp.Expr:
        """The rank below a number of times."""
        below = exp.Mod(this=score, expression=number(_RANKS))
        return exp.Sub(this=number(_RANKS - 1), expression=below)
