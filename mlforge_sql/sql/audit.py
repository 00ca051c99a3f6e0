"""Audits: a sample of a training set, computed again straight from the events.

The feature tables are tiles, frames and step functions. None of that is here: an event is in a
window when its time is, and the values are plain aggregates of the events that are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlglot import exp

from mlforge_sql.expressions import column, identifier
from mlforge_sql.plan.nodes import Audit, AuditColumn, Window
from mlforge_sql.sql.audit_names import AuditNames
from mlforge_sql.sql.audit_values import RELATIVE, AuditValues, is_rounded, is_spread, value_name
from mlforge_sql.sql.build import (
    aliased,
    all_of,
    columns,
    descending,
    from_step,
    func,
    jinja,
    not_null,
    number,
    rank_over,
    ref,
    select,
    star_from,
)
from mlforge_sql.sql.dialects.base import Dialect
from mlforge_sql.sql.instants import staged_instant
from mlforge_sql.sql.query import ModelQuery, Step
from mlforge_sql.sql.staging import surrogate_key
from mlforge_sql.types import DOUBLE, TEXT, Kind


def audit_query(node: Audit, dialect: Dialect) -> ModelQuery:
    """The SQL of an audit: a row for each value that differs."""
    names = AuditNames(node)
    audit = _Query(node, dialect, names, AuditValues(names, dialect))
    steps = [
        Step("training_set", star_from(ref(node.training_set))),
        Step("staged", star_from(ref(node.staging))),
        audit.events(),
        audit.labels(),
        audit.sampled(),
        audit.audited(),
        *([audit.extremes()] if audit.spread_values else []),
        audit.label_events(),
        *([] if node.windows else [audit.ranked()]),
        audit.expected(),
        audit.compared(),
        *([audit.different()] if audit.doubles else []),
        audit.final(),
    ]
    return ModelQuery(tuple(steps))


@dataclass(frozen=True, slots=True)
class _Query:
    """The steps of one audit."""

    node: Audit
    dialect: Dialect
    names: AuditNames
    values: AuditValues

    @property
    def doubles(self) -> tuple[AuditColumn, ...]:
        """Floats: they are compared as numbers, because zero and NaN have two texts."""
        return tuple(item for item in self.node.columns if item.type.kind is Kind.FLOAT)

    @property
    def spread_values(self) -> dict[str, exp.Expr]:
        """What std and variance are computed of, by name."""
        spreads = (item for item in self.node.columns if is_spread(item))
        return {value_name(item): self.values.double(item) for item in spreads}

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows of the columns that are looked at."""
        return tuple(dict.fromkeys(item.window for item in self.node.columns if item.window))

    # Rows of the training set

    def labels(self) -> Step:
        computed = {key.name: key for key in self.node.computed}
        keys = [
            surrogate_key(computed[name], self.dialect, "training_set", widened=True)
            if name in computed
            else column(name, "training_set")
            for name in self.node.keys
        ]
        time = staged_instant(self.node.time, self.dialect, "training_set")
        query = select(
            *(aliased(tree, name) for tree, name in zip(keys, self.node.keys, strict=True)),
            aliased(time, self.names.time),
            *columns((self.names.stored(item) for item in self.node.columns), "training_set"),
        )
        return Step("labels", from_step(query, "training_set"))

    def sampled(self) -> Step:
        seed = jinja("mlforge_literal(var('mlforge_audit_seed', 0) | string)")
        parts = [self._text(item) for item in columns((*self.node.keys, self.names.time))]
        chance = func("md5", func("concat_ws", exp.Literal.string("|"), seed, *parts))
        order = self.names.order
        query = from_step(select(exp.Star(), aliased(chance, order)), "labels")
        query = query.order_by(column(order), copy=False)
        rows = jinja(f"mlforge_audit_rows({self.node.rows})")
        query.set("limit", exp.Limit(expression=rows))
        return Step("sampled", query, "a random sample, always the same for the same seed")

    def audited(self) -> Step:
        order = exp.Order(expressions=[column(self.names.order)])
        numbered = exp.Window(this=exp.RowNumber(), order=order)
        query = select(aliased(numbered, self.names.number), exp.Star())
        if self.names.bound != self.names.time:
            query = query.select(aliased(self._bound_tree(), self.names.bound), copy=False)
        return Step("audited", from_step(query, "sampled"), self._bound_comment())

    def _bound_tree(self) -> exp.Expr:
        known = self.dialect.earlier(column(self.names.time), self.node.delay.microseconds)
        if self.node.clock.interval is None:
            return known
        return self.dialect.last_tick(known, self.node.clock)

    def _bound_comment(self) -> str | None:
        delay, interval = self.node.delay, self.node.clock.interval
        known = f"{self.names.time} - {delay}" if delay.microseconds else self.names.time
        if interval is not None:
            return f"{self.names.bound}: the last multiple of {interval} at or before {known}" + (
                " (weeks begin on Monday)" if self.node.clock.anchor else ""
            )
        if delay.microseconds:
            return f"an event is known {delay} after it happened: {self.names.bound} is {known}"
        return None

    # Events

    def events(self) -> Step:
        query = select(
            *columns((*self.node.keys, self.node.event_time)),
            *(aliased(self.dialect.expression(expr), name) for name, expr in self.node.inputs),
        )
        query = from_step(query, "staged")
        query = query.where(self.dialect.is_instant(column(self.node.event_time)), copy=False)
        if self.node.where is not None:
            query = query.where(self.dialect.expression(self.node.where), copy=False)
        return Step("events", query, "the events of the feature")

    def extremes(self) -> Step:
        """Where each entity's values are: std and variance lose digits with the distance from zero."""
        found: list[exp.Expr] = []
        for name, value in self.spread_values.items():
            for word, function in (("low", "min"), ("high", "max")):
                finite = exp.Where(this=self.dialect.is_finite(value.copy()))
                extreme = exp.Filter(this=func(function, value.copy()), expression=finite)
                filled = func("coalesce", extreme, number(0))
                found.append(aliased(filled, self.names.extreme(name, word)))
        query = from_step(select(*columns(self.node.keys), *found), "events")
        query = query.group_by(*columns(self.node.keys), copy=False)
        comment = "std and variance keep their digits when they are computed near zero"
        return Step("extremes", query, comment)

    def label_events(self) -> Step:
        star = exp.Column(this=exp.Star(), table=identifier("events"))
        query = select(column(self.names.number, "audited"), star)
        for name in self.spread_values:
            both = (self.names.extreme(name, "low"), self.names.extreme(name, "high"))
            query = query.select(*columns(both, "extremes"), copy=False)
        for window in self.windows:
            flag = aliased(self._is_in(window), self.names.flag(window))
            query = query.select(flag, copy=False)
        if self.node.ttl is not None:
            query = query.select(aliased(self._is_recent(), self.names.recent), copy=False)
        query = from_step(query, "audited")
        seen = self._before(self._bound_of(0))
        query = query.join(self._on("events", seen), copy=False)
        if self.spread_values:
            query = query.join(self._on("extremes"), copy=False)
        return Step("label_events", query, self._rule())

    def _on(self, step: str, *conditions: exp.Expr) -> exp.Join:
        same = [
            exp.EQ(this=column(name, step), expression=column(name, "audited"))
            for name in self.node.keys
        ]
        table = exp.Table(this=identifier(step))
        return exp.Join(this=table, side="LEFT", on=all_of([*same, *conditions]))

    def _bound_of(self, microseconds: int) -> exp.Expr:
        return self.dialect.earlier(column(self.names.bound, "audited"), microseconds)

    def _before(self, end: exp.Expr) -> exp.Expr:
        """Whether an event is before the end of a window."""
        kind = exp.LTE if self.node.clock.inclusive else exp.LT
        return kind(this=column(self.node.event_time, "events"), expression=end)

    def _is_in(self, window: Window) -> exp.Expr:
        offset = window.offset.microseconds
        end = self._before(self._bound_of(offset))
        if window.length is None:
            return end
        start = self.dialect.earlier(self._bound_of(offset), window.length.microseconds)
        kind = exp.GT if self.node.clock.inclusive else exp.GTE
        return all_of([kind(this=column(self.node.event_time, "events"), expression=start), end])

    def _is_recent(self) -> exp.Expr:
        """Whether the event entered or left a window within the ttl before the label."""
        shifts = {0} if not self.node.windows else set()
        for window in self.node.windows:
            shifts.add(window.offset.microseconds)
            if window.length is not None:
                shifts.add(window.offset.microseconds + window.length.microseconds)
        time = column(self.names.time, "audited")
        ttl = self.node.ttl.microseconds if self.node.ttl else 0
        found = [
            exp.Between(
                this=self._visible(shift),
                low=self.dialect.earlier(time.copy(), ttl),
                high=time.copy(),
            )
            for shift in sorted(shifts)
        ]
        return exp.or_(*found, copy=False)

    def _visible(self, shift: int) -> exp.Expr:
        """The instant at which an event becomes visible, ``shift`` later."""
        clock, event = self.node.clock, column(self.node.event_time, "events")
        later = self.dialect.later
        if clock.interval is not None:
            visible = later(self.dialect.last_tick(event, clock), clock.unit)
        else:
            visible = event if clock.inclusive else later(event, 1)
        return later(later(visible, shift), self.node.delay.microseconds)

    def _rule(self) -> str:
        sees = "at or before" if self.node.clock.inclusive else "before"
        lines = [
            f"the rule of time: a label sees the events {sees} its {self.names.bound}, no other"
        ]
        low, high = ("<", "<=") if self.node.clock.inclusive else ("<=", "<")
        for window in self.windows:
            end = self.names.bound
            if window.offset.microseconds:
                end += f" - {window.offset}"
            start = f"{end} - {window.length} {low} " if window.length else ""
            name = self.names.flag(window)
            lines.append(f"{name}: {start}{_plain(self.node.event_time)} {high} {end}")
        if self.node.ttl is not None:
            changed = "entered or left a window" if self.node.windows else "became visible"
            ttl = f"the event {changed} within {self.node.ttl} before the label"
            lines.append(f"{self.names.recent}: {ttl}; where none did, the values are too old")
        return "\n".join(lines)

    # Values

    def ranked(self) -> Step:
        """The events of each label, the last one first."""
        order = [descending(column(name)) for name in (self.node.event_time, *self.node.order)]
        ranked = rank_over((self.names.number,), order)
        query = select(exp.Star(), aliased(ranked, self.names.age))
        comment = "the last event of each label; ties are broken until no two events differ in what is kept"
        return Step("ranked", from_step(query, "label_events"), comment)

    def expected(self) -> Step:
        query = select(column(self.names.number))
        for item in self.node.columns:
            query = query.select(aliased(self.values.value(item), item.name), copy=False)
        for item in self.node.columns:
            if is_rounded(item):
                rounding = aliased(self.values.rounding(item), self.names.rounding_of(item))
                query = query.select(rounding, copy=False)
        if not self.node.windows:
            first = exp.EQ(this=column(self.names.age), expression=number(1))
            return Step("expected", from_step(query, "ranked").where(first, copy=False))
        query = from_step(query, "label_events").group_by(column(self.names.number), copy=False)
        comment = None
        if any(is_rounded(item) for item in self.node.columns):
            comment = "rounding: what the order of additions may change in a double"
        return Step("expected", query, comment)

    # Comparison

    def compared(self) -> Step:
        feature_column = self.names.feature_column
        stored, again = self.names.both
        query = select(
            *columns((*self.node.keys, self.names.time), "audited"),
            column(feature_column, "feature_columns"),
            self._cases(
                stored,
                self.node.columns,
                lambda item: self._text(column(self.names.stored(item), "audited")),
            ),
            self._cases(
                again,
                self.node.columns,
                lambda item: self._text(column(item.name, "expected")),
            ),
        )
        if self.doubles:
            rounding = self._cases(
                self.names.rounding,
                self.doubles,
                lambda item: self.values.tolerance(item, "expected"),
            )
            query = query.select(rounding, copy=False)
        rows = [
            exp.Tuple(expressions=[exp.Literal.string(item.name)]) for item in self.node.columns
        ]
        alias = exp.TableAlias(
            this=identifier("feature_columns"), columns=[identifier(feature_column)]
        )
        same = exp.EQ(
            this=column(self.names.number, "expected"),
            expression=column(self.names.number, "audited"),
        )
        query = from_step(query, "audited")
        query = query.join(
            exp.Join(this=exp.Table(this=identifier("expected")), kind="INNER", on=same),
            copy=False,
        )
        query = query.join(
            exp.Join(this=exp.Values(expressions=rows, alias=alias), kind="CROSS"), copy=False
        )
        return Step(
            "compared", query, "each value of the training set beside the one computed here"
        )

    def _cases(
        self, name: str, items: Iterable[AuditColumn], tree: Callable[[AuditColumn], exp.Expr]
    ) -> exp.Expr:
        """``case feature_column when ... end as name``."""
        chosen = [exp.If(this=exp.Literal.string(item.name), true=tree(item)) for item in items]
        of = column(self.names.feature_column, "feature_columns")
        return aliased(exp.Case(this=of, ifs=chosen), name)

    def _text(self, tree: exp.Expr) -> exp.Expr:
        return self.dialect.cast(tree, TEXT)

    def different(self) -> Step:
        """The values whose texts differ, as numbers too."""
        double = exp.DataType.build(self.dialect.type_name(DOUBLE), dialect=self.dialect.sqlglot)
        texts = columns(self.names.both)
        numbers = (
            aliased(exp.TryCast(this=text.copy(), to=double.copy()), name)
            for text, name in zip(texts, self.names.numbers, strict=True)
        )
        query = from_step(select(exp.Star(), *numbers), "compared")
        differs = exp.NullSafeNEQ(this=texts[0], expression=texts[1])
        comment = "doubles are compared as numbers: zero and NaN may have a sign in their texts"
        return Step("different", query.where(differs, copy=False), comment)

    def final(self) -> Step:
        names = (*self.node.keys, self.names.time, self.names.feature_column, *self.names.both)
        query = select(*columns(names))
        if not self.doubles:
            stored, again = columns(self.names.both)
            differs: exp.Expr = exp.NullSafeNEQ(this=stored, expression=again)
            return Step("final", from_step(query, "compared").where(differs, copy=False))
        query = from_step(query, "different").where(exp.Not(this=self._is_close()), copy=False)
        comment = f"only doubles may differ: by {RELATIVE} of their size, and by their rounding"
        return Step("final", query, comment)

    def _is_close(self) -> exp.Expr:
        """Whether both values are doubles and the same one, but for rounding."""
        stored, again = columns(self.names.numbers)
        rounding = column(self.names.rounding)
        same = all_of([not_null(rounding), exp.EQ(this=stored, expression=again)])
        distance = exp.Sub(this=stored.copy(), expression=again.copy())
        close = exp.LTE(this=func("abs", distance.copy()), expression=rounding.copy())
        near = all_of([self.dialect.is_finite(distance), close])
        return func("coalesce", exp.or_(same, near, copy=False), exp.false())


def _plain(name: str) -> str:
    """A user's name inside a comment: it neither ends it nor runs as Jinja."""
    return re.sub(r"[^\w ]", "_", name)
