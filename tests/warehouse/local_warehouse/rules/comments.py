"""Comments on columns and views, which Spark cannot change in place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from warehouse.local_warehouse.governance import TableName
from warehouse.local_warehouse.lexer import DOTTED, identifiers, literal
from warehouse.local_warehouse.rules.rule import rule

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.local_warehouse.catalog import Relation
    from warehouse.local_warehouse.sessions import Session


def recreate_view(session: Session, view: Relation, comments: dict[str, str]) -> pa.Table:
    """The same view with other comments (literals by column)."""
    columns = []
    for field in session.fields(view.name):
        old = literal(field.comment) if field.comment else None
        comment = comments.get(field.name.lower(), old)
        columns.append(f"`{field.name}`" + (f" comment {comment}" if comment else ""))
    about = f" comment {literal(view.comment)}" if view.comment else ""
    return session.engine.sql(
        f"create or replace view {session.physical(view.name)} ({', '.join(columns)}){about} "
        f"as {view.view_text}"
    )


def _comment(text: str) -> str:
    return "''" if text.strip().upper() == "NULL" else text


@rule(rf"comment\s+on\s+column\s+({DOTTED})\s+is\s+(.*)$")
def comment_on_column(session: Session, match: re.Match[str]) -> pa.Table:
    """A table's column is altered, a view is made again."""
    *parts, column = identifiers(match[1])
    name, comment = session.name(parts), _comment(match[2])
    relation = session.relation(name)
    if relation is not None and relation.is_view:
        return recreate_view(session, relation, {column: comment})
    statement = f"alter table {session.physical(name)} alter column `{column}` comment {comment}"
    return session.engine.sql(statement)


@rule(rf"comment\s+on\s+(?:view|materialized\s+view)\s+({DOTTED})\s+is\s+(.*)$")
def comment_on_view(session: Session, match: re.Match[str]) -> pa.Table:
    """A view's comment is a property for Spark."""
    return _set_comment(session, session.parsed_name(match[1]), _comment(match[2]))


@rule(rf"comment\s+on\s+table\s+({DOTTED})\s+is\s+(.*)$")
def comment_on_table(session: Session, match: re.Match[str]) -> pa.Table | None:
    """Databricks takes a view's name here too; a table is Spark's."""
    relation = session.relation(session.parsed_name(match[1]))
    if relation is None or not relation.is_view:
        return None
    return _set_comment(session, relation.name, _comment(match[2]))


def _set_comment(session: Session, view: TableName, comment: str) -> pa.Table:
    properties = f"set tblproperties ('comment' = {comment})"
    return session.engine.sql(f"alter view {session.physical(view)} {properties}")


RULES = [comment_on_column, comment_on_view, comment_on_table]
