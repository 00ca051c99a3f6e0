"""What the resolver asks of the engine about files and expressions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from mlforge_sql.types import ColumnType, FileSchema


class TypeReader(Protocol):
    """What the resolver asks the engine; ``loading.schemas.SchemaReader`` answers."""

    def read(
        self, path: str, declared: Mapping[str, ColumnType] | None = None, time: str | None = None
    ) -> FileSchema:
        """Columns of a file or glob, some with a declared type; raises ``SchemaUnreadable``."""
        ...

    def infer(self, sql: str, columns: Mapping[str, ColumnType]) -> ColumnType:
        """Type of an expression; raises ``InvalidExpression``."""
        ...

    def infer_all(self, sql: Sequence[str], columns: Mapping[str, ColumnType]) -> list[ColumnType]:
        """Types of expressions; raises ``InvalidExpression`` when one has none."""
        ...

    def pattern_problem(self, pattern: str) -> str | None:
        """What is wrong with a regular expression; None when nothing is."""
        ...

    def has_dates(self, path: str, column: str) -> bool:
        """Whether a column of csv or json files has dates without a time of the day."""
        ...

    def numbers_in_text(self, path: str, column: str) -> tuple[int, int]:
        """How many values a column of csv or json files has that are numbers, and that are not."""
        ...

    def only_midnights(self, path: str, column: str, format_: str | None) -> bool:
        """Whether the times in a column of a file or glob are all midnights, and more than one."""
        ...

    def volatile(self, functions: Iterable[str]) -> list[str]:
        """Functions whose result changes from run to run."""
        ...
