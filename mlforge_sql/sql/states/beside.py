"""The value beside the largest or the smallest of another column: of equal ones the later event's.

Events are ranked by that column, and by their order where it is equal: the one with the largest rank in a window is
asked for, see ``best.py``. For the largest of ``by``, in a window of 2 ticks:

| tick | value | by |      | tick | value_rank | until |      | tick | of the window |
|------|-------|---:|      |------|-----------:|-------|      |------|---------------|
| 1    | a     |  7 |  ->  | 1    |          2 | 3     |  ->  | 1    | a             |
| 2    | b     |  5 |      | 2    |          1 | 4     |      | 2    | a             |
|      |       |    |      |      |            |       |      | 3    | b             |
|      |       |    |      |      |            |       |      | 4    | NULL          |
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import aliased, columns, from_step, number, select
from mlforge_sql.expressions import column, identifier
from mlforge_sql.plan.nodes import Rolling, Series
from mlforge_sql.sql.query import Step
from mlforge_sql.sql.states.best import Best
from mlforge_sql.sql.states.moves import enters, leaves, members
from mlforge_sql.sql.states.places import event_order
from mlforge_sql.types import BIGINT


def beside_steps(node: Rolling, series: Series, dialect: Dialect) -> Iterator[Step]:
    """The steps from ticked events to the values beside the largest, or the smallest, of another column."""
    return _Beside(node, series, dialect).steps()


class _Beside(Best):
    """The steps of one series."""

    values = "ranked"

    def steps(self) -> Iterator[Step]:
        """All of them."""
        yield self.ranked()
        yield self.held()
        yield from self.best_steps(self.name("held"), None)

    def ranked(self) -> Step:
        """The events in the order of the other column."""
        by = self.dialect.one_zero(self._by(), self.series.by_type or self.series.type)
        down = not self.series.last
        first = exp.Ordered(this=by, desc=down, nulls_first=not down)
        rank = exp.Window(
            this=exp.RowNumber(),
            partition_by=columns(self.keys),
            order=exp.Order(expressions=[first, *event_order(self.node)]),
        )
        query = members(self.node, self.series, self.dialect, self.own("value"))
        query = query.select(aliased(rank, self.own("value_rank")), copy=False)
        end = "largest" if self.series.last else "smallest"
        about = f"the {end} has the largest rank; of equal ones the later event"
        return Step(self.name("ranked"), query, about)

    def _by(self) -> exp.Expr:
        if self.series.by is None:
            raise TypeError(self.series.name)
        return self.dialect.expression(self.series.by)

    def held(self) -> Step:
        """Since when and until when an event is in each window."""
        ranked = self.name("ranked")
        tick = column(self.node.tick, ranked)
        enter, leave = self.own("enters"), self.own("leaves")
        query = select(
            *columns((*self.keys, self.own("value_rank")), ranked),
            column(self.own("window_number"), "shifts"),
            aliased(exp.Add(this=tick, expression=column(enter, "shifts")), self.node.tick),
            aliased(
                exp.Add(this=tick.copy(), expression=column(leave, "shifts")), self.own("until")
            ),
        )
        rows = []
        for place, window in enumerate(self.windows):
            end = leaves(self.node, window)
            never = self.dialect.cast(exp.Null(), BIGINT)
            row = [number(place), number(enters(self.node, window))]
            rows.append(exp.Tuple(expressions=[*row, never if end is None else number(end)]))
        names = [identifier(item) for item in (self.own("window_number"), enter, leave)]
        alias = exp.TableAlias(this=identifier("shifts"), columns=names)
        join = exp.Join(this=exp.Values(expressions=rows, alias=alias), kind="CROSS")
        return Step(
            self.name("held"),
            from_step(query, ranked).join(join, copy=False),
            self.numbered_windows,
        )
