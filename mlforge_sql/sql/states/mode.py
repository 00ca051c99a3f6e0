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
from mlforge_sql.expressions import column, identifier
from mlforge_sql.plan.nodes import Rolling, Series
from mlforge_sql.sql.query import NamedWindow, Step
from mlforge_sql.sql.rolling_names import over
from mlforge_sql.sql.states.best import Best
from mlforge_sql.sql.states.moves import enters, leaves, members
from mlforge_sql.types import BIGINT

_RANKS = 2**32
"""More than the different values of an entity: a score is a count and, below it, the rank of a value."""


def mode_steps(node: Rolling, series: Series, dialect: Dialect) -> Iterator[Step]:
    """The steps from ticked events to the most frequent values: of equally frequent ones the smallest."""
    return _Mode(node, series, dialect).steps()


class _Mode(Best):
    """The steps of one series."""

    def steps(self) -> Iterator[Step]:
        value, rank = self.own("value"), self.own("value_rank")
        by_value = exp.Window(
            this=func("dense_rank"),
            partition_by=columns(self.keys),
            order=exp.Order(expressions=[exp.Ordered(this=column(value), nulls_first=True)]),
        )
        yield Step(self.name("members"), members(self.node, self.series, self.dialect, value))
        ranked = select(*columns((*self.keys, self.node.tick, value)), aliased(by_value, rank))
        yield Step(
            self.name("ranked"),
            from_step(ranked, self.name("members")),
            "the smallest value of an entity has the rank 1",
        )
        valued = select(*columns((*self.keys, rank, value))).distinct(copy=False)
        yield Step(self.name("values"), from_step(valued, self.name("ranked")))
        yield self.moves()
        yield self.running()
        about = "a score is the number of times and, below it, how small the value is"
        yield from self.best_steps(self.name("counts"), about)

    @property
    def group(self) -> tuple[str, ...]:
        """One value of an entity in one window."""
        return (*self.keys, self.own("window_number"), self.own("value_rank"))

    def moves(self) -> Step:
        """How many more, or fewer, of a value are in a window from a tick on."""
        ranked = self.name("ranked")
        shift, sign = self.own("shift"), self.own("sign")
        tick = exp.Add(this=column(self.node.tick, ranked), expression=column(shift, "shifts"))
        total = func("sum", column(sign, "shifts"))
        query = select(
            *columns(self.keys, ranked),
            column(self.own("window_number"), "shifts"),
            column(self.own("value_rank"), ranked),
            aliased(tick, self.node.tick),
            aliased(total, self.own("more")),
        )
        rows = []
        for place, window in enumerate(self.windows):
            rows.append((place, enters(self.node, window), 1))
            leave = leaves(self.node, window)
            if leave is not None:
                rows.append((place, leave, -1))
        values = [exp.Tuple(expressions=[number(item) for item in row]) for row in rows]
        names = [identifier(item) for item in (self.own("window_number"), shift, sign)]
        alias = exp.TableAlias(this=identifier("shifts"), columns=names)
        join = exp.Join(this=exp.Values(expressions=values, alias=alias), kind="CROSS")
        query = from_step(query, ranked).join(join, copy=False)
        grouped = [
            *columns(self.keys, ranked),
            column(self.own("window_number"), "shifts"),
            column(self.own("value_rank"), ranked),
            exp.Add(this=column(self.node.tick, ranked), expression=column(shift, "shifts")),
        ]
        listed = ", ".join(f"{place} is {item.name}" for place, item in enumerate(self.windows))
        return Step(
            self.name("moves"),
            query.group_by(*grouped, copy=False),
            f"{self.own('window_number')}: {listed}",
        )

    def running(self) -> Step:
        so_far = "so_far"
        many = self.dialect.cast(over(func("sum", column(self.own("more"))), so_far), BIGINT)
        until = over(func("lead", column(self.node.tick)), so_far)
        query = select(
            *columns((*self.group, self.node.tick)),
            aliased(many, self.own("many")),
            aliased(until, self.own("until")),
        )
        window = NamedWindow(so_far, tuple(columns(self.group)), (column(self.node.tick),))
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
