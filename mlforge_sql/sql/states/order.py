"""Percentiles of a window: values by their place in the order of their size.

Of ``n`` values, a percentile ``p`` is that at the place ``p * (n - 1)``, counted from 0; between two places, what lies
as far between their values. Engines that keep sliding frames up to date have a function for it. Elsewhere no frame may
slide: there each change point asks for two values by their places, and finds their ranks digit by digit. How many
values of a window have a rank that begins in some way is a running total.

| tick | value | rank |      | tick | place | first digit        | rank | value |
|------|-------|-----:|      |------|------:|--------------------|-----:|-------|
| 1    | 20    |    1 |  ->  | 3    |     1 | 0: 3 values, so 0  |    1 | 20    |
| 2    | 10    |    0 |
| 3    | 30    |    2 |
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import (
    aliased,
    all_of,
    columns,
    from_step,
    func,
    jinja_string,
    number,
    plus,
    select,
    union,
)
from mlforge_sql.expressions import column, identifier
from mlforge_sql.functions.parameters import written
from mlforge_sql.plan.nodes import Rolling, RollingColumn, Series, Window
from mlforge_sql.sql.frames import window_frame
from mlforge_sql.sql.query import Call, Step
from mlforge_sql.sql.rolling_names import FLAG, over
from mlforge_sql.sql.states.moves import (
    POINTS,
    at_shift,
    columns_of,
    enters,
    joined_by,
    leaves,
    members,
    state_name,
    totals,
)
from mlforge_sql.sql.states.ranked import Ranked
from mlforge_sql.types import BIGINT, DOUBLE

_LEVELS = 6
"""Digits of a rank in base 32: no entity has more than a billion different values."""


def order_steps(node: Rolling, series: Series, dialect: Dialect) -> Iterator[Step | Call]:
    """The steps from ticked events to percentiles."""
    made = _Order(node, series, dialect)
    return made.framed() if slides(dialect) else made.steps()


def slides(dialect: Dialect) -> bool:
    """Whether percentiles are read in frames that slide."""
    return dialect.slides


def _share(item: RollingColumn) -> Decimal:
    if item.share is None:
        raise TypeError(item.name)
    return item.share


class _Order(Ranked):
    """The steps of one series."""

    moved = "rank_moves"

    @property
    def items(self) -> list[RollingColumn]:
        """The columns, each value once."""
        return columns_of(self.node, self.series)

    # Where frames slide

    def framed(self) -> Iterator[Step]:
        """Every change point looks at the events in its window."""
        value = self.own("value")
        keys = (*self.keys, self.node.tick)
        nothing = aliased(self.dialect.cast(exp.Null(), DOUBLE), value)
        points = from_step(select(*columns(keys), aliased(exp.true(), FLAG), nothing), POINTS)
        found = members(self.node, self.series, self.dialect, value, double=True)
        yield Step(self.name("members"), found)
        events = select(*columns(keys), aliased(exp.false(), FLAG), column(value))
        events = from_step(events, self.name("members"))
        yield Step(self.name("observed"), union([points, events], distinct=False))
        framed = [
            aliased(
                over(self.dialect.percentile(column(value), _share(item)), item.window.name),
                state_name(item),
            )
            for item in self.items
        ]
        windows = tuple(window_frame(self.node, window) for window in self.windows)
        query = from_step(select(*columns((*keys, FLAG)), *framed), self.name("observed"))
        about = "each change point looks at the values in its windows"
        yield Step(self.name("framed"), query, about, windows)
        query = select(*columns((*keys, *(state_name(item) for item in self.items))))
        query = from_step(query, self.name("framed")).where(column(FLAG), copy=False)
        yield Step(self.name("percentiles"), query)

    # Where they do not

    def steps(self) -> Iterator[Step | Call]:
        """Every change point asks for two values of each window."""
        yield from self.ranked_steps(0, double=True)
        yield self.moves()
        yield from self.sizes()
        yield self.asked()
        yield self.digits()
        yield self.answers()
        yield self.between()

    def sizes(self) -> Iterator[Step]:
        """How many values each window has."""
        many, count = self.name("many"), self.own("events")
        group = (*self.keys, self.node.tick)
        grouped = select(*columns(group), aliased(exp.Count(this=exp.Star()), count))
        query = from_step(grouped, self.name("ranked"))
        yield Step(many, query.group_by(*columns(group), copy=False))

        def moved() -> Iterator[tuple[str, exp.Expr]]:
            for window in self.windows:
                events = column(count, many)
                ifs = [at_shift(self.node, enters(self.node, window), events)]
                leave = leaves(self.node, window)
                if leave is not None:
                    ifs.append(at_shift(self.node, leave, exp.Neg(this=events.copy())))
                yield self.size(window), exp.Case(ifs=ifs)

        yield from totals(self.node, self.series, moved, many, self.dialect)

    def size(self, window: Window) -> str:
        """Column: how many values a window has."""
        return self.name(f"size{window.suffix}")

    def place(self, item: RollingColumn) -> exp.Expr:
        """The place of a percentile, maybe between two."""
        share = self.dialect.cast(exp.Literal.number(written(_share(item))), DOUBLE)
        last = exp.Paren(this=plus(column(self.size(item.window)), -1))
        return exp.Mul(this=share, expression=last)

    def asked(self) -> Step:
        """Two questions for each percentile: the values before its place and after it."""
        rows = []
        for index, item in enumerate(self.items):
            size = column(self.size(item.window))
            before = self.dialect.cast(func("floor", self.place(item)), BIGINT)
            after = func("least", plus(before.copy(), 1), plus(size, -1))
            some = exp.GT(this=size.copy(), expression=number(0))
            for question, place in ((2 * index, before), (2 * index + 1, after)):
                row = select(
                    *columns(self.keys),
                    aliased(number(self.windows.index(item.window)), self.own("window_number")),
                    column(self.node.tick),
                    aliased(number(question), self.name("question")),
                    aliased(number(0), self.name("begins")),
                    aliased(place, self.name("place")),
                )
                rows.append(from_step(row, self.name("totals")).where(some.copy(), copy=False))
        about = "which of the values of a window, in the order of their size and counted from 0, are asked for"
        return Step(self.name("asked"), union(rows, distinct=False), about)

    def digits(self) -> Call:
        """Their ranks, digit by digit."""
        named = {
            "of": self.series.name,
            "moves": self.name(self.moved),
            "rank": self.own("value_rank"),
            "more": self.own("more"),
            "window": self.own("window_number"),
            "tick": self.node.tick,
        }
        listed = [f"'{word}': {jinja_string(name)}" for word, name in named.items()]
        listed.append(f"'keys': [{', '.join(map(jinja_string, self.keys))}]")
        separator = ",\n    "
        setup = f"{{% set ranks = {{\n    {separator.join(listed)},\n}} %}}"
        lines, read = [], self.name("asked")
        for level in reversed(range(_LEVELS)):
            lines.append(
                f"{{{{ mlforge_rank_digit({level}, read={jinja_string(read)}, ranks=ranks) }}}}"
            )
            read = self.name(f"found_{level}")
        about = (
            "the ranks of those values, digit by digit in base 32: how many values of a window have ranks that begin in"
            "\nsome way are running totals, so that no frame slides"
        )
        return Call(tuple(lines), (setup,), about)

    def answers(self) -> Step:
        """The values of those ranks, a column for each question."""
        found, values = self.name("found_0"), self.name("values")
        question = column(self.name("question"), found)
        answers = []
        for index in range(2 * len(self.items)):
            is_it = exp.EQ(this=question.copy(), expression=number(index))
            value = exp.Case(ifs=[exp.If(this=is_it, true=column(self.own("value"), values))])
            answers.append(aliased(func("max", value), self.answer(index)))
        on: list[exp.Expr] = [
            exp.EQ(this=column(key, values), expression=column(key, found)) for key in self.keys
        ]
        rank = column(self.own("value_rank"), values)
        on.append(exp.EQ(this=rank, expression=column(self.name("begins"), found)))
        group = columns((*self.keys, self.node.tick), found)
        query = from_step(select(*group, *answers), found)
        table = exp.Table(this=identifier(values))
        query = query.join(exp.Join(this=table, kind="INNER", on=all_of(on)), copy=False)
        again = columns((*self.keys, self.node.tick), found)
        return Step(self.name("answers"), query.group_by(*again, copy=False))

    def answer(self, question: int) -> str:
        """Column with the answer to a question."""
        return self.name(f"answer_{question}")

    def between(self) -> Step:
        """The percentiles: between the values at two places."""
        found = []
        for index, item in enumerate(self.items):
            low, high = (column(self.answer(2 * index + which)) for which in (0, 1))
            place = self.place(item)
            rest = exp.Paren(this=exp.Sub(this=place, expression=func("floor", place.copy())))
            same = exp.or_(
                exp.EQ(this=low, expression=high),
                exp.EQ(this=rest, expression=number(0)),
                copy=False,
            )
            other = exp.Paren(this=exp.Sub(this=number(1), expression=rest.copy()))
            value = exp.Add(
                this=exp.Mul(this=low.copy(), expression=other),
                expression=exp.Mul(this=high.copy(), expression=rest.copy()),
            )
            case = exp.Case(ifs=[exp.If(this=same, true=low.copy())], default=value)
            found.append(aliased(case, state_name(item)))
        query = select(*columns((*self.keys, self.node.tick)), *found)
        query = from_step(query, self.name("totals"))
        query = query.join(joined_by(self.node, self.name("answers")), copy=False)
        about = "between two values, as far as the place is between theirs"
        return Step(self.name("percentiles"), query, about)
