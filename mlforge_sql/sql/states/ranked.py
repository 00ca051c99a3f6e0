"""Values by their ranks: what the steps of several states begin with.

The values of an entity are ranked, the smallest first, and a value is in a window some number of times:

| tick | value |      | tick | value_rank | more |      because, in a window of 2 ticks,
|------|-------|      |------|-----------:|-----:|
| 1    | b     |  ->  | 1    |          2 |   +1 |      b comes
| 2    | a     |      | 2    |          1 |   +1 |      a comes
|      |       |      | 3    |          2 |   -1 |      b leaves
|      |       |      | 4    |          1 |   -1 |      a leaves
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import aliased, columns, from_step, func, number, plus, select
from mlforge_sql.expressions import column, identifier
from mlforge_sql.plan.nodes import Rolling, Series
from mlforge_sql.sql.query import Step
from mlforge_sql.sql.rolling_names import free_name
from mlforge_sql.sql.states.moves import enters, keys_of, leaves, members, windows_of


class Ranked:
    """The steps of one series.

    Attributes:
        moved: The step with how many more of a value there are from a tick on.
    """

    moved = "moves"

    def __init__(self, node: Rolling, series: Series, dialect: Dialect) -> None:
        self.node = node
        self.series = series
        self.dialect = dialect
        self.keys = keys_of(node)
        self.windows = windows_of(node, series)

    def name(self, word: str) -> str:
        """Name of a step."""
        return f"{self.series.name}_{word}"

    def own(self, word: str) -> str:
        """Name of a column of ours."""
        return free_name(self.node, word)

    @property
    def numbered_windows(self) -> str:
        """Which window each number stands for, in words."""
        listed = ", ".join(f"{place} is {item.name}" for place, item in enumerate(self.windows))
        return f"{self.own('window_number')}: {listed}"

    @property
    def ranks(self) -> tuple[str, ...]:
        """One value of an entity in one window."""
        return (*self.keys, self.own("window_number"), self.own("value_rank"))

    def ranked_steps(self, first: int, *, double: bool = False) -> Iterator[Step]:
        """The values with their ranks, from the first one on, and each value once."""
        value, rank = self.own("value"), self.own("value_rank")
        by_value = exp.Window(
            this=func("dense_rank"),
            partition_by=columns(self.keys),
            order=exp.Order(expressions=[exp.Ordered(this=column(value), nulls_first=True)]),
        )
        found = members(self.node, self.series, self.dialect, value, double=double)
        yield Step(self.name("members"), found)
        ranking = by_value if first else plus(by_value, -1)
        ranked = select(*columns((*self.keys, self.node.tick, value)), aliased(ranking, rank))
        yield Step(
            self.name("ranked"),
            from_step(ranked, self.name("members")),
            f"the smallest value of an entity has the rank {first}",
        )
        valued = select(*columns((*self.keys, rank, value))).distinct(copy=False)
        yield Step(self.name("values"), from_step(valued, self.name("ranked")))

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
        return Step(
            self.name(self.moved),
            query.group_by(*grouped, copy=False),
            self.numbered_windows,
        )
