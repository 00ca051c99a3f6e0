"""What a rule is: a named function for one kind of statement that Spark lacks."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from warehouse.local_warehouse.sessions import Session

Handler = Callable[["Session", re.Match[str]], "pa.Table | None"]


@dataclass(frozen=True)
class Rule:
    """A pattern on the statement without comments, and what to do with it."""

    name: str
    pattern: re.Pattern[str]
    handler: Handler

    def apply(self, session: Session, statement: str) -> pa.Table | None:
        """The result, or nothing when the statement is not this rule's."""
        match = self.pattern.match(statement)
        return self.handler(session, match) if match else None


def rule(pattern: str) -> Callable[[Handler], Rule]:
    """Make a rule of a function; it may still decline by returning nothing."""

    def decorate(handler: Handler) -> Rule:
        compiled = re.compile(pattern, re.IGNORECASE | re.DOTALL)
        return Rule(handler.__name__, compiled, handler)

    return decorate


def nothing() -> pa.Table:
    """The result of a statement without rows."""
    return pa.table({})


def text_rows(columns: str, rows: Sequence[tuple[str | None, ...]]) -> pa.Table:
    """Rows of text; the columns' names in one string."""
    names = columns.split()
    return pa.table(
        {
            name: pa.array([row[position] for row in rows], pa.string())
            for position, name in enumerate(names)
        }
    )
