"""Names in an audit: those of its own columns, none of which is that of a column of the user's."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlforge_sql.plan.nodes import Audit, AuditColumn, Window


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
        used = [*node.keys, node.event_time, *(name for name, _ in node.inputs)]
        used += [name for item in node.columns for name in (item.name, self.stored(item))]
        object.__setattr__(self, "taken", frozenset(name.casefold() for name in used))

    def free(self, wanted: str) -> str:
        """The name, marked as ours where a user's column has it."""
        while wanted.casefold() in self.taken:
            wanted = f"mlforge_{wanted}"
        return wanted

    def stored(self, item: AuditColumn) -> str:
        """A feature column in the training set."""
        return f"{self.node.feature}__{item.name}"

    @property
    def time(self) -> str:
        """The label's time."""
        return self.free("label_time")

    @property
    def number(self) -> str:
        """The number of a label in the sample."""
        return self.free("label_number")

    @property
    def order(self) -> str:
        """What the sample is ordered by."""
        return self.free("sample_order")

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
        """The value in the training set and the one computed again, as text."""
        return self.free("in_training_set"), self.free("recomputed")

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

    def extreme(self, value: str, word: str) -> str:
        """The lowest or highest of an entity's values."""
        return self.free(f"{value}_{word}")

    def rounding_of(self, item: AuditColumn) -> str:
        """What rounding may change in a column."""
        return self.free(f"{item.name}_rounding")
