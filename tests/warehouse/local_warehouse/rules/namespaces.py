"""Catalogs, schemas, session parameters and the lists of SHOW."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa

from warehouse.local_warehouse.catalog import DEFAULT_SCHEMA
from warehouse.local_warehouse.errors import WarehouseError, unknown_catalog
from warehouse.local_warehouse.lexer import DOTTED, NAME, identifiers, wildcard
from warehouse.local_warehouse.rules.rule import nothing, rule, text_rows

if TYPE_CHECKING:
    from warehouse.local_warehouse.sessions import Session

_PARAMETERS = frozenset(
    [
        "ansi_mode",
        "enable_photon",
        "legacy_time_parser_policy",
        "max_file_partition_bytes",
        "query_tags",
        "read_only_external_metastore",
        "statement_timeout",
        "timezone",
        "use_cached_result",
    ]
)
_LISTED = rf"(?:\s+(?:in|from)\s+({DOTTED}))?(?:\s+like)?(?:\s+'(.*)')?\s*$"


@rule(rf"(?:use|set)\s+catalog\s+({NAME}|'[^']*')\s*$")
def use_catalog(session: Session, match: re.Match[str]) -> pa.Table:
    """The catalog changes and the schema becomes `default`."""
    session.use(match[1].strip("`'").lower(), DEFAULT_SCHEMA)
    return nothing()


@rule(rf"use\s+(?:(?:schema|database)\s+)?({DOTTED})\s*$")
def use_schema(session: Session, match: re.Match[str]) -> pa.Table:
    """The current schema, with or without its catalog."""
    catalog, schema = session.schema_name(match[1])
    if (catalog, schema) not in session.engine.schemas():
        text = f"The schema `{catalog}`.`{schema}` cannot be found. Verify the spelling."
        raise WarehouseError("SCHEMA_NOT_FOUND", text, "42704")
    session.use(catalog, schema)
    return nothing()


@rule(r"set\s+time\s+zone\s+'([^']+)'\s*$")
def set_time_zone(session: Session, match: re.Match[str]) -> pa.Table:
    """The other way to write `set timezone`."""
    session.set_parameter("timezone", match[1])
    return nothing()


@rule(r"set\s+([\w.]+)\s*=\s*(.+?)\s*$")
def set_parameter(session: Session, match: re.Match[str]) -> pa.Table:
    """Databricks SQL has nine parameters and refuses every other one."""
    key = match[1].lower()
    if key not in _PARAMETERS:
        text = f"Configuration {match[1]} is not available."
        raise WarehouseError("CONFIG_NOT_AVAILABLE", text, "42K0I")
    session.set_parameter(key, match[2].strip("'\""))
    return text_rows("key value", [(match[1], match[2].strip("'\""))])


@rule(r"show\s+catalogs(?:\s+like)?(?:\s+'(.*)')?\s*$")
def show_catalogs(session: Session, match: re.Match[str]) -> pa.Table:
    """The declared catalogs and `system`."""
    listed = wildcard(match[1] or "*")
    names = [*session.catalogs.names, "system"]
    return text_rows("catalog", [(name,) for name in names if listed.match(name)])


@rule(rf"show\s+(?:schemas|databases)(?:\s+(?:in|from)\s+({NAME}))?(?:\s+like)?(?:\s+'(.*)')?\s*$")
def show_schemas(session: Session, match: re.Match[str]) -> pa.Table:
    """The schemas of one catalog."""
    wanted = (match[1] or session.catalog).strip("`").lower()
    if wanted not in {*session.catalogs.names, "system"}:
        raise unknown_catalog(wanted)
    listed = wildcard(match[2] or "*")
    rows = [
        (schema,)
        for catalog, schema in session.engine.schemas()
        if catalog == wanted and listed.match(schema)
    ]
    return text_rows("databaseName", rows)


@rule(rf"show\s+(tables|views){_LISTED}")
def show_tables(session: Session, match: re.Match[str]) -> pa.Table:
    """Tables and views of one schema, without the warehouse's helpers."""
    catalog, schema = session.schema_name(match[2])
    if (catalog, schema) not in session.engine.schemas():
        text = f"The schema `{catalog}`.`{schema}` cannot be found. Verify the spelling."
        raise WarehouseError("SCHEMA_NOT_FOUND", text, "42704")
    views_only, listed = match[1].lower() == "views", wildcard(match[3] or "*")
    names = sorted(
        relation.name.table
        for relation in session.relations(catalog, schema)
        if listed.match(relation.name.table) and (relation.is_view or not views_only)
    )
    return pa.table(
        {
            "namespace" if views_only else "database": pa.array([schema] * len(names), pa.string()),
            "viewName" if views_only else "tableName": pa.array(names, pa.string()),
            "isTemporary": pa.array([False] * len(names), pa.bool_()),
        }
    )


@rule(r"create\s+schema\s+.*\bmanaged\s+location\s+'[^']*'")
def create_schema_with_location(session: Session, match: re.Match[str]) -> pa.Table:
    """The managed location is left out: the data stays in the warehouse's folder."""
    statement = re.sub(r"\bmanaged\s+location\s+'[^']*'", "", match.string, flags=re.IGNORECASE)
    return session.spark(statement)


@rule(
    rf"drop\s+(?:schema|database)\s+(?:if\s+exists\s+)?({DOTTED})(?:\s+(?:cascade|restrict))?\s*$"
)
def drop_schema(session: Session, match: re.Match[str]) -> pa.Table:
    """The notes about its tables go with the schema."""
    rows = session.spark(match.string)
    session.governance.forget_schema(*session.schema_name(match[1]))
    return rows


@rule(rf"create\s+(?:catalog|volume)\b|(?:drop|alter)\s+(?:catalog|volume)\s+{NAME}")
def refuse_securables(session: Session, match: re.Match[str]) -> pa.Table:
    """Catalogs are declared at the start; volumes do not exist."""
    del session
    kind = identifiers(match[0])[1].upper()
    text = f"The local warehouse cannot create or change a {kind}; catalogs come from --catalogs."
    raise WarehouseError("UNSUPPORTED_FEATURE", text, "0A000")


RULES = [
    use_catalog,
    use_schema,
    set_time_zone,
    set_parameter,
    show_catalogs,
    show_schemas,
    show_tables,
    create_schema_with_location,
    drop_schema,
    refuse_securables,
]
