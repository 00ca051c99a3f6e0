"""CREATE, ALTER and DROP of tables and views: what Delta lacks, and what the notes need."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from warehouse.local_warehouse.lexer import DOTTED, NAME, before_word, parenthesis, split
from warehouse.local_warehouse.rules.constraints import (
    NamedConstraint,
    add,
    parse_column,
    parse_constraint,
)
from warehouse.local_warehouse.rules.rule import nothing, rule

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.local_warehouse.sessions import Session

_AS = frozenset({"AS"})
_CLUSTER_AUTO = re.compile(r"\bcluster\s+by\s+auto\b", re.IGNORECASE)


@rule(rf"create\s+(?:or\s+replace\s+)?temp(?:orary)?\s+table\s+({NAME})\s+(.*)$")
def create_temporary_table(session: Session, match: re.Match[str]) -> pa.Table:
    """A table out of sight, read through a temporary view of the session."""
    name, table = match[1].strip("`").lower(), f"`__nowhere`.`t_{uuid.uuid4().hex}`"
    session.spark(f"create table {table} {match[2]}")
    session.engine.sql(f"create or replace temporary view `{name}` as select * from {table}")
    session.temporary_tables[name] = table
    return nothing()


def without_keys(session: Session, definition: str) -> tuple[str, list[NamedConstraint]]:
    """The part of CREATE TABLE after its name, without keys; and the keys."""
    if not definition.startswith("("):
        return definition, []
    body, rest = parenthesis(definition)
    columns, keys = [], []
    for part in split(body):
        key = parse_constraint(session, part)
        text = ""
        if key is None:
            text, key = parse_column(part)
        if text:
            columns.append(text)
        if key is not None:
            keys.append(key)
    if not keys:
        return definition, []
    return f"({', '.join(columns)}){rest}", keys


@rule(
    rf"(create\s+(or\s+replace\s+)?(?:external\s+)?table\s+(?:if\s+not\s+exists\s+)?)({DOTTED})(.*)$"
)
def create_table(session: Session, match: re.Match[str]) -> pa.Table:
    """Keys and CLUSTER BY AUTO become notes; Delta gets the rest."""
    table = session.parsed_name(match[3])
    existed = session.relation(table) is not None
    definition, keys = without_keys(session, match[4].lstrip())
    head, query = before_word(definition, _AS) or (definition, "")
    plain = _CLUSTER_AUTO.sub("", head)
    rows = session.spark(f"{match[1]}{match[3]} {plain} {query}")
    if existed and not match[2]:
        return rows  # IF NOT EXISTS of a table that exists
    session.notes(table).replaced()
    if plain != head:
        session.notes(table).properties["clusterByAuto"] = "true"
    for key in keys:
        add(session, table, key)
    return rows


@rule(rf"create\s+(?:or\s+replace\s+)?view\s+(?:if\s+not\s+exists\s+)?({DOTTED})(.*)$")
def create_view(session: Session, match: re.Match[str]) -> pa.Table:
    """The text as it was written is what Databricks shows later."""
    rows = session.spark(match.string)
    parts = before_word(match[2], _AS)
    if parts is not None:
        session.notes(session.parsed_name(match[1])).view_text = parts[1][2:].strip()
    return rows


@rule(rf"alter\s+view\s+({DOTTED})\s+as\s+(.*)$")
def alter_view(session: Session, match: re.Match[str]) -> pa.Table:
    """Another query for the same view."""
    rows = session.spark(match.string)
    session.notes(session.parsed_name(match[1])).view_text = match[2].strip()
    return rows


@rule(rf"alter\s+table\s+({DOTTED})\s+cluster\s+by\s+auto\s*$")
def cluster_by_auto(session: Session, match: re.Match[str]) -> pa.Table:
    """The choice of clustering columns is the service's; here it is a note."""
    session.notes(session.parsed_name(match[1])).properties["clusterByAuto"] = "true"
    return nothing()


@rule(rf"alter\s+(?:table|schema|catalog)\s+{DOTTED}\s+\w+\s+predictive\s+optimization")
def predictive_optimization(session: Session, match: re.Match[str]) -> pa.Table:
    """A background service that does not exist here."""
    del session, match
    return nothing()


@rule(rf"alter\s+(?:table|view)\s+({DOTTED})\s+rename\s+to\s+({DOTTED})\s*$")
def rename(session: Session, match: re.Match[str]) -> pa.Table:
    """The notes follow the new name."""
    old, new = session.parsed_name(match[1]), session.parsed_name(match[2])
    kind = "view" if match[0].lower().split()[1] == "view" else "table"
    statement = f"alter {kind} {session.physical(old)} rename to {session.physical(new)}"
    rows = session.engine.sql(statement)
    session.governance.rename(old, new)
    return rows


@rule(
    rf"drop\s+(?:table|view|materialized\s+view|streaming\s+table)\s+(?:if\s+exists\s+)?({DOTTED})"
    r"(?:\s+purge)?\s*$"
)
def drop(session: Session, match: re.Match[str]) -> pa.Table:
    """The notes go with the table; a temporary table is dropped behind its view."""
    name = session.parsed_name(match[1])
    if name.temporary and name.table in session.temporary_tables:
        session.engine.hide(name.table)
        return session.engine.sql(f"drop table {session.temporary_tables.pop(name.table)}")
    rows = session.spark(match.string)
    session.governance.forget(name)
    return rows


@rule(rf"truncate\s+table\s+({DOTTED})\s*$")
def truncate(session: Session, match: re.Match[str]) -> pa.Table:
    """Delta here can only delete."""
    return session.engine.sql(f"delete from {session.physical(session.parsed_name(match[1]))}")


RULES = [
    create_temporary_table,
    create_table,
    create_view,
    alter_view,
    cluster_by_auto,
    predictive_optimization,
    rename,
    drop,
    truncate,
]
