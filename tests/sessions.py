"""A connection of the doctor and its cursor in one, without an engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from databricks.sql.exc import Error


class Session:
    """Gives the rows of the statements it knows, none for others; notes all, and refuses some.

    Args:
        rows: Rows by statement, or an exception to raise; None where every statement is known.
        refused: Words of statements that are refused.
    """

    def __init__(
        self, rows: Mapping[str, Any] | None = None, refused: tuple[str, ...] = ()
    ) -> None:
        self.statements: list[str] = []
        self._rows = rows
        self._refused = refused
        self._found: Any = None

    def cursor(self) -> Session:
        return self

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str) -> None:
        self.statements.append(statement)
        if any(words in statement for words in self._refused):
            raise Error("[PARSE_SYNTAX_ERROR] Syntax error near 'x'. dapi0123456789abcdef")
        self._found = [] if self._rows is None else self._rows[statement]
        if isinstance(self._found, Exception):
            raise self._found

    def fetchall(self) -> Any:
        return self._found
