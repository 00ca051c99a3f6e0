"""The views of `information_schema`, from the catalog's listing and the notes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from warehouse.local_warehouse.catalog import Relation
from warehouse.local_warehouse.errors import WarehouseError
from warehouse.local_warehouse.governance import Constraint, TableName
from warehouse.local_warehouse.lexer import without_comments

if TYPE_CHECKING:
    from warehouse.local_warehouse.sessions import Session

OWNER = "local_warehouse"
Row = tuple[Any, ...]
_TABLES = re.compile(r"\btable_name`? (?:= ('[^']*')|in \(([^()]*)\))")
_MORE = re.compile(r"\b(?:or|not|union|join|like)\b")
_TEXT = re.compile(r"'([^']*)'")
_KINDS = {"int": pa.int32(), "timestamp": pa.timestamp("us", "UTC")}


def tables_of(sql: str) -> frozenset[str] | None:
    """The only tables that a question about columns can be about; None where that is not plain.

    A view's columns are known when all that it reads is analysed, which takes long in a large schema.
    """
    plain = " ".join(without_comments(sql).lower().split())
    reads = plain.count(".columns") + plain.count(".`columns`")
    if reads != 1 or _MORE.search(plain) or "''" in plain or "\\" in plain:
        return None
    found = _TABLES.findall(plain)
    return frozenset(_TEXT.findall(" ".join(found[0]))) if len(found) == 1 else None


def rows_of(
    session: Session, catalog: str, view: str, named: frozenset[str] | None = None
) -> pa.Table:
    """All rows of one view of a catalog; `system` gives every catalog.

    Of `columns` only those of the named tables, where some are.
    """
    if view not in VIEWS:
        text = (
            f"The table or view `{catalog}`.`information_schema`.`{view}` cannot be found: "
            "the local warehouse does not have this view."
        )
        raise WarehouseError("TABLE_OR_VIEW_NOT_FOUND", text, "42P01")
    names, rows = VIEWS[view]
    chosen = columns(session, catalog, named) if rows is columns else rows(session, catalog)
    found = list(chosen)
    arrays = {}
    for position, column in enumerate(names.split()):
        name, _, kind = column.partition(":")
        arrays[name] = pa.array([row[position] for row in found], _KINDS.get(kind, pa.string()))
    return pa.table(arrays)


def _time(milliseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)


def catalogs(session: Session, catalog: str) -> Iterator[Row]:
    del catalog
    for name in session.catalogs.names:
        yield name, OWNER, None


def schemata(session: Session, catalog: str) -> Iterator[Row]:
    for owner, schema in session.engine.schemas():
        if catalog in {"system", owner}:
            yield owner, schema, OWNER, None


def tables(session: Session, catalog: str) -> Iterator[Row]:
    for item in session.relations(catalog):
        created = _time(item.created_ms)
        source = "UNKNOWN_DATA_SOURCE_FORMAT" if item.is_view else (item.provider or "").upper()
        about = ("YES", "PRESERVE", OWNER, item.comment, created, OWNER, created, OWNER, source)
        yield (*item.name, item.kind, *about, None, None)


def views(session: Session, catalog: str) -> Iterator[Row]:
    for item in session.relations(catalog):
        if item.is_view:
            text = session.notes(item.name).view_text or item.view_text
            yield (*item.name, text, "NONE", "NO", "NO", None, "false")


def columns(session: Session, catalog: str, named: frozenset[str] | None = None) -> Iterator[Row]:
    for item in session.relations(catalog):
        if named is not None and item.name.table.lower() not in named:
            continue
        try:
            found = list(_columns_of(session, item))
        except Exception:
            if not item.is_view:
                raise
            continue  # what it reads has changed: its columns are not known here
        yield from found


def _columns_of(session: Session, item: Relation) -> Iterator[Row]:
    not_null = session.notes(item.name).not_null
    for position, field in enumerate(session.fields(item.name)):
        nullable = field.nullable and field.name.lower() not in not_null
        kind = field.type.upper().split("(")[0].split("<")[0]
        yield (
            *item.name,
            field.name,
            position,
            None,
            "YES" if nullable else "NO",
            field.type,
            kind,
            field.comment,
        )


def table_tags(session: Session, catalog: str) -> Iterator[Row]:
    for item in session.relations(catalog):
        for tag, value in session.notes(item.name).tags.items():
            yield (*item.name, tag, value)


def column_tags(session: Session, catalog: str) -> Iterator[Row]:
    for item in session.relations(catalog):
        for column, tags in session.notes(item.name).column_tags.items():
            for tag, value in tags.items():
                yield (*item.name, column, tag, value)


def _constraints(session: Session, catalog: str) -> Iterator[tuple[TableName, str, Constraint]]:
    for item in session.relations(catalog):
        for name, constraint in session.notes(item.name).constraints.items():
            yield item.name, name, constraint


def table_constraints(session: Session, catalog: str) -> Iterator[Row]:
    for table, name, constraint in _constraints(session, catalog):
        yield (*table[:2], name, *table, constraint.kind, "YES", "YES", "NO", None)


def key_column_usage(session: Session, catalog: str) -> Iterator[Row]:
    for table, name, constraint in _constraints(session, catalog):
        for position, column in enumerate(constraint.columns, start=1):
            in_parent = position if constraint.kind == "FOREIGN KEY" else None
            yield (*table[:2], name, *table, column, position, in_parent)


def referential_constraints(session: Session, catalog: str) -> Iterator[Row]:
    for table, name, constraint in _constraints(session, catalog):
        if constraint.parent is None:
            continue
        for key, candidate in session.notes(constraint.parent).constraints.items():
            if candidate.kind == "PRIMARY KEY":
                parent = constraint.parent[:2]
                yield (*table[:2], name, *parent, key, "FULL", "NO ACTION", "NO ACTION")


def none(session: Session, catalog: str) -> Iterator[Row]:
    """Masks and row filters do not exist here."""
    del session, catalog
    return iter(())


_TABLE = "table_catalog table_schema table_name"
_CONSTRAINT = "constraint_catalog constraint_schema constraint_name"

VIEWS: dict[str, tuple[str, Callable[[Session, str], Iterator[Row]]]] = {
    "catalogs": ("catalog_name catalog_owner comment", catalogs),
    "schemata": ("catalog_name schema_name schema_owner comment", schemata),
    "tables": (
        (
            f"{_TABLE} table_type is_insertable_into commit_action table_owner comment "
            "created:timestamp created_by last_altered:timestamp last_altered_by data_source_format "
            "storage_sub_directory storage_path"
        ),
        tables,
    ),
    "views": (
        (
            f"{_TABLE} view_definition check_option is_updatable is_insertable_into sql_path "
            "is_materialized"
        ),
        views,
    ),
    "columns": (
        (
            f"{_TABLE} column_name ordinal_position:int column_default is_nullable full_data_type "
            "data_type comment"
        ),
        columns,
    ),
    "table_tags": ("catalog_name schema_name table_name tag_name tag_value", table_tags),
    "column_tags": (
        "catalog_name schema_name table_name column_name tag_name tag_value",
        column_tags,
    ),
    "table_constraints": (
        f"{_CONSTRAINT} {_TABLE} constraint_type is_deferrable initially_deferred enforced comment",
        table_constraints,
    ),
    "key_column_usage": (
        (
            f"{_CONSTRAINT} {_TABLE} column_name ordinal_position:int "
            "position_in_unique_constraint:int"
        ),
        key_column_usage,
    ),
    "referential_constraints": (
        (
            f"{_CONSTRAINT} unique_constraint_catalog unique_constraint_schema "
            "unique_constraint_name match_option update_rule delete_rule"
        ),
        referential_constraints,
    ),
    "column_masks": (
        f"{_TABLE} column_name mask_catalog mask_schema mask_name using_columns",
        none,
    ),
    "row_filters": (f"{_TABLE} filter_catalog filter_schema filter_name target_columns", none),
}
