"""Windows made of shorter ones, on rows that stand in order: see the macros in ``mlforge_merging.sql``.

interval = 1d, sum over 3d, ticks without their month; ``in_2`` is the last row and the one before it:

| user | tick | amount_sum |      | user | tick | in_1 | in_2 | in_3 |
|------|------|-----------:|      |------|------|-----:|-----:|-----:|
| u1   | 02   |         10 |  ->  | u1   | 02   |   10 |   10 |   10 |
| u1   | 04   |       1000 |      | u1   | 03   | NULL |   10 |   10 |
|      |      |            |      | u1   | 04   | 1000 | 1000 | 1010 |
|      |      |            |      | u1   | 05   | NULL | 1000 | 1000 |
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import (
    aliased,
    columns,
    from_step,
    from_table,
    func,
    jinja,
    jinja_string,
    number,
    only_when,
    plus,
    select,
)
from mlforge_sql.expressions import column
from mlforge_sql.functions.measures import MeasureKind
from mlforge_sql.plan.nodes import Measure, Rolling, RollingColumn, Window
from mlforge_sql.sql.overflow import had_infinite, infinite_name, may_overflow
from mlforge_sql.sql.query import Call, NamedWindow, Step
from mlforge_sql.sql.rolling_names import FLAG, free_name, over, over_name, spread_name
from mlforge_sql.sql.tiles import AGAIN

_SO_FAR = "so_far"
_DISTANT = (MeasureKind.CENTER, MeasureKind.FROM_CENTER, MeasureKind.DEVIATIONS)
"""What is merged as moments, besides the number."""


def merge_steps(node: Rolling, dialect: Dialect) -> list[Step | Call]:
    """The steps from tiles to windowed values."""
    return list(_Merging(node, dialect).steps())


def merge_condition(node: Rolling) -> str:
    """The condition of Jinja under which they are taken.

    Where doubles are told how far they spread, it is of the definition alone: both forms round otherwise, and
    which one is taken must not depend on events that come later.
    """
    keys = ", ".join(jinja_string(name) for name, _ in node.keys)
    counted = ", counted=false" if node.observations else ""
    return (
        f"mlforge_merges({jinja_string(node.name)}, ref({jinja_string(str(node.tiles))}), [{keys}], "
        f"{jinja_string(node.tick)}, {node.shifts[-1]}, {len(node.shifts)}{counted})"
    )


@dataclass(frozen=True, slots=True)
class _Merging:
    """The steps of one feature."""

    node: Rolling
    dialect: Dialect

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.node.keys)

    @property
    def is_tile(self) -> str:
        return free_name(self.node, "is_tile")

    @property
    def next_tick(self) -> str:
        return free_name(self.node, "next_tick")

    @property
    def cell(self) -> str:
        return free_name(self.node, "cell")

    @property
    def infinite(self) -> list[str]:
        """Where no subquery may look for them: whether the entity has had infinite values."""
        return [infinite_name(self.node)] if self.flags_infinite else []

    @property
    def flags_infinite(self) -> bool:
        return not self.dialect.slides and may_overflow(self.node)

    @property
    def windowed(self) -> list[tuple[Measure, Window]]:
        """Every measure over every window that a column needs, each once."""
        found = []
        for item in self.node.columns:
            found += [(measure, item.window) for measure in item.measures]
            if item.moments:
                found += [(item.moments[0], item.window), (item.moments[-1], item.window)]
        return list(dict.fromkeys(found))

    @property
    def merged(self) -> list[Measure]:
        """The measures that are merged."""
        found = (
            measure
            for item in self.node.columns
            if item.window.length is not None
            for measure in (*item.measures, *item.moments)
        )
        return list(dict.fromkeys(found))

    @property
    def endless(self) -> list[tuple[Measure, Window]]:
        """The measures over all time."""
        return [(measure, window) for measure, window in self.windowed if window.length is None]

    def steps(self) -> Iterator[Step | Call]:
        before = "tiles"
        if self.endless:
            yield self.so_far()
            before = _SO_FAR
        yield self.nexts(before)
        yield self.each_tick()
        yield self.cells()
        last = "cells"
        if self.node.merges:
            yield self.merges()
            last = f"last_{self.node.merges[-1].length}"
        yield self.changes(last)
        yield self.result()

    def so_far(self) -> Step:
        """What is true of a tile and all before it."""
        found = [
            aliased(
                over(func(AGAIN[measure.kind], column(measure.name)), _SO_FAR),
                over_name(measure.name, window),
            )
            for measure, window in self.endless
        ]
        query = from_step(select(exp.Star(), *found, *self._flag()), "tiles")
        return Step(_SO_FAR, query, None, (self._so_far,))

    @property
    def _so_far(self) -> NamedWindow:
        return NamedWindow(_SO_FAR, tuple(columns(self.keys)), (column(self.node.tick),))

    def _flag(self) -> list[exp.Expr]:
        """Whether the entity has had infinite values, where that has to be a column."""
        if not self.flags_infinite:
            return []
        flag = over(had_infinite(self.node, self.dialect, merged=True), _SO_FAR)
        return [aliased(flag, infinite_name(self.node))]

    @property
    def _names(self) -> str:
        """Keys and tick, as arguments of a macro."""
        keys = ", ".join(map(jinja_string, self.keys))
        return f"[{keys}], {jinja_string(self.node.tick)}"

    def nexts(self, before: str) -> Step:
        after = jinja(f"mlforge_next_tick({self._names})")
        rows = jinja(f"mlforge_in_order({jinja_string(before)}, {self._names})")
        flag = [] if self.endless else self._flag()
        query = select(exp.Star(), *flag, aliased(after, self.next_tick))
        windows = (self._so_far,) if flag else ()
        return Step("nexts", from_table(query, exp.Table(this=rows)), None, windows)

    def each_tick(self) -> Step:
        reach = self.node.shifts[-1]
        tick = self.node.tick
        end = f"least({self.next_tick}, {tick} + {reach + 1})"
        query = select(
            exp.Star(),
            aliased(
                jinja(f"mlforge_each_tick({jinja_string(tick)}, {jinja_string(end)})"), self.cell
            ),
        )
        about = (
            f"a row for every tick from a tile to the next, {reach} at most: none of the windows"
            f"\nreaches further, so that what stands before those rows is in none of them"
        )
        return Step("each_tick", from_step(query, "nexts"), about)

    def cells(self) -> Step:
        itself = exp.EQ(this=column(self.cell), expression=column(self.node.tick))
        values = [
            aliased(only_when(column(measure.name), itself.copy()), _in(measure, 1))
            for measure in self.merged
        ]
        carried = [over_name(measure.name, window) for measure, window in self.endless]
        query = select(
            *columns(self.keys),
            aliased(column(self.cell), self.node.tick),
            aliased(itself.copy(), self.is_tile),
            *columns([*carried, *self.infinite]),
            *values,
        )
        return Step("cells", from_step(query, "each_tick"))

    def merges(self) -> Call:
        """One line for each merge."""
        kinds: dict[str, list[str]] = {"sums": [], "mins": [], "maxs": []}
        for measure in self.merged:
            if measure.kind not in _DISTANT:
                kinds[f"{AGAIN[measure.kind]}s"].append(jinja_string(measure.name))
        listed = [f"'{kind}': [{', '.join(names)}]" for kind, names in kinds.items()]
        listed.append(f"'moments': [{', '.join(self._moments())}]")
        separator = ",\n    "
        setup = (
            f"{{% set measures = {{\n    {separator.join(listed)},\n}} %}}",
            f"{{% set order = mlforge_order({self._names}) %}}",
        )
        lines, read = [], "cells"
        for merge in self.node.merges:
            lines.append(
                f"{{{{ mlforge_merged({merge.length}, of=[{merge.near}, {merge.far}], read='{read}', "
                "measures=measures, order=order) }}"
            )
            read = f"last_{merge.length}"
        return Call(tuple(lines), setup, self._about())

    def _moments(self) -> Iterator[str]:
        found = dict.fromkeys(item.moments for item in self.node.columns if item.moments)
        for moments in found:
            yield f"[{', '.join(jinja_string(measure.name) for measure in moments)}]"

    def _about(self) -> str:
        merge = self.node.merges[-1]
        unit = f"ticks of {self.node.clock.interval}"
        one = "one" if merge.near == 1 else str(merge.near)
        return (
            f"every window is made of two shorter ones, down to single ticks: the last {merge.length} {unit}"
            f"\nare the last {one} and, {merge.near} rows before, the last {merge.far}; nothing is ever taken off,"
            "\nso doubles keep their digits"
        )

    def changes(self, before: str) -> Step:
        """Whether a window gains or loses events, and windows that end earlier."""
        flags = [self._before(self.is_tile, shift, default="false") for shift in self.node.shifts]
        flag = exp.or_(*flags, copy=False)
        shifted = [
            aliased(
                self._before(
                    _in(measure, self.node.clock.ticks(window.length)),
                    self.node.clock.ticks(window.offset),
                ),
                over_name(measure.name, window),
            )
            for measure, window in self.windowed
            if window.length is not None and window.offset.microseconds
        ]
        query = from_step(select(exp.Star(), aliased(flag, FLAG), *shifted), before)
        about = "a value can change when events enter a window and when they leave it"
        return Step("changes", query, about)

    def _before(self, name: str, ticks: int, default: str | None = None) -> exp.Expr:
        """The value of a column so many rows before."""
        if ticks == 0:
            return column(name)
        fallback = f", {default}" if default else ""
        order = f"{{{{ mlforge_order({self._names}) }}}}"
        return exp.Var(this=f"lag({name}, {ticks}{fallback}) over ({order})")

    def result(self) -> Step:
        names = self._results()
        query = select(*columns((*self.keys, self.node.tick, *self.infinite)), *names)
        query = from_step(query, "changes").where(column(FLAG), copy=False)
        hint = "{{ mlforge_at_once() }}"
        return Step("windowed", query, None, hint=hint)

    def _results(self) -> Iterator[exp.Expr]:
        """Every measure over every window, and spreads."""
        needed = {(measure, item.window) for item in self.node.columns for measure in item.measures}
        for measure, window in self.windowed:
            if (measure, window) in needed:
                yield aliased(self._over(measure, window), over_name(measure.name, window))
        spreads = {spread_name(item): item for item in self.node.columns if item.moments}
        for name, item in spreads.items():
            yield aliased(self._spread(item), name)

    def _over(self, measure: Measure, window: Window) -> exp.Expr:
        if window.length is None or window.offset.microseconds:
            return column(over_name(measure.name, window))
        return column(_in(measure, self.node.clock.ticks(window.length)))

    def _spread(self, item: RollingColumn) -> exp.Expr:
        if item.spread is None:
            raise TypeError(item.name)
        count, *_, deviations = (self._over(measure, item.window) for measure in item.moments)
        fewer = item.spread.fewest - 1
        freedom = exp.Paren(this=plus(count, -fewer)) if fewer else count
        tree: exp.Expr = exp.Div(this=deviations, expression=freedom)
        if item.spread.root:
            tree = func("sqrt", tree)
        return only_when(tree, exp.GT(this=count.copy(), expression=number(fewer)))


def _in(measure: Measure, ticks: int) -> str:
    """Column of a measure over the last ticks."""
    return f"{measure.name}_in_{ticks}"
