"""PRIMARY KEY and FOREIGN KEY, which inform and are not enforced, and NOT NULL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from warehouse.local_warehouse.errors import WarehouseError
from warehouse.local_warehouse.governance import Constraint, TableName
from warehouse.local_warehouse.lexer import DOTTED, NAME, Token, identifiers, joined, split, tokens
from warehouse.local_warehouse.rules.rule import nothing, rule

if TYPE_CHECKING:
    import pyarrow as pa

    from warehouse.local_warehouse.sessions import Session

_FLAGS = re.IGNORECASE | re.DOTALL
_PRIMARY = re.compile(rf"(?:constraint\s+({NAME})\s+)?primary\s+key\s*\(([^)]*)\)", _FLAGS)
_FOREIGN = re.compile(
    rf"(?:constraint\s+({NAME})\s+)?foreign\s+key\s*\(([^)]*)\)\s*"
    rf"references\s+({DOTTED})\s*(?:\(([^)]*)\))?",
    _FLAGS,
)
_INLINE = re.compile(
    rf"\b(?:constraint\s+({NAME})\s+)?primary\s+key\b(?:\s+(?:no)?rely)?", re.IGNORECASE
)
_TIME_SERIES = re.compile(r"\btimeseries\s*$", re.IGNORECASE)

NamedConstraint = tuple[str | None, Constraint]


def parse_constraint(session: Session, text: str) -> NamedConstraint | None:
    """A key clause with its name, or nothing when it is another clause."""
    primary = _PRIMARY.match(text.strip())
    if primary:
        parts = split(primary[2])
        columns = tuple(identifiers(part)[0] for part in parts)
        series = (identifiers(part)[0] for part in parts if _TIME_SERIES.search(part))
        return primary[1], Constraint("PRIMARY KEY", columns, next(series, None))
    foreign = _FOREIGN.match(text.strip())
    if foreign:
        return foreign[1], Constraint(
            "FOREIGN KEY",
            tuple(identifiers(foreign[2])),
            parent=session.name(identifiers(foreign[3])),
            parent_columns=tuple(identifiers(foreign[4] or "")),
        )
    return None


def parse_column(text: str) -> tuple[str, NamedConstraint | None]:
    """A column definition without its inline PRIMARY KEY, and that key."""
    hidden = joined(
        [
            Token("string", " " * len(token.text)) if token.kind == "string" else token
            for token in tokens(text)
        ]
    )
    inline = _INLINE.search(hidden)
    if inline is None or not identifiers(text):
        return text, None
    column = identifiers(text)[0]
    rest = text[: inline.start()] + text[inline.end() :]
    if not re.search(r"\bnot\s+null\b", hidden, re.IGNORECASE):
        rest = f"{rest.rstrip()} not null"
    return rest, (inline[1], Constraint("PRIMARY KEY", (column,)))


def add(session: Session, table: TableName, named: NamedConstraint) -> None:
    """Note a key after the checks that Unity Catalog makes."""
    name, constraint = named
    _check_columns(session, table, constraint)
    if constraint.kind == "FOREIGN KEY":
        constraint = _with_parent(session, constraint)
    elif session.notes(table).primary_key:
        text = f"{table.quoted} already has a primary key. Cannot add another one."
        raise WarehouseError("TABLE_ALREADY_HAS_PRIMARY_KEY", text, "42710")
    suffix = "pk" if constraint.kind == "PRIMARY KEY" else "fk"
    key = (name or f"{table.table}_{suffix}").strip("`").lower()
    if key in session.notes(table).constraints:
        text = f"Constraint '{key}' already exists. Please delete the old constraint first."
        raise WarehouseError("DELTA_CONSTRAINT_ALREADY_EXISTS", text, "42710")
    session.notes(table).constraints[key] = constraint


def _check_columns(session: Session, table: TableName, constraint: Constraint) -> None:
    fields = {field.name.lower(): field for field in session.fields(table)}
    for column in constraint.columns:
        if column not in fields:
            text = f"The column `{column}` of the constraint is not in {table.quoted}."
            raise WarehouseError("UNRESOLVED_COLUMN", text, "42703")
        nullable = fields[column].nullable and column not in session.notes(table).not_null
        if constraint.kind == "PRIMARY KEY" and nullable:
            text = (
                f"Cannot create the primary key because its child column(s) `{column}` is "
                "nullable. Please change the column nullability and retry."
            )
            raise WarehouseError("PRIMARY_KEY_COLUMN_NULLABLE", text, "42831")


def _with_parent(session: Session, constraint: Constraint) -> Constraint:
    assert constraint.parent is not None
    key = session.notes(constraint.parent).primary_key
    if key is None:
        text = f"The parent table {constraint.parent.quoted} has no primary key."
        raise WarehouseError("FOREIGN_KEY_PARENT_WITHOUT_PRIMARY_KEY", text, "42830")
    columns = constraint.parent_columns or key.columns
    return Constraint(
        "FOREIGN KEY", constraint.columns, parent=constraint.parent, parent_columns=columns
    )


@rule(rf"alter\s+table\s+({DOTTED})\s+add\s+(.*)$")
def add_key(session: Session, match: re.Match[str]) -> pa.Table | None:
    """ADD CONSTRAINT of a key; a CHECK and a new column are Delta's."""
    constraint = parse_constraint(session, match[2])
    if constraint is None:
        return None
    add(session, session.parsed_name(match[1]), constraint)
    return nothing()


