"""What Unity Catalog knows about tables and Spark's session catalog does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["PRIMARY KEY", "FOREIGN KEY"]


class TableName(NamedTuple):
    """A table's three names; both first are empty for a temporary view."""

    catalog: str
    schema: str
    table: str

    @property
    def temporary(self) -> bool:
        return not self.catalog

    @property
    def dotted(self) -> str:
        return ".".join(part for part in self if part)

    @property
    def quoted(self) -> str:
        return ".".join(f"`{part}`" for part in self if part)


@dataclass(frozen=True)
class Constraint:
    """A key of a table; foreign keys have a parent."""

    kind: Kind
    columns: tuple[str, ...]
    time_series: str | None = None
    parent: TableName | None = None
    parent_columns: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As `DESCRIBE EXTENDED` words it."""
        columns = ", ".join(
            f"`{column}`" + (" TIMESERIES" if column == self.time_series else "")
            for column in self.columns
        )
        if self.parent is None:
            return f"PRIMARY KEY ({columns})"
        parent_columns = ", ".join(f"`{column}`" for column in self.parent_columns)
        return f"FOREIGN KEY ({columns}) REFERENCES {self.parent.quoted} ({parent_columns})"


@dataclass
class TableNotes:
    """The notes about one table or view."""

    tags: dict[str, str] = field(default_factory=dict)
    column_tags: dict[str, dict[str, str]] = field(default_factory=dict)
    constraints: dict[str, Constraint] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    not_null: set[str] = field(default_factory=set)
    view_text: str | None = None

    @property
    def primary_key(self) -> Constraint | None:
        keys = (item for item in self.constraints.values() if item.kind == "PRIMARY KEY")
        return next(keys, None)

    def replaced(self) -> None:
        """`create or replace` keeps tags and drops what belongs to the old definition."""
        self.constraints.clear()
        self.properties.clear()
        self.not_null.clear()
        self.view_text = None


class Grant(NamedTuple):
    """A privilege of a principal on an object."""

    principal: str
    privilege: str
    kind: str
    object_name: str


@dataclass
class Governance:
    """All notes and grants."""

    notes: dict[TableName, TableNotes] = field(default_factory=dict)
    grants: set[Grant] = field(default_factory=set)

    def of(self, name: TableName) -> TableNotes:
        return self.notes.setdefault(name, TableNotes())

    def forget(self, name: TableName) -> None:
        self.notes.pop(name, None)

    def forget_schema(self, catalog: str, schema: str) -> None:
        for name in [name for name in self.notes if name[:2] == (catalog, schema)]:
            del self.notes[name]

    def rename(self, old: TableName, new: TableName) -> None:
        if old in self.notes:
            self.notes[new] = self.notes.pop(old)

    def clear(self) -> None:
        self.notes.clear()
        self.grants.clear()
