"""DESCRIBE and SHOW of one table, in the forms dbt-databricks reads."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from warehouse.local_warehouse.governance import TableName, TableNotes
from warehouse.local_warehouse.lexer import DOTTED, wildcard
from warehouse.local_warehouse.rules.rule import rule, text_rows

if TYPE_CHECKING:
    from warehouse.local_warehouse.catalog import Field
    from warehouse.local_warehouse.sessions import Session

_JSON_NAMES = {
    "long": "bigint",
    "integer": "int",
    "short": "smallint",
    "byte": "tinyint",
    "timestamp": "timestamp_ltz",
}


def json_type(kind: Any) -> dict[str, Any]:
    """A type of Spark's JSON as `DESCRIBE ... AS JSON` writes it."""
    if isinstance(kind, str):
        decimal = re.match(r"decimal\((\d+),(\d+)\)", kind)
        if decimal:
            return {"name": "decimal", "precision": int(decimal[1]), "scale": int(decimal[2])}
        if kind == "string":
            return {"name": "string", "collation": "UTF8_BINARY"}
        return {"name": _JSON_NAMES.get(kind, kind)}
    if kind["type"] == "array":
        element = json_type(kind["elementType"])
        nullable = kind["containsNull"]
        return {"name": "array", "element_type": element, "element_nullable": nullable}
    if kind["type"] == "map":
        return {
            "name": "map",
            "key_type": json_type(kind["keyType"]),
            "value_type": json_type(kind["valueType"]),
            "value_nullable": kind["valueContainsNull"],
        }
    fields = [
        {"name": field["name"], "type": json_type(field["type"]), "nullable": field["nullable"]}
        for field in kind["fields"]
    ]
    return {"name": "struct", "fields": fields}


def json_column(field: Field, notes: TableNotes) -> dict[str, Any]:
    """One column of `DESCRIBE ... AS JSON`."""
    nullable = field.nullable and field.name.lower() not in notes.not_null
    column = {"name": field.name, "type": json_type(field.json), "nullable": nullable}
    return column if field.comment is None else {**column, "comment": field.comment}


def constraint_list(notes: TableNotes) -> str:
    """`[(name,PRIMARY KEY (`a`)), (name,FOREIGN KEY ...)]`."""
    items = (f"({name},{item.text})" for name, item in notes.constraints.items())
    return "[" + ", ".join(items) + "]"


def _details(session: Session, name: TableName) -> list[tuple[str | None, ...]]:
    rows = session.engine.sql(f"describe table extended {session.physical(name)}")
    return list(zip(*(column.to_pylist() for column in rows.columns), strict=True))


@rule(rf"(?:describe|desc)\s+(?:table\s+)?extended\s+({DOTTED})\s+as\s+json\s*$")
def describe_as_json(session: Session, match: re.Match[str]) -> pa.Table:
    """One row with the table's description as JSON."""
    name = session.parsed_name(match[1])
    details: dict[str | None, str | None] = {}
    for key, value, _ in reversed(_details(session, name)):
        if key == "# Detailed Table Information":
            break
        details[key] = value
    notes = session.notes(name)
    document: dict[str, Any] = {
        "table_name": name.table,
        "catalog_name": name.catalog,
        "namespace": [name.schema],
        "schema_name": name.schema,
        "type": details.get("Type") or "MANAGED",
        "provider": details.get("Provider") or "delta",
        "columns": [json_column(field, notes) for field in session.fields(name)],
    }
    if details.get("View Text"):
        document["view_text"] = notes.view_text or details["View Text"]
    if notes.constraints:
        document["table_constraints"] = constraint_list(notes)
    if details.get("Comment"):
        document["comment"] = details["Comment"]
    return text_rows("json_metadata", [(json.dumps(document),)])


@rule(rf"(?:describe|desc)\s+(?:table\s+)?extended\s+({DOTTED})\s*$")
def describe_extended(session: Session, match: re.Match[str]) -> pa.Table:
    """Spark's description with the names of Unity Catalog, and the constraints."""
    name = session.parsed_name(match[1])
    notes = session.notes(name)
    ours = {
        "Catalog": name.catalog,
        "Database": name.schema,
        "Table": name.table,
        "Name": name.dotted,
        "View Text": notes.view_text,
        "View Original Text": notes.view_text,
    }
    rows: list[tuple[str | None, ...]] = [
        (key, (ours.get(key or "") or value) if value else value, comment)
        for key, value, comment in _details(session, name)
        if "__not_null_" not in (key or "")
    ]
    if notes.constraints:
        rows += [("", "", ""), ("# Constraints", "", "")]
        rows += [(key, item.text, "") for key, item in notes.constraints.items()]
    return text_rows("col_name data_type comment", rows)


@rule(rf"show\s+table\s+extended\s+(?:in|from)\s+({DOTTED})\s+like\s+'(.*)'\s*$")
def show_table_extended(session: Session, match: re.Match[str]) -> pa.Table:
    """Each table's description as one text."""
    catalog, schema = session.schema_name(match[1])
    listed, rows = wildcard(match[2]), []
    for item in session.relations(catalog, schema):
        if not listed.match(item.name.table):
            continue
        lines = [
            f"Catalog: {catalog}",
            f"Database: {schema}",
            f"Table: {item.name.table}",
            "Owner: local_warehouse",
            f"Created Time: {time.ctime(item.created_ms / 1000)}",
            f"Type: {item.kind}",
            f"Provider: {(item.provider or '').lower()}",
            *([f"Comment: {item.comment}"] if item.comment else []),
            f"Schema: {session.engine.tree(session.physical(item.name))}",
        ]
        rows.append((schema, item.name.table, "false", "\n".join(lines)))
    table = text_rows("database tableName isTemporary information", rows)
    temporary = pa.array([False] * len(rows), pa.bool_())
    return table.set_column(2, "isTemporary", temporary)


@rule(rf"show\s+tblproperties\s+({DOTTED})(?:\s*\(.*\))?\s*$")
def show_tblproperties(session: Session, match: re.Match[str]) -> pa.Table:
    """Delta's properties and those of the notes, without the rules' own."""
    name = session.parsed_name(match[1])
    rows = session.spark(match.string)
    found = zip(*(column.to_pylist() for column in rows.columns), strict=True)
    kept = [(key, value) for key, value in found if "__not_null_" not in key]
    return text_rows("key value", [*kept, *session.notes(name).properties.items()])


RULES = [describe_as_json, describe_extended, show_table_extended, show_tblproperties]
