"""The best of many step functions at every change point: each has a score while it lasts, and the largest is asked for.

The change points of an entity are numbered from 0. What lasts from one to another is cut into intervals that begin
and end at multiples of their lengths, which are 2^level: at most two of each level. Of every interval
only the best is kept, and a point asks for those that it is in, one of each level:

| points     | score |      | level | interval | best |      | point | asks for           |
|------------|------:|  ->  |-------|---------:|-----:|      |------:|--------------------|
| 1 up to 6  |     7 |      | 0     |        1 |    7 |      |     3 | (0, 3), (1, 1): 7  |
|            |       |      | 1     |        1 |    7 |      |     0 | (0, 0), (1, 0)     |
|            |       |      | 1     |        2 |    7 |      |       |                    |

That is n log n however many values there are, and no frame slides.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from mlforge_sql.dialects.trees import (
    aliased,
    all_of,
    columns,
    from_step,
    func,
    number,
    plus,
    select,
    union,
)
from mlforge_sql.expressions import column, identifier
from mlforge_sql.sql.query import Step
from mlforge_sql.sql.states.moves import (
    POINTS,
    columns_of,
    state_name,
)
from mlforge_sql.sql.states.ranked import Ranked


class Best(Ranked):
    """The steps of one series.

    Attributes:
        values: Step with the values of an entity by their ranks.
    """

    values = "values"

    def score(self, step: str) -> exp.Expr:
        """What is compared, of a row of a step."""
        return column(self.own("value_rank"), step)

    def rank(self, score: exp.Expr) -> exp.Expr:
        """The rank of the value that a score is of."""
        return score

    def condition(self, _step: str) -> exp.Expr | None:
        """Which rows of a step count; None for all."""
        return None

    def best_steps(self, step: str, comment: str | None) -> Iterator[Step]:
        """The steps from what lasts to the best at every change point.

        Args:
            step: Rows with a window's number, what a score is made of, and the ticks since which and until which
                it holds, the latter NULL for always.
            comment: What scores are.
        """
        yield self.numbered()
        yield self.lasting(step, comment)
        yield self.levelled()
        yield self.intervals()
        yield self.nodes()
        yield self.best()
        yield self.asked()
        yield self.found()
        yield self.result()

    def numbered(self) -> Step:
        """The change points of an entity, from 0, and how many there are."""
        place = exp.Window(
            this=exp.RowNumber(),
            partition_by=columns(self.keys),
            order=exp.Order(expressions=[column(self.node.tick)]),
        )
        many = exp.Window(this=exp.Count(this=exp.Star()), partition_by=columns(self.keys))
        query = select(
            *columns((*self.keys, self.node.tick)),
            aliased(plus(place, -1), self.own("point")),
            aliased(many, self.own("point_count")),
        )
        about = "the change points of an entity, numbered from 0"
        return Step(self.name("points"), from_step(query, POINTS), about)

    def lasting(self, step: str, comment: str | None) -> Step:
        """From which point on, and up to which, a value has a score."""
        points = self.name("points")
        ends = func(
            "coalesce",
            column(self.own("point"), "until_point"),
            column(self.own("point_count"), "since_point"),
        )
        query = select(
            *columns((*self.keys, self.own("window_number")), step),
            aliased(self.score(step), self.own("score")),
            aliased(column(self.own("point"), "since_point"), self.own("since")),
            aliased(ends, self.own("upto")),
        )
        since, until = column(self.node.tick, step), column(self.own("until"), step)
        query = from_step(query, step)
        query = query.join(self._point(points, "since_point", step, since, ""), copy=False)
        query = query.join(self._point(points, "until_point", step, until, "LEFT"), copy=False)
        condition = self.condition(step)
        if condition is not None:
            query = query.where(condition, copy=False)
        return Step(self.name("lasting"), query, comment)

    def _point(self, points: str, alias: str, step: str, tick: exp.Expr, side: str) -> exp.Join:
        on: list[exp.Expr] = [
            exp.EQ(this=column(key, alias), expression=column(key, step)) for key in self.keys
        ]
        on.append(exp.EQ(this=column(self.node.tick, alias), expression=tick))
        table = exp.Table(this=identifier(points), alias=exp.TableAlias(this=identifier(alias)))
        return exp.Join(
            this=table, side=side or None, kind=None if side else "INNER", on=all_of(on)
        )

    def _levels(self, step: str, most: exp.Expr) -> exp.Select:
        """The rows of a step with each level of intervals that are no longer than a number."""
        bits = func("length", func("bin", most))
        levels = aliased(self.dialect.each_below(bits), self.own("level"))
        return from_step(select(exp.Star(), levels), step)

    def levelled(self) -> Step:
        """What lasts, with each level that an interval in it can have."""
        lasts = exp.Sub(this=column(self.own("upto")), expression=column(self.own("since")))
        about = "an interval of a level is 2^level points long, and begins at a multiple of that"
        return Step(self.name("levels"), self._levels(self.name("lasting"), lasts), about)

    def intervals(self) -> Step:
        """Of each level, the first whole interval of what lasts, and the one after the last."""
        level, since, upto = (column(self.own(word)) for word in ("level", "since", "upto"))
        before = exp.BitwiseRightShift(this=exp.Paren(this=plus(since, -1)), expression=level)
        after = exp.BitwiseRightShift(this=upto, expression=level.copy())
        query = select(
            *columns((*self.keys, self.own("window_number"), self.own("score"), self.own("level"))),
            aliased(plus(exp.Paren(this=before), 1), self.own("first_whole")),
            aliased(after, self.own("after_whole")),
        )
        about = "of each level, the first interval that is all of what lasts, and the one after the last"
        return Step(self.name("cut"), from_step(query, self.name("levels")), about)

    def nodes(self) -> Step:
        """The intervals that together are what lasts: those that are no half of a larger one."""
        first, after = self.own("first_whole"), self.own("after_whole")
        kept = (*self.keys, self.own("window_number"), self.own("level"), self.own("score"))
        some = exp.LT(this=column(first), expression=column(after))

        def odd(name: str) -> exp.Expr:
            return exp.EQ(
                this=exp.Mod(this=column(name), expression=number(2)), expression=number(1)
            )

        queries = [
            from_step(
                select(*columns(kept), aliased(tree, self.own("interval_number"))), self.name("cut")
            ).where(some.copy(), odd(name), copy=False)
            for name, tree in ((first, column(first)), (after, plus(column(after), -1)))
        ]
        about = "at either end, an interval that is no half of a larger one inside"
        return Step(self.name("intervals"), union(queries, distinct=False), about)

    def best(self) -> Step:
        """The largest score of each interval."""
        group = (
            *self.keys,
            self.own("window_number"),
            self.own("level"),
            self.own("interval_number"),
        )
        largest = aliased(func("max", column(self.own("score"))), self.own("score"))
        query = from_step(select(*columns(group), largest), self.name("intervals"))
        return Step(self.name("best"), query.group_by(*columns(group), copy=False))

    def asked(self) -> Step:
        """Every point with each level that an interval can have."""
        query = self._levels(self.name("points"), column(self.own("point_count")))
        return Step(self.name("asked"), query, "a point is in one interval of each level")

    def found(self) -> Step:
        """The best of all intervals that a point is in, for each window."""
        asked, best = self.name("asked"), self.name("best")
        group = (*self.keys, self.node.tick)
        tops = [
            aliased(func("max", self._of(place, best)), self._top(place))
            for place in range(len(self.windows))
        ]
        level = column(self.own("level"), asked)
        place = exp.BitwiseRightShift(this=column(self.own("point"), asked), expression=level)
        on: list[exp.Expr] = [
            exp.EQ(this=column(key, best), expression=column(key, asked)) for key in self.keys
        ]
        on.append(exp.EQ(this=column(self.own("level"), best), expression=level.copy()))
        on.append(exp.EQ(this=column(self.own("interval_number"), best), expression=place))
        join = exp.Join(this=exp.Table(this=identifier(best)), side="LEFT", on=all_of(on))
        query = from_step(select(*columns(group, asked), *tops), asked).join(join, copy=False)
        return Step(self.name("tops"), query.group_by(*columns(group, asked), copy=False))

    def _of(self, place: int, best: str) -> exp.Expr:
        number_of = column(self.own("window_number"), best)
        there = exp.EQ(this=number_of, expression=number(place))
        return exp.Case(ifs=[exp.If(this=there, true=column(self.own("score"), best))])

    def _top(self, place: int) -> str:
        return self.name(f"top{self.windows[place].suffix}")

    def result(self) -> Step:
        """The values that the scores are of."""
        tops, values = self.name("tops"), self.name(self.values)
        query = from_step(select(*columns((*self.keys, self.node.tick), tops)), tops)
        for item in columns_of(self.node, self.series):
            name = state_name(item)
            table = f"of_{name}"
            rank = self.rank(column(self._top(self.windows.index(item.window)), tops))
            on: list[exp.Expr] = [
                exp.EQ(this=column(key, table), expression=column(key, tops)) for key in self.keys
            ]
            on.append(exp.EQ(this=column(self.own("value_rank"), table), expression=rank))
            source = exp.Table(
                this=identifier(values), alias=exp.TableAlias(this=identifier(table))
            )
            query = query.select(aliased(column(self.own("value"), table), name), copy=False)
            query = query.join(exp.Join(this=source, side="LEFT", on=all_of(on)), copy=False)
        return Step(self.name("found"), query)