@rule(rf"alter\s+table\s+({DOTTED})\s+drop\s+constraint\s+(?:if\s+exists\s+)?({NAME})")
def drop_key(session: Session, match: re.Match[str]) -> pa.Table | None:
    """DROP CONSTRAINT of a key; a CHECK is Delta's."""
    keys = session.notes(session.parsed_name(match[1])).constraints
    return nothing() if keys.pop(match[2].strip("`").lower(), None) else None


@rule(rf"alter\s+table\s+({DOTTED})\s+drop\s+primary\s+key")
def drop_primary_key(session: Session, match: re.Match[str]) -> pa.Table:
    """The one primary key goes, whatever its name."""
    keys = session.notes(session.parsed_name(match[1])).constraints
    for name in [name for name, item in keys.items() if item.kind == "PRIMARY KEY"]:
        del keys[name]
    return nothing()


@rule(rf"alter\s+table\s+({DOTTED})\s+(?:alter|change)\s+(?:column\s+)?({NAME})\s+set\s+not\s+null")
def set_not_null(session: Session, match: re.Match[str]) -> pa.Table:
    """Delta cannot tighten a column here: a CHECK stands for it, and a note."""
    table, column = session.parsed_name(match[1]), match[2].strip("`").lower()
    notes, relation = session.notes(table), session.physical(table)
    nullable = {field.name.lower(): field.nullable for field in session.fields(table)}
    if column not in nullable:
        text = f"The column `{column}` is not in {table.quoted}."
        raise WarehouseError("UNRESOLVED_COLUMN", text, "42703")
    if not nullable[column] or column in notes.not_null:
        return nothing()
    check = f"`__not_null_{column}` check (`{column}` is not null)"
    try:
        session.engine.sql(f"alter table {relation} add constraint {check}")
    except Exception as error:
        if "DELTA_NEW_CHECK_CONSTRAINT_VIOLATION" not in str(error):
            raise
        text = f"Rows in {table.dotted} violate the new NOT NULL constraint on {column}."
        raise WarehouseError("DELTA_NEW_NOT_NULL_VIOLATION", text, "23512") from error
    notes.not_null.add(column)
    return nothing()


@rule(
    rf"alter\s+table\s+({DOTTED})\s+(?:alter|change)\s+(?:column\s+)?({NAME})\s+drop\s+not\s+null"
)
def drop_not_null(session: Session, match: re.Match[str]) -> pa.Table | None:
    """The CHECK that stood for NOT NULL goes; a real one is Delta's."""
    table, column = session.parsed_name(match[1]), match[2].strip("`").lower()
    notes = session.notes(table)
    if column not in notes.not_null:
        return None
    notes.not_null.discard(column)
    relation = session.physical(table)
    return session.engine.sql(f"alter table {relation} drop constraint `__not_null_{column}`")


RULES = [add_key, drop_key, drop_primary_key, set_not_null, drop_not_null]
