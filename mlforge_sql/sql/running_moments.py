"""Std and variance in blocks: counts, means and squared deviations of two parts make those of both.

With ``n``, ``m`` and ``s`` the number, the mean and the sum of squared deviations of each part, the
sum of squared deviations of both is ``s1 + s2 + (m1 - m2)^2 * n1 * n2 / (n1 + n2)`` (Chan, Golub and
LeVeque 1979). Only doubles are read so; the sums of integers and decimals are exact, see ``powers.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import aliased, func, number, only_when
from mlforge_sql.expressions import column
from mlforge_sql.functions.model import Spread
from mlforge_sql.plan.nodes import Observation, Rolling, RollingColumn, Window
from mlforge_sql.sql.rolling_names import new_window, old_window, over, spread_name
from mlforge_sql.sql.tiles import as_double

_PARTS = (("number", "count"), ("mean", "avg"), ("deviation", "var_pop"))


@dataclass(frozen=True, slots=True)
class Moments:
    """What std and variance of one feature are computed from."""

    node: Rolling
    dialect: Dialect

    @property
    def names(self) -> list[str]:
        """Columns of the observed values."""
        return [item.name for item in self.node.observations]

    @property
    def columns(self) -> list[RollingColumn]:
        """The std and variance columns, each window and function once."""
        found = (item for item in self.node.columns if item.observation is not None)
        return list({spread_name(item): item for item in found}.values())

    @property
    def windows(self) -> list[Window]:
        """Their windows."""
        return list(dict.fromkeys(item.window for item in self.columns))

    def observed(self) -> list[exp.Expr]:
        """The values of single events."""
        return [aliased(self._observed(item), item.name) for item in self.node.observations]

    def _observed(self, item: Observation) -> exp.Expr:
        value = as_double(self.dialect.expression(item.value), item.type, self.dialect)
        return only_when(value, self.dialect.expression(item.where) if item.where else None)

    def read(self) -> Iterator[exp.Expr]:
        """The moments of both parts of every window."""
        done: set[tuple[str, Window]] = set()
        for item in self.columns:
            name = self._name(item)
            value = column(name)
            if item.window.length is None:
                framed = partial(over, window=item.window.name)
                yield aliased(self.dialect.spread(_of(item), value, framed), spread_name(item))
            elif (name, item.window) not in done:
                done.add((name, item.window))
                for word, window in (
                    ("new", new_window(item.window)),
                    ("old", old_window(item.window)),
                ):
                    for part, function in _PARTS:
                        tree = over(func(function, value.copy()), window)
                        yield aliased(tree, self._part(item, part, word))

    def combined(self) -> Iterator[exp.Expr]:
        """How many values are in each window, and the sum of their squared deviations."""
        done: set[tuple[str, Window]] = set()
        for item in self.columns:
            if item.window.length is None:
                yield column(spread_name(item))
            elif (self._name(item), item.window) not in done:
                done.add((self._name(item), item.window))
                yield from self._combined(item)

    def spread(self) -> Iterator[exp.Expr]:
        """Std and variance of each window."""
        for item in self.columns:
            if item.window.length is None:
                yield column(spread_name(item))
                continue
            count = column(self._whole(item, "number"))
            fewest = _of(item).fewest
            less = exp.Sub(this=count, expression=number(fewest - 1))
            freedom = exp.Paren(this=less) if fewest > 1 else count
            squares = column(self._whole(item, "squares"))
            tree: exp.Expr = exp.Div(this=squares, expression=freedom)
            if _of(item).root:
                tree = func("sqrt", tree)
            enough = exp.GTE(this=count.copy(), expression=number(fewest))
            yield aliased(only_when(tree, enough), spread_name(item))

    def _name(self, item: RollingColumn) -> str:
        if item.observation is None:
            raise TypeError(item.name)
        return item.observation.name

    def _part(self, item: RollingColumn, part: str, word: str) -> str:
        return f"{self._name(item)}_{part}{item.window.suffix}_{word}"

    def _whole(self, item: RollingColumn, what: str) -> str:
        return f"{self._name(item)}_{what}{item.window.suffix}"

    def _combined(self, item: RollingColumn) -> Iterator[exp.Expr]:
        new, old = (column(self._part(item, "number", word)) for word in ("new", "old"))
        total = exp.Add(this=new, expression=old)
        yield aliased(total, self._whole(item, "number"))
        within = (
            _zero(
                exp.Mul(
                    this=column(self._part(item, "deviation", word)),
                    expression=column(self._part(item, "number", word)),
                )
            )
            for word in ("new", "old")
        )
        means = [column(self._part(item, "mean", word)) for word in ("new", "old")]
        apart = func("power", exp.Sub(this=means[0], expression=means[1]), number(2))
        weight = exp.Mul(this=exp.Mul(this=apart, expression=new.copy()), expression=old.copy())
        some = func("nullif", total.copy(), number(0))
        between = _zero(exp.Div(this=weight, expression=some))
        squares = exp.Add(
            this=exp.Add(this=next(within), expression=next(within)), expression=between
        )
        yield aliased(squares, self._whole(item, "squares"))


def _of(item: RollingColumn) -> Spread:
    if item.spread is None:
        raise TypeError(item.name)
    return item.spread


def _zero(tree: exp.Expr) -> exp.Expr:
    """The tree, or 0 where it is NULL."""
    return func("coalesce", tree, number(0))
