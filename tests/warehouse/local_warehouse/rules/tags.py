"""Tags of tables and columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from warehouse.local_warehouse.lexer import DOTTED, NAME, pairs, strings
from warehouse.local_warehouse.rules.rule import nothing, rule

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.local_warehouse.sessions import Session

_ALTER = rf"alter\s+(?:table|view|materialized\s+view|streaming\s+table)\s+({DOTTED})\s+"
_COLUMN = rf"(?:alter|change)\s+(?:column\s+)?({NAME})\s+"


@rule(rf"{_ALTER}set\s+tags\s*\((.*)\)\s*$")
def set_tags(session: Session, match: re.Match[str]) -> pa.Table:
    """New tags join the old ones."""
    session.notes(session.parsed_name(match[1])).tags.update(pairs(match[2]))
    return nothing()


@rule(rf"{_ALTER}unset\s+tags\s*\((.*)\)\s*$")
def unset_tags(session: Session, match: re.Match[str]) -> pa.Table:
    """The named tags go."""
    tags = session.notes(session.parsed_name(match[1])).tags
    for tag in strings(match[2]):
        tags.pop(tag, None)
    return nothing()


@rule(rf"{_ALTER}{_COLUMN}set\s+tags\s*\((.*)\)\s*$")
def set_column_tags(session: Session, match: re.Match[str]) -> pa.Table:
    """New tags of a column join the old ones."""
    tags = session.notes(session.parsed_name(match[1])).column_tags
    tags.setdefault(match[2].strip("`"), {}).update(pairs(match[3]))
    return nothing()


@rule(rf"{_ALTER}{_COLUMN}unset\s+tags\s*\((.*)\)\s*$")
def unset_column_tags(session: Session, match: re.Match[str]) -> pa.Table:
    """The named tags of a column go."""
    tags = session.notes(session.parsed_name(match[1])).column_tags
    for tag in strings(match[3]):
        tags.get(match[2].strip("`"), {}).pop(tag, None)
    return nothing()


RULES = [set_tags, unset_tags, set_column_tags, unset_column_tags]
