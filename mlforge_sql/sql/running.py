"""Windows as running totals and blocks, for engines that compute every sliding frame from scratch.

Spark keeps a frame up to date only when it grows. A frame that slides is read anew for every row,
so one busy entity takes quadratic time. Here every frame grows:

* what is exact (counts, sums of integers and decimals, and the std of those) is a running total: added at the tick at
  which a tile enters the window, taken off at the tick at which it leaves,
* everything else (doubles, min, max) is never taken off, because that costs digits or cannot
  be done. Time is cut into blocks of the window's length: a window that ends in a block holds that
  block from its beginning, and the block before to its end (van Herk 1992; Gil and Werman 1993).

A window of 3 that ends at tick 7 holds the ticks 5 to 7; with blocks of 3 it is read as

| block before: 3 4 5 | block of the window's end: 6 7 8 |
|---------------------|----------------------------------|
| 5, backwards        | 6 and 7, forward                 |

All windows are partitioned by the keys, or by the keys and a block: one shuffle serves them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import (
    aliased,
    columns,
    descending,
    from_step,
    func,
    not_null,
    number,
    only_when,
    select,
    union,
)
from mlforge_sql.expressions import column
from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.plan.nodes import Measure, Rolling, Window
from mlforge_sql.sql.overflow import had_infinite, infinite_name, may_overflow
from mlforge_sql.sql.query import NamedWindow, Step
from mlforge_sql.sql.rolling_names import FLAG, free_name, new_window, old_window, over, over_name
from mlforge_sql.sql.running_moments import Moments
from mlforge_sql.sql.tiles import AGAIN, addend, countable, fitting
from mlforge_sql.types import DOUBLE, ColumnType, Kind

SO_FAR = "so_far"


def running_steps(node: Rolling, dialect: Dialect) -> list[Step]:
    """The steps from tiles, or from ticked events where there are none, to windowed values."""
    return list(_Running(node, dialect).steps())


@dataclass(frozen=True, slots=True)
class _Running:
    """The steps of one feature."""

    node: Rolling
    dialect: Dialect

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.node.keys)

    @property
    def used(self) -> list[tuple[Measure, Window]]:
        """Every measure over every window that a column needs, each once."""
        found = ((measure, item.window) for item in self.node.columns for measure in item.measures)
        return list(dict.fromkeys(found))

    @property
    def exact(self) -> list[tuple[Measure, Window]]:
        return [(measure, window) for measure, window in self.used if _is_exact(measure)]

    @property
    def blocked(self) -> list[tuple[Measure, Window]]:
        return [(measure, window) for measure, window in self.used if not _is_exact(measure)]

    @property
    def moments(self) -> Moments:
        return Moments(self.node, self.dialect)

    @property
    def block_windows(self) -> tuple[Window, ...]:
        """The windows that are read in blocks, or from the beginning of time."""
        measured = [window for _, window in self.blocked]
        return tuple(dict.fromkeys([*measured, *self.moments.windows]))

    @property
    def carried(self) -> list[str]:
        """Columns of tiles that are read in blocks."""
        return list(dict.fromkeys(measure.name for measure, _ in self.blocked))

    @property
    def results(self) -> list[str]:
        """Columns of exact measures over windows, and of what else is known of a row."""
        infinite = [infinite_name(self.node)] if may_overflow(self.node) else []
        return [*(over_name(measure.name, window) for measure, window in self.exact), *infinite]

    @property
    def shift(self) -> str:
        """Column: how many ticks after a tile's own the row is; NULL for the tile itself."""
        return free_name(self.node, "shift")

    @property
    def next_tick(self) -> str:
        return free_name(self.node, "next_tick")

    def steps(self) -> Iterator[Step]:
        yield self.shifted()
        yield self.timeline()
        yield self.running()
        if not self.block_windows:
            yield self.change_points()
            return
        yield self.blocks()
        yield self.read()
        yield self.both("joined" if self.moments.windows else "windowed")
        if self.moments.windows:
            yield self.spread()

    # Rows: tiles, and the moments at which they enter and leave windows

    def shifted(self) -> Step:
        """Every tile once for each shift, and once as itself where blocks are read."""
        marks: list[exp.Expr] = [number(shift) for shift in self.node.shifts]
        marks = [exp.Null(), *marks] if self.block_windows else marks
        shifts = aliased(func("explode", func("array", *marks)), self.shift)
        keys = (*self.keys, self.node.tick)
        observed = self.moments.observed()
        if self.node.tiles is None:
            measures = [aliased(self._of_event(item), item.name) for item in self.node.measures]
            query = from_step(select(*columns(keys), *measures, *observed, shifts), "ticked")
            query = query.where(countable(keys), copy=False)
            return Step("shifted", query, self._about("an event"))
        measures = columns(item.name for item in self.node.measures)
        nothing = [self._nothing(item.name, DOUBLE) for item in self.node.observations]
        tiles = from_step(select(*columns(keys), *measures, *nothing, shifts), "tiles")
        if not observed:
            return Step("shifted", tiles, self._about("a tile"))
        none = [self._nothing(item.name, item.type) for item in self.node.measures]
        events = select(*columns(keys), *none, *observed, aliased(exp.Null(), self.shift))
        events = from_step(events, "ticked").where(countable(keys), copy=False)
        about = (
            self._about("a tile") + "\nstd and variance of doubles look at the events themselves"
        )
        return Step("shifted", union([tiles, events], distinct=False), about)

    def _about(self, what: str) -> str:
        text = f"{self.shift}: how many ticks later {what} enters a window or leaves it"
        return f"{text}; null for {what} itself" if self.block_windows else text

    def _nothing(self, name: str, kind: ColumnType) -> exp.Expr:
        return aliased(self.dialect.cast(exp.Null(), kind), name)

    def _of_event(self, measure: Measure) -> exp.Expr:
        """A measure of a single event."""
        where = self.dialect.expression(measure.where) if measure.where else None
        one = exp.Literal.number(1)
        if measure.value is None:
            return only_when(one, where)
        value = self.dialect.expression(measure.value)
        match measure.kind:
            case MeasureKind.COUNT | MeasureKind.ROWS:
                there = not_null(value)
                return only_when(one, exp.and_(where, there, copy=False) if where else there)
            case MeasureKind.MIN | MeasureKind.MAX:
                return only_when(value, where)
        value = addend(measure, value, self.dialect)
        value = fitting(measure, self.node, value, self.dialect)
        if measure.type.family is not Kind.FLOAT:
            value = self.dialect.cast(value, measure.type)
        return only_when(value, where)

    def timeline(self) -> Step:
        shift: exp.Expr = column(self.shift)
        if self.block_windows:
            shift = func("coalesce", shift, exp.Literal.number(0))
        tick = exp.Add(this=column(self.node.tick), expression=shift)
        measures = [*(item.name for item in self.node.measures), *self.moments.names]
        rest = columns((self.shift, *measures))
        query = select(*columns(self.keys), aliased(tick, self.node.tick), *rest)
        return Step("timeline", from_step(query, "shifted"))

    # What is exact: running totals

    def running(self) -> Step:
        kept = [*self.keys, self.node.tick, self.shift, *self.carried, *self.moments.names]
        totals = [
            aliased(self._total(*pair), over_name(pair[0].name, pair[1])) for pair in self.exact
        ]
        after = over(func("lead", column(self.node.tick)), SO_FAR)
        order: list[exp.Expr] = [column(self.node.tick)]
        if self.block_windows:
            order.append(not_null(column(self.shift)))
        keys = tuple(columns(self.keys))
        windows = (NamedWindow(SO_FAR, keys, tuple(order)),)
        about = "exact numbers are added when they enter a window and taken off when they leave it"
        comment = about if totals else None
        if may_overflow(self.node):
            infinite = over(had_infinite(self.node, self.dialect, merged=False), SO_FAR)
            totals.append(aliased(infinite, infinite_name(self.node)))
        query = select(*columns(kept), *totals, aliased(after, self.next_tick))
        return Step("running", from_step(query, "timeline"), comment, windows)

    def _total(self, measure: Measure, window: Window) -> exp.Expr:
        """The sum of what is in the window now; NULL where nothing is."""
        value = column(measure.name)
        opposite = self.dialect.opposite(column(measure.name), measure.type)
        total = over(func("sum", self._signed(value, opposite, window)), SO_FAR)
        if measure.kind in {MeasureKind.ROWS, MeasureKind.COUNT}:
            return total
        one = self._signed(number(1), number(-1), window)
        present = only_when(one, not_null(column(measure.name)))
        some = exp.GT(this=over(func("sum", present), SO_FAR), expression=number(0))
        return only_when(total, some)

    def _signed(self, value: exp.Expr, opposite: exp.Expr, window: Window) -> exp.Expr:
        """The value at the shift at which it enters the window, and its opposite where it leaves."""
        enters = self.node.clock.ticks(window.offset)
        ifs = [exp.If(this=number(enters), true=value)]
        if window.length is not None:
            leaves = enters + self.node.clock.ticks(window.length)
            ifs.append(exp.If(this=number(leaves), true=opposite))
        return exp.Case(this=column(self.shift), ifs=ifs)

    def _is_last(self) -> exp.Expr:
        """Whether a row is the last one of its tick."""
        return exp.NullSafeNEQ(this=column(self.next_tick), expression=column(self.node.tick))

    def change_points(self) -> Step:
        query = select(*columns((*self.keys, self.node.tick, *self.results)))
        query = from_step(query, "running").where(self._is_last(), copy=False)
        return Step(
            "windowed", query, "of several changes at one tick, the last one knows them all"
        )

    # Everything else: blocks

    def blocks(self) -> Step:
        itself = exp.Is(this=column(self.shift), expression=exp.Null())
        values = [
            aliased(only_when(column(name), itself.copy()), name)
            for name in (*self.carried, *self.moments.names)
        ]
        query = select(
            *columns((*self.keys, self.node.tick)),
            aliased(not_null(column(self.shift)), FLAG),
            *columns(self.results),
            *values,
            *(tree for window in self.block_windows for tree in self._places(window)),
        )
        query = from_step(query, "running")
        query = query.where(exp.or_(itself, self._is_last(), copy=False), copy=False)
        lines = [self._block_comment(window) for window in self.block_windows if window.length]
        return Step("blocks", query, "\n".join(lines) or None)

    def _block_comment(self, window: Window) -> str:
        interval = self.node.clock.interval
        ticks = self.node.clock.ticks(window.length) if window.length else 0
        unit = f"tick{'' if ticks == 1 else 's'} of {interval}" if interval else "microseconds"
        return (
            f"{self._block(window)}: time in blocks of {window.length}, {ticks} {unit}; the window is this block up to"
            f"\n    here, and the block before it from {self._since(window)} on"
        )

    def _at(self, window: Window) -> exp.Expr:
        """The tick that the window ends at: earlier by its offset, but for the tile itself."""
        offset = self.node.clock.ticks(window.offset)
        return self._minus(column(self.node.tick), offset)

    def _minus(self, tree: exp.Expr, ticks: int) -> exp.Expr:
        """Less by some ticks where the row is a moment, as it is where it is a tile."""
        if ticks == 0:
            return tree
        moment = not_null(column(self.shift))
        less = exp.Case(ifs=[exp.If(this=moment, true=number(ticks))], default=number(0))
        return exp.Sub(this=tree, expression=less)

    def _places(self, window: Window) -> Iterator[exp.Expr]:
        """Where a row is in the blocks of a window."""
        if window.offset.microseconds:
            yield aliased(self._at(window), self._end(window))
        if window.length is None:
            return
        ticks = self.node.clock.ticks(window.length)
        rest = func("pmod", self._at(window), number(ticks))
        start = exp.Sub(this=self._at(window), expression=rest)
        yield aliased(start, self._block(window))
        yield aliased(self._minus(start.copy(), ticks), self._before(window))
        yield aliased(self._minus(self._at(window), ticks - 1), self._since(window))

    def _end(self, window: Window) -> str:
        return (
            free_name(self.node, f"end_of_{window.name}")
            if window.offset.microseconds
            else self.node.tick
        )

    def _block(self, window: Window) -> str:
        return free_name(self.node, f"block_of_{window.name}")

    def _before(self, window: Window) -> str:
        return free_name(self.node, f"block_before_{window.name}")

    def _since(self, window: Window) -> str:
        return free_name(self.node, f"start_of_{window.name}")

    def read(self) -> Step:
        """Each block forward and backwards."""
        kept = columns((*self.keys, self.node.tick, FLAG, *self.results))
        found: list[exp.Expr] = []
        for measure, window in self.blocked:
            again = func(AGAIN[measure.kind], column(measure.name))
            name = over_name(measure.name, window)
            if window.length is None:
                found.append(aliased(over(again, window.name), name))
            else:
                found.append(aliased(over(again, new_window(window)), f"{name}_new"))
                found.append(aliased(over(again.copy(), old_window(window)), f"{name}_old"))
        query = select(*kept, *found, *self.moments.read())
        windows = (item for window in self.block_windows for item in self._windows(window))
        return Step("read", from_step(query, "blocks"), None, tuple(windows))

    def _windows(self, window: Window) -> Iterator[NamedWindow]:
        keys = tuple(columns(self.keys))
        end = column(self._end(window))
        if window.length is None:
            yield NamedWindow(window.name, keys, (end,))
            return
        yield NamedWindow(new_window(window), (*keys, column(self._block(window))), (end,))
        backwards = descending(column(self._since(window)))
        yield NamedWindow(old_window(window), (*keys, column(self._before(window))), (backwards,))

    def both(self, name: str) -> Step:
        """Both parts of every window together."""
        query = select(
            *columns((*self.keys, self.node.tick, *self.results)),
            *(_both(measure, window) for measure, window in self.blocked),
            *self.moments.combined(),
        )
        return Step(name, from_step(query, "read").where(column(FLAG), copy=False))

    def spread(self) -> Step:
        """Std and variance from the moments of whole windows."""
        measured = [over_name(measure.name, window) for measure, window in self.blocked]
        kept = columns((*self.keys, self.node.tick, *self.results, *measured))
        return Step("windowed", from_step(select(*kept, *self.moments.spread()), "joined"))


def _both(measure: Measure, window: Window) -> exp.Expr:
    """A measure over both parts of a window."""
    name = over_name(measure.name, window)
    if window.length is None:
        return column(name)
    new, old = column(f"{name}_new"), column(f"{name}_old")
    match measure.kind:
        case MeasureKind.MIN:
            both = func("least", new, old)
        case MeasureKind.MAX:
            both = func("greatest", new, old)
        case _:
            both = func("coalesce", exp.Add(this=new, expression=old), new.copy(), old.copy())
    return aliased(both, name)


def _is_exact(measure: Measure) -> bool:
    """Whether what was added can be taken off again without a trace."""
    if measure.kind in {MeasureKind.MIN, MeasureKind.MAX}:
        return False
    return measure.type.family in {Kind.INTEGER, Kind.DECIMAL}
