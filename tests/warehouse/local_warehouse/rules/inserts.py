"""INSERT ... REPLACE WHERE, ON and USING with BY NAME and a source in parentheses."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from warehouse.local_warehouse.governance import TableName
from warehouse.local_warehouse.lexer import DOTTED, NAME, before_word, identifiers
from warehouse.local_warehouse.rules.names import rewritten
from warehouse.local_warehouse.rules.rule import rule

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.local_warehouse.sessions import Session

_QUERY_WORDS = frozenset({"SELECT", "TABLE", "WITH", "VALUES", "FROM"})
_ALIASED = re.compile(rf"^(\(.*\))\s+(?:as\s+)?({NAME})$", re.IGNORECASE | re.DOTALL)
_INSERT = rf"insert\s+into\s+(?:table\s+)?({DOTTED})"
_BY_NAME = r"(\s+by\s+name)?\s+replace\s+"


def _by_name(session: Session, table: TableName, query: str, flag: str | None) -> str:
    if not flag:
        return query
    columns = ", ".join(f"`{field.name}`" for field in session.fields(table))
    return f"select {columns} from ({query})"


@rule(rf"{_INSERT}{_BY_NAME}where\s+(.*)$")
def insert_replace_where(session: Session, match: re.Match[str]) -> pa.Table | None:
    """Delta has REPLACE WHERE, without BY NAME."""
    parts = before_word(match[3], _QUERY_WORDS)
    if parts is None:
        return None
    table, (condition, query) = session.parsed_name(match[1]), parts
    source = _by_name(session, table, query, match[2])
    return session.spark(
        f"insert into {session.physical(table)} replace where {condition} {source}"
    )


@rule(rf"{_INSERT}(?:\s+as\s+({NAME}))?{_BY_NAME}(on|using)\s+(.*)$")
def insert_replace_matching(session: Session, match: re.Match[str]) -> pa.Table | None:
    """Delete the matching rows, then insert: two versions, where Databricks writes one."""
    parts = before_word(match[5], _QUERY_WORDS)
    if parts is None:
        return None
    table, (condition, query) = session.parsed_name(match[1]), parts
    target, source = match[2] or "target", "source"
    aliased = _ALIASED.match(query)
    if aliased:
        query, source = aliased[1], aliased[2]
    keys = identifiers(condition)
    columns = "*"
    if match[4].lower() == "using":
        columns = ", ".join(f"`{key}`" for key in keys)
        condition = " and ".join(f"{target}.`{key}` <=> {source}.`{key}`" for key in keys)
    rows = f"__rows_{uuid.uuid4().hex}"
    statement = rewritten(session, _by_name(session, table, query, match[3])).text
    session.engine.show(rows, session.engine.sql(statement))
    try:
        session.engine.sql(
            f"merge into {session.physical(table)} as {target} "
            f"using (select distinct {columns} from {rows}) as {source} "
            f"on {condition} when matched then delete"
        )
        return session.engine.sql(f"insert into {session.physical(table)} select * from {rows}")
    finally:
        session.engine.hide(rows)


RULES = [insert_replace_where, insert_replace_matching]
