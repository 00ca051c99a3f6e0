"""Names in an audit: those of its own columns, none of which is that of a column of the user's."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlforge_sql.plan.nodes import Audit, AuditColumn, Window

BEGINNING = "feature_timestamp"
"""When a row of a feature's table begins."""


@dataclass(frozen=True, slots=True)
class AuditNames:
    """Names of the columns that an audit computes.

    Attributes:
        node: The audit.
        taken: Names that the user's columns have, case-folded.
    """

    node: Audit
    taken: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        node = self.node
        used = [*node.keys, node.event_time, *(name for name, _ in node.inputs), BEGINNING]
        used += [name for item in node.columns for name in (item.name, self.stored(item))]
        object.__setattr__(self, "taken", frozenset(name.casefold() for name in used))

    def free(self, wanted: str) -> str:
        """The name, marked as ours where a user's column has it."""
        while wanted.casefold() in self.taken:
            wanted = f"mlforge_{wanted}"
        return wanted

    def stored(self, item: AuditColumn) -> str:
        """A feature column in the training set, or in the feature's table."""
        return f"{self.node.feature}__{item.name}" if self.node.labels else item.name

    @property
    def point(self) -> str:
        """What is looked at, in a word."""
        return "label" if self.node.labels else "instant"

    @property
    def time(self) -> str:
        """The label's time, or the instant."""
        return self.free("label_time" if self.node.labels else "instant")

    @property
    def number(self) -> str:
        """The number of a label or an instant in the sample."""
        return self.free(f"{self.point}_number")

    @property
    def order(self) -> str:
        """What the sample is ordered by, within an entity."""
        return self.free("sample_order")

    @property
    def entity_order(self) -> str:
        """What entities are ordered by."""
        return self.free("entity_order")

    @property
    def turn(self) -> str:
        """The how manieth of its entity something is in the sample."""
        return self.free("turn")

    @property
    def origin(self) -> str:
        """Whether an instant is one of a row or of an event."""
        return self.free("origin")

    @property
    def edge(self) -> str:
        """Which of an event's changes is meant."""
        return self.free("edge")

    @property
    def weight(self) -> str:
        """How many events an entity has."""
        return self.free("entity_events")

    @property
    def before(self) -> str:
        """How many events all that come first in the sample have."""
        return self.free("events_before")

    @property
    def begins(self) -> str:
        """When the row that holds begins; NULL when there is none yet."""
        return self.free("row_begins")

    @property
    def bound(self) -> str:
        """What the windows of a label end at."""
        if self.node.clock.interval is not None:
            return self.free("tick")
        return self.free("known_time") if self.node.delay.microseconds else self.time

    @property
    def recent(self) -> str:
        """Whether an event has changed the row within the ttl."""
        return self.free("is_recent")

    @property
    def age(self) -> str:
        """How many events of a label are later, and one."""
        return self.free("age")

    @property
    def feature_column(self) -> str:
        """Which feature column a value is of."""
        return self.free("feature_column")

    @property
    def both(self) -> tuple[str, str]:
        """The value that is there and the one computed again, as text."""
        place = "in_training_set" if self.node.labels else "in_table"
        return self.free(place), self.free("recomputed")

    @property
    def numbers(self) -> tuple[str, str]:
        """The same as doubles."""
        return self.free("stored_number"), self.free("recomputed_number")

    @property
    def rounding(self) -> str:
        """How far apart both may be."""
        return self.free("rounding")

    def flag(self, window: Window) -> str:
        """Whether an event is in a window."""
        return self.free(f"in_{window.name}")

    def low(self, spread: str) -> str:
        """The lowest value of a window."""
        return self.free(f"{spread}_low")

    def distance(self, spread: str) -> str:
        """A value of a window, or its distance from the lowest."""
        return self.free(f"{spread}_distance")

    def middle(self, spread: str) -> str:
        """The mean of the distances."""
        return self.free(f"{spread}_middle")

    def times(self, item: AuditColumn) -> str:
        """How many times a value is in the window."""
        return self.free(f"{item.name}_times")

    def end(self, item: AuditColumn) -> str:
        """The largest or the smallest of the other column in the window."""
        return self.free(f"{item.name}_end")

    def most(self, item: AuditColumn) -> str:
        """How many times the most frequent value is in it."""
        return self.free(f"{item.name}_most")

    def rounding_of(self, item: AuditColumn) -> str:
        """What rounding may change in a column."""
        return self.free(f"{item.name}_rounding")
