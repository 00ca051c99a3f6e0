"""What a session needs from Spark; the tests of the rules give a stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from warehouse.local_warehouse.catalog import Field, Relation

if TYPE_CHECKING:
    import pyarrow as pa


class Engine(Protocol):
    """One session of Spark."""

    def sql(self, text: str) -> pa.Table:
        """Run a statement; its result is complete."""

    def use(self, schema: str | None) -> bool:
        """Make a schema of Spark the current one; false when it does not exist."""

    def set_time_zone(self, zone: str) -> None:
        """The session's time zone."""

    def set_ansi(self, text: str) -> None:
        """ANSI errors on or off."""

    def set_time_parser(self, policy: str) -> None:
        """How text becomes dates: corrected, exception or legacy."""

    def fields(self, relation: str) -> list[Field]:
        """The columns of a relation."""

    def relations(self, schema: tuple[str, str] | None = None) -> list[Relation]:
        """Every table and view of the declared catalogs, or of one schema (its catalog and name)."""

    def schemas(self) -> list[tuple[str, str]]:
        """Catalog and schema of every schema."""

    def is_temporary(self, name: str) -> bool:
        """Is this a temporary view of the session."""

    def show(self, view: str, rows: pa.Table) -> None:
        """Make rows readable under a name, until `hide`."""

    def hide(self, view: str) -> None:
        """Drop what `show` made."""

    def tree(self, relation: str) -> str:
        """The columns as Spark's text tree."""

    def cancel(self) -> None:
        """Stop the running statement."""

    def close(self) -> None:
        """Drop what belongs to the session."""
