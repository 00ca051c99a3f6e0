"""Audits: a sample of a training set or of a feature's table, computed again straight from the events.

The feature tables are tiles, frames and step functions. None of that is here: an event is in a
window when its time is, and the values are plain aggregates of the events that are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import (
    aliased,
    all_of,
    columns,
    descending,
    from_step,
    func,
    not_null,
    number,
    rank_over,
    ref,
    select,
    star_from,
    union,
)
from mlforge_sql.expressions import column, identifier
from mlforge_sql.functions.model import Form
from mlforge_sql.plan.nodes import Audit, AuditColumn, AuditedLabels, Window
from mlforge_sql.sql.audit_names import BEGINNING, AuditNames
from mlforge_sql.sql.audit_samples import Samples
from mlforge_sql.sql.audit_values import RELATIVE, AuditValues, is_number, is_rounded
from mlforge_sql.sql.instants import staged_instant
from mlforge_sql.sql.query import ModelQuery, Step
from mlforge_sql.sql.staging import surrogate_key
from mlforge_sql.types import DOUBLE, TEXT


def audit_query(node: Audit, dialect: Dialect) -> ModelQuery:
    """The SQL of an audit: a row for each value that differs."""
    names = AuditNames(node)
    samples = Samples(node, dialect, names)
    audit = _Query(node, dialect, names, AuditValues(names, dialect), samples)
    steps = [
        *audit.imports(),
        audit.events(),
        *audit.sample(),
        audit.audited(),
        *([] if node.labels else audit.held()),
        audit.seen_events(),
        *([audit.ranked()] if audit.is_ranked else []),
        *audit.spread_steps(),
        audit.expected(),
        audit.compared(),
        *([audit.different()] if audit.numbers else []),
        *([] if node.labels else samples.unmatched()),
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
    samples: Samples

    @property
    def seen(self) -> str:
        """Name of the step with the events that each label or instant may see."""
        return f"{self.names.point}_events"

    @property
    def stored(self) -> str:
        """Name of the step with the values that are compared."""
        return "audited" if self.node.labels else "held"

    @property
    def is_ranked(self) -> bool:
        """Whether the order of events has a say."""
        ordered = (item.function and item.function.function.ordered for item in self.node.columns)
        return not self.node.windows or any(ordered)

    @property
    def visible(self) -> str:
        """Name of the step with all that is known of those events."""
        return "ranked" if self.is_ranked else self.seen

    @property
    def numbers(self) -> tuple[AuditColumn, ...]:
        """What is compared as numbers: floats, whose zero and NaN have two texts, and their sums."""
        return tuple(item for item in self.node.columns if is_number(item))

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows of the columns that are looked at."""
        return tuple(dict.fromkeys(item.window for item in self.node.columns if item.window))

    # What is looked at

    def imports(self) -> list[Step]:
        staged = Step("staged", star_from(ref(self.node.staging)))
        if self.node.labels is None:
            return [staged]
        return [Step("training_set", star_from(ref(self.node.labels.training_set))), staged]

    def sample(self) -> list[Step]:
        """The labels or instants that are looked at."""
        if self.node.labels is None:
            return self.samples.instants()
        return [self._labels(self.node.labels), *self.samples.labels()]

    def _labels(self, labels: AuditedLabels) -> Step:
        computed = {key.name: key for key in labels.computed}
        keys = [
            surrogate_key(computed[name], "training_set")
            if name in computed
            else column(name, "training_set")
            for name in self.node.keys
        ]
        time = staged_instant(labels.time, self.dialect, "training_set")
        query = select(
            *(aliased(tree, name) for tree, name in zip(keys, self.node.keys, strict=True)),
            aliased(time, self.names.time),
            *columns((self.names.stored(item) for item in self.node.columns), "training_set"),
        )
        return Step("labels", from_step(query, "training_set"))

    def audited(self) -> Step:
        bound = []
        if self.names.bound != self.names.time:
            bound = [aliased(self._bound_tree(), self.names.bound)]
        if self.node.labels is None:
            query = from_step(select(exp.Star(), *bound), "counted")
            query = query.where(self.samples.few(), copy=False)
            return Step("audited", query, self._bound_comment())
        order = exp.Order(expressions=self.samples.order())
        numbered = exp.Window(this=exp.RowNumber(), order=order)
        query = select(aliased(numbered, self.names.number), exp.Star(), *bound)
        return Step("audited", from_step(query, "sampled"), self._bound_comment())

    def held(self) -> list[Step]:
        """The row of the table that holds at each instant."""
        begins = self.names.begins
        table = self.samples.table("feature_table")
        instant = (self.names.number, *self.node.keys, self.names.time)
        until = exp.LTE(
            this=column(BEGINNING, "feature_table"), expression=column(self.names.time, "audited")
        )
        on = all_of([self.samples.same_entity("feature_table", "audited"), until])
        last = aliased(func("max", column(BEGINNING, "feature_table")), begins)
        begun = from_step(select(*columns(instant, "audited"), last), "audited")
        begun = begun.join(exp.Join(this=table, side="LEFT", on=on), copy=False)
        begun = begun.group_by(*columns(instant, "audited"), copy=False)
        values = columns((item.name for item in self.node.columns), "feature_table")
        held = from_step(select(*columns((*instant, begins), "begun"), *values), "begun")
        at = exp.EQ(this=column(BEGINNING, "feature_table"), expression=column(begins, "begun"))
        same = self.samples.same_entity("feature_table", "begun")
        found = exp.Join(this=table.copy(), side="LEFT", on=all_of([same, at]))
        comment = "the row that holds at each instant: the last one that has begun"
        return [Step("begun", begun), Step("held", held.join(found, copy=False), comment)]

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
        query = self.samples.countable(from_step(query, "staged"))
        return Step("events", query, "the events of the feature")

    def seen_events(self) -> Step:
        star = exp.Column(this=exp.Star(), table=identifier("events"))
        query = select(column(self.names.number, "audited"), star)
        for window in self.windows:
            flag = aliased(self._is_in(window), self.names.flag(window))
            query = query.select(flag, copy=False)
        if self.node.ttl is not None:
            query = query.select(aliased(self._is_recent(), self.names.recent), copy=False)
        query = from_step(query, "audited")
        seen = [self._before(self._bound_of(0)), *self._reach()]
        query = query.join(self._on("events", *seen), copy=False)
        return Step(self.seen, query, self._rule())

    def _reach(self) -> list[exp.Expr]:
        """That an event is not too old for every window, where there is such an age."""
        if not self.windows or self.node.ttl is not None:
            return []
        lengths = [window.length for window in self.windows]
        reach = [
            window.offset.microseconds + window.length.microseconds
            for window in self.windows
            if window.length is not None
        ]
        return [self._after(self._bound_of(max(reach)))] if None not in lengths else []

    def _after(self, start: exp.Expr) -> exp.Expr:
        """Whether an event is after the start of a window."""
        kind = exp.GT if self.node.clock.inclusive else exp.GTE
        return kind(this=column(self.node.event_time, "events"), expression=start)

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
        return all_of([self._after(start), end])

    def _is_recent(self) -> exp.Expr:
        """Whether the event entered or left a window within the ttl before the label."""
        time = column(self.names.time, "audited")
        ttl = self.node.ttl.microseconds if self.node.ttl else 0
        found = [
            exp.Between(
                this=self.samples.visible(column(self.node.event_time, "events"), shift),
                low=self.dialect.earlier(time.copy(), ttl),
                high=time.copy(),
            )
            for shift in self.node.shifts
        ]
        return exp.or_(*found, copy=False)

    def _rule(self) -> str:
        sees = "at or before" if self.node.clock.inclusive else "before"
        lines = [
            f"the rule of time: {_a(self.names.point)} sees the events {sees} its {self.names.bound}, no other"
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
        """The events of each label or instant, the last one first."""
        order = [descending(column(name)) for name in (self.node.event_time, *self.node.order)]
        ranked = rank_over((self.names.number,), order)
        query = select(exp.Star(), aliased(ranked, self.names.age))
        what = "last event" if not self.node.windows else "events"
        comment = f"the {what} of each {self.names.point}; ties are broken until no two events differ in what is kept"
        return Step("ranked", from_step(query, self.seen), comment)

    def spread_steps(self) -> list[Step]:
        """What std and variance are computed of."""
        values, names = self.values, self.names
        exact = [item for item in values.spreads if item.is_exact]
        lows = [aliased(values.low(item), names.low(item.name)) for item in exact]
        distances = [
            aliased(values.distance(item), names.distance(item.name)) for item in values.spreads
        ]
        middles = [aliased(values.middle(item), names.middle(item.name)) for item in values.spreads]
        why = "integers and decimals are subtracted from each other before they are doubles"
        steps = (
            ("lowest", lows, f"{why}: from the lowest of the window"),
            (
                "distances",
                distances,
                "std and variance in two passes: first the mean of the window",
            ),
            ("middles", middles, None),
        )
        found: list[Step] = []
        for name, added, comment in (*self._tallies(), *steps):
            if added:
                last = found[-1].name if found else self.visible
                found.append(Step(name, from_step(select(exp.Star(), *added), last), comment))
        return found

    def _tallies(self) -> list[tuple[str, list[exp.Expr], str | None]]:
        """Steps that look at all events of a window first."""
        values, names = self.values.of_events, self.names
        modes, besides = values.of(Form.MODE), values.of(Form.BESIDE)
        times = [aliased(values.times(item), names.times(item)) for item in modes]
        most = [aliased(values.most(item), names.most(item)) for item in modes]
        ends = [aliased(values.end(item), names.end(item)) for item in besides]
        return [
            ("ended", ends, "the largest or the smallest of the other column in the window"),
            ("tallied", times, "how many times each value is in the window"),
            ("most", most, None),
        ]

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
        steps = self.spread_steps()
        last = steps[-1].name if steps else self.visible
        query = from_step(query, last).group_by(column(self.names.number), copy=False)
        comment = None
        if any(is_rounded(item) for item in self.node.columns):
            comment = "rounding: what the order of additions may change in a double"
        return Step("expected", query, comment)

    # Comparison

    def compared(self) -> Step:
        feature_column = self.names.feature_column
        stored, again = self.names.both
        query = select(
            *columns((*self.node.keys, self.names.time), self.stored),
            column(feature_column, "feature_columns"),
            self._cases(stored, self.node.columns, lambda item: self._text(self._stored(item))),
            self._cases(
                again,
                self.node.columns,
                lambda item: self._text(column(item.name, "expected")),
            ),
        )
        if self.numbers:
            rounding = self._cases(
                self.names.rounding,
                self.numbers,
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
            expression=column(self.names.number, self.stored),
        )
        query = from_step(query, self.stored)
        query = query.join(
            exp.Join(this=exp.Table(this=identifier("expected")), kind="INNER", on=same),
            copy=False,
        )
        query = query.join(
            exp.Join(this=exp.Values(expressions=rows, alias=alias), kind="CROSS"), copy=False
        )
        place = "training set" if self.node.labels else "table"
        comment = f"each value of the {place} beside the one computed here"
        return Step("compared", query, comment)

    def _stored(self, item: AuditColumn) -> exp.Expr:
        """A value that is there; of the table, the empty value where no row holds yet."""
        value = column(self.names.stored(item), self.stored)
        if self.node.labels:
            return value
        begun = not_null(column(self.names.begins, self.stored))
        return exp.Case(ifs=[exp.If(this=begun, true=value)], default=self.values.empty(item))

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
        comment = None
        if self.numbers:
            query = from_step(query, "different").where(exp.Not(this=self._is_close()), copy=False)
            comment = f"only doubles may differ: by {RELATIVE} of their size, and by their rounding"
        else:
            stored, again = columns(self.names.both)
            differs: exp.Expr = exp.NullSafeNEQ(this=stored, expression=again)
            query = from_step(query, "compared").where(differs, copy=False)
        if self.node.labels:
            return Step("final", query, comment)
        return Step("final", union([query, *self.samples.told()], distinct=False), comment)

    def _is_close(self) -> exp.Expr:
        """Whether both values are doubles and the same one, but for rounding."""
        stored, again = columns(self.names.numbers)
        rounding = column(self.names.rounding)
        same = all_of([not_null(rounding), exp.EQ(this=stored, expression=again)])
        distance = exp.Sub(this=stored.copy(), expression=again.copy())
        close = exp.LTE(this=func("abs", distance.copy()), expression=rounding.copy())
        near = all_of([self.dialect.is_finite(distance), close])
        return func("coalesce", exp.or_(same, near, copy=False), exp.false())


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _plain(name: str) -> str:
    """A user's name inside a comment: it neither ends it nor runs as Jinja."""
    return re.sub(r"[^\w ]", "_", name)
