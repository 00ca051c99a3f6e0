"""What an audit looks at: label rows of a training set, or instants of a feature's own table.

Samples are stratified: every entity has its turn before one has its second, so that those with few
rows are in them. The same seed draws the same sample, whatever the order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.trees import (
    aliased,
    all_of,
    columns,
    from_step,
    from_table,
    func,
    jinja,
    not_null,
    number,
    rank_over,
    ref,
    select,
    times,
    union,
)
from mlforge_sql.expressions import column, identifier
from mlforge_sql.plan.nodes import Audit
from mlforge_sql.sql.audit_names import BEGINNING, AuditNames
from mlforge_sql.sql.query import Step
from mlforge_sql.types import BIGINT, TEXT, TIMESTAMP

ENTITY_EVENTS = 50
"""Entities are drawn until they have so many events for each instant that is asked for."""

SEEN_EVENTS = 10_000
"""Instants are drawn until their entities have so many events for each that is asked for."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The steps that draw the sample of one audit."""

    node: Audit
    dialect: Dialect
    names: AuditNames

    @property
    def rows(self) -> exp.Expr:
        """How many labels or instants are asked for."""
        return jinja(f"mlforge_audit_rows({self.node.rows})")

    # Labels

    def labels(self) -> list[Step]:
        """A sample of the step ``labels``."""
        return self._in_turn("labels", (), "sampled")

    def _in_turn(self, of: str, apart: tuple[str, ...], name: str) -> list[Step]:
        """Rows of a step drawn by turns: of each entity, and of each value of the columns ``apart``."""
        seen = (*self.node.keys, *apart)
        chance = self._chance((*seen, self.names.time))
        entity = aliased(self._chance(self.node.keys), self.names.entity_order)
        shuffled = select(exp.Star(), aliased(chance, self.names.order), entity)
        turn = aliased(rank_over(seen, [column(self.names.order)]), self.names.turn)
        turns = from_step(select(exp.Star(), turn), f"shuffled_{of}")
        few = exp.LTE(this=column(self.names.turn), expression=self.rows)
        drawn = from_step(select(exp.Star()), f"turns_of_{of}").where(few, copy=False)
        drawn = drawn.order_by(*self.order(), copy=False)
        drawn.set("limit", exp.Limit(expression=self.rows))
        why = "a random sample, always the same for the same seed"
        each = "each entity has its turn before one has its second, so that rare ones are in it"
        return [
            Step(f"shuffled_{of}", from_step(shuffled, of), why),
            Step(f"turns_of_{of}", turns),
            Step(name, drawn, each),
        ]

    def order(self, step: str | None = None) -> list[exp.Expr]:
        """What comes first in a sample; with the name of its step, where others are beside it."""
        return columns((self.names.turn, self.names.entity_order, self.names.order), step)

    def _chance(self, names: tuple[str, ...]) -> exp.Expr:
        seed = jinja("mlforge_literal(var('mlforge_audit_seed', 0) | string)")
        parts = [self.dialect.cast(item, TEXT) for item in columns(names)]
        return func("md5", func("concat_ws", exp.Literal.string("|"), seed, *parts))

    # Instants of a feature's table

    def instants(self) -> list[Step]:
        """Instants at which a row begins, or should begin, and a microsecond before them.

        An engine may compute a step for each step that reads it, so each has one reader where it can.
        """
        return [
            self._source_entities(),
            self._table_entities(),
            *self._entities(),
            self._candidates(),
            *self._in_turn("candidates", (self.names.origin,), "drawn"),
            self._drawn_changes(),
            self._moments(),
            *self._in_turn("moments", (), "sampled"),
            *self._weighed(),
        ]

    def countable(self, query: exp.Select) -> exp.Select:
        """Only events that the feature can see at some time."""
        conditions = [self.dialect.is_instant(column(self.node.event_time))]
        if self.node.labels is None:
            conditions += [not_null(item) for item in columns(self.node.keys)]
        if self.node.where is not None:
            conditions.append(self.dialect.expression(self.node.where))
        return query.where(*conditions, copy=False)

    def _source_entities(self) -> Step:
        count = aliased(exp.Count(this=exp.Star()), self.names.weight)
        query = from_table(select(*columns(self.node.keys), count), ref(self.node.staging))
        query = self.countable(query).group_by(*columns(self.node.keys), copy=False)
        return Step("source_entities", query, "the entities that have events of the feature")

    def _table_entities(self) -> Step:
        query = from_table(select(*columns(self.node.keys)), ref(self.node.feature))
        return Step("table_entities", query.distinct(copy=False))

    def _entities(self) -> list[Step]:
        """Random entities, no more than have a bounded number of events."""
        order = aliased(self._chance(self.node.keys), self.names.entity_order)
        drawn = from_step(select(exp.Star(), order), "source_entities")
        drawn = drawn.order_by(column(self.names.entity_order), copy=False)
        drawn.set("limit", exp.Limit(expression=self.rows))
        before = self._before(column(self.names.entity_order))
        counted = from_step(
            select(exp.Star(), aliased(before, self.names.before)), "drawn_entities"
        )
        few = exp.LT(this=column(self.names.before), expression=self._for_each(ENTITY_EVENTS))
        kept = select(*columns((*self.node.keys, self.names.weight)))
        kept = from_step(kept, "counted_entities").where(few, copy=False)
        return [
            Step("drawn_entities", drawn, "random entities, the same ones for the same seed"),
            Step("counted_entities", counted),
            Step(
                "entities", kept, f"so many that {ENTITY_EVENTS:,} events for each row are enough"
            ),
        ]

    def _before(self, order: exp.Expr) -> exp.Expr:
        """How many events the entities of all earlier rows have."""
        weight = column(self.names.weight)
        total = exp.Window(this=func("sum", weight), order=exp.Order(expressions=[order]))
        return exp.Sub(this=total, expression=weight.copy())

    def table(self, alias: str) -> exp.Expr:
        """The feature's table."""
        found = ref(self.node.feature)
        found.set("alias", exp.TableAlias(this=identifier(alias)))
        return found

    def same_entity(self, left: str, right: str) -> exp.Expr:
        """Whether two rows are of one entity."""
        return all_of(
            exp.EQ(this=column(name, left), expression=column(name, right))
            for name in self.node.keys
        )

    def _candidates(self) -> Step:
        keys, time, origin = self.node.keys, self.names.time, self.names.origin
        begins = aliased(column(BEGINNING), time)
        rows = select(*columns(keys), begins, aliased(exp.Literal.string("row"), origin))
        event = exp.Literal.string("event")
        events = select(*columns((*keys, self.node.event_time)), event)
        seen = union(
            [
                from_table(rows, ref(self.node.feature)),
                self.countable(from_table(events, ref(self.node.staging))),
            ],
            distinct=False,
        )
        both = exp.Subquery(this=seen, alias=exp.TableAlias(this=identifier("seen")))
        names = [*columns((*keys, time, origin), "seen"), column(self.names.weight, "entities")]
        same = exp.Join(this=both, kind="INNER", on=self.same_entity("seen", "entities"))
        query = from_step(select(*names), "entities").join(same, copy=False)
        comment = "where the table's rows begin, and the events that should have made them"
        return Step("candidates", query, comment)

    def _drawn_changes(self) -> Step:
        comment = (
            "the rows that were drawn; when the events become visible, enter windows and leave them"
        )
        return Step("drawn_changes", self._changes("drawn", self.names.weight), comment)

    def _changes(self, step: str, more: str) -> exp.Select:
        """The instants at which rows of a step begin, and its events change a value."""
        time = column(self.names.time, step)
        instants = [time, *(self.visible(time.copy(), shift) for shift in self.node.shifts)]
        query = self._each(step, instants, more)
        row = exp.Literal.string("row")
        is_row = exp.EQ(this=column(self.names.origin, step), expression=row)
        itself = exp.EQ(this=column(self.names.edge, "edges"), expression=number(0))
        left, right = (exp.Paren(this=item) for item in (is_row, itself))
        return query.where(exp.EQ(this=left, expression=right), copy=False)

    def _each(self, step: str, instants: Sequence[exp.Expr], more: str) -> exp.Select:
        """The rows of a step, once at each of some instants."""
        edge = column(self.names.edge, "edges")
        cases = [exp.If(this=number(at), true=tree) for at, tree in enumerate(instants)]
        query = select(
            *columns(self.node.keys, step),
            aliased(exp.Case(this=edge, ifs=cases), self.names.time),
            column(more, step),
        )
        rows = [exp.Tuple(expressions=[number(at)]) for at in range(len(instants))]
        alias = exp.TableAlias(this=identifier("edges"), columns=[identifier(self.names.edge)])
        edges = exp.Values(expressions=rows, alias=alias)
        return from_step(query, step).join(exp.Join(this=edges, kind="CROSS"), copy=False)

    def visible(self, event: exp.Expr, shift: int) -> exp.Expr:
        """The instant at which an event becomes visible, ``shift`` later."""
        clock, later = self.node.clock, self.dialect.later
        if clock.interval is not None:
            visible = later(self.dialect.last_tick(event, clock), clock.unit)
        else:
            visible = event if clock.inclusive else later(event, 1)
        return later(later(visible, shift), self.node.delay.microseconds)

    def _moments(self) -> Step:
        time = column(self.names.time, "drawn_changes")
        instants = [time, self.dialect.earlier(time.copy(), 1)]
        query = self._each("drawn_changes", instants, self.names.weight).distinct(copy=False)
        return Step("moments", query, "these instants and a microsecond before them")

    def _weighed(self) -> list[Step]:
        rank = exp.Window(this=exp.RowNumber(), order=exp.Order(expressions=self.order()))
        names = columns((*self.node.keys, self.names.time, self.names.weight))
        numbered = from_step(select(aliased(rank, self.names.number), *names), "sampled")
        before = aliased(self._before(column(self.names.number)), self.names.before)
        return [
            Step("numbered", numbered),
            Step("counted", from_step(select(exp.Star(), before), "numbered")),
        ]

    def few(self) -> exp.Expr:
        """Whether an instant is one of those that are looked at: busy entities have fewer."""
        most = self._for_each(SEEN_EVENTS)
        return exp.LT(this=column(self.names.before), expression=most)

    def _for_each(self, events: int) -> exp.Expr:
        return times(self.dialect.cast(self.rows, BIGINT), events)

    # Rows and entities that are there, or are not

    def unmatched(self) -> list[Step]:
        """Entities of the source and of the table; instants of the entities that were drawn."""
        keys, origin = self.node.keys, self.names.origin
        parts = [
            from_step(select(*columns(keys), aliased(exp.Literal.string(word), origin)), step)
            for step, word in (("source_entities", "event"), ("table_entities", "row"))
        ]
        return [
            Step(
                "beginnings",
                self._changes("candidates", origin),
                "where rows begin, and every instant at which a value of a drawn entity can change",
            ),
            self._on_one_side("unmatched_rows", (*keys, self.names.time), "beginnings"),
            Step("known_entities", union(parts, distinct=False)),
            self._on_one_side("unmatched_entities", keys, "known_entities"),
        ]

    def _on_one_side(self, name: str, kept: tuple[str, ...], step: str) -> Step:
        """What has one origin alone: it is in the table or in the source, not in both."""
        origin = self.names.origin
        first, last = (func(word, column(origin)) for word in ("min", "max"))
        query = from_step(select(*columns(kept), aliased(first, origin)), step)
        query = query.group_by(*columns(kept), copy=False)
        return Step(name, query.having(exp.EQ(this=first.copy(), expression=last), copy=False))

    def told(self) -> list[exp.Select]:
        """A row for each entity and instant that is on one side alone."""
        time = column(self.names.time)
        never = self.dialect.cast(exp.Null(), TIMESTAMP)
        return [
            self._told("unmatched_rows", time, "a change", "no change"),
            self._told("unmatched_entities", never, "an event", "no event"),
        ]

    def _told(self, step: str, when: exp.Expr, known: str, unknown: str) -> exp.Select:
        in_table, again = self.names.both
        query = select(
            *columns(self.node.keys),
            aliased(when, self.names.time),
            aliased(exp.Literal.string("every column"), self.names.feature_column),
            aliased(self._by_origin("no row", "a row"), in_table),
            aliased(self._by_origin(known, unknown), again),
        )
        return from_step(query, step)

    def _by_origin(self, of_event: str, of_row: str) -> exp.Expr:
        event, *words = map(exp.Literal.string, ("event", of_event, of_row))
        is_event = exp.If(this=event, true=words[0])
        return exp.Case(this=column(self.names.origin), ifs=[is_event], default=words[1])
