"""A connection's session: current catalog and schema, and the way of a statement."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from warehouse.local_warehouse.catalog import DEFAULT_SCHEMA, Catalogs, Field, Relation
from warehouse.local_warehouse.connections import Connections, Secrets
from warehouse.local_warehouse.engine import Engine
from warehouse.local_warehouse.errors import unknown_catalog
from warehouse.local_warehouse.foreign import ForeignCatalogs
from warehouse.local_warehouse.governance import Governance, TableName, TableNotes
from warehouse.local_warehouse.http_function import ThisServer, answered
from warehouse.local_warehouse.lexer import identifiers, without_comments, without_semicolon
from warehouse.local_warehouse.parameters import Parameter, bind
from warehouse.local_warehouse.privileges import Privileges
from warehouse.local_warehouse.rules import RULES
from warehouse.local_warehouse.rules.described import without_described
from warehouse.local_warehouse.rules.information_schema import rows_of, tables_of
from warehouse.local_warehouse.rules.names import SHOWN, rewritten
from warehouse.local_warehouse.rules.qualify import without_qualify


class Answer(NamedTuple):
    """A result and how it came about: `spark` or a rule's name."""

    rows: pa.Table
    route: str


@dataclass
class Workspace:
    """What all sessions share."""

    catalogs: Catalogs
    governance: Governance = field(default_factory=Governance)
    privileges: Privileges = field(default_factory=Privileges)
    connections: Connections = field(default_factory=Connections)
    secrets: Secrets = field(default_factory=Secrets)
    foreign: ForeignCatalogs = field(default_factory=ForeignCatalogs)
    server: ThisServer | None = None
    """Where connections lead; known when the server listens."""

    def clear(self) -> None:
        """Forget what the metastore knows."""
        self.governance.clear()
        self.connections.clear()
        self.secrets.clear()
        self.foreign.clear()


class Session:
    """One session of one connection."""

    def __init__(
        self,
        workspace: Workspace,
        engine: Engine,
        catalog: str | None = None,
        schema: str | None = None,
    ) -> None:
        self.workspace = workspace
        self.engine = engine
        self.catalog = (catalog or workspace.catalogs.first).lower()
        self.schema = (schema or DEFAULT_SCHEMA).lower()
        self.temporary_tables: dict[str, str] = {}
        if self.catalog not in workspace.catalogs:
            raise unknown_catalog(self.catalog)

    @property
    def catalogs(self) -> Catalogs:
        return self.workspace.catalogs

    @property
    def governance(self) -> Governance:
        return self.workspace.governance

    def configure(self, settings: Mapping[str, str]) -> None:
        """The settings of an opened session; the connector's own are not ours."""
        for key, value in settings.items():
            self.set_parameter(key.lower(), value)

    def set_parameter(self, key: str, value: str) -> None:
        """A parameter of Databricks SQL that has an effect here."""
        if key == "timezone":
            self.engine.set_time_zone(value)
        elif key == "ansi_mode":
            self.engine.set_ansi(value)
        elif key == "legacy_time_parser_policy":
            self.engine.set_time_parser(value)

    def use(self, catalog: str, schema: str) -> None:
        """Change the current schema, which may not exist yet."""
        if catalog not in self.catalogs:
            raise unknown_catalog(catalog)
        self.catalog, self.schema = catalog, schema

    def name(self, parts: Sequence[str]) -> TableName:
        """One to three parts as a full name."""
        if len(parts) == 1 and self.engine.is_temporary(parts[0]):
            return TableName("", "", parts[0])
        if len(parts) == 1:
            return TableName(self.catalog, self.schema, parts[0])
        if len(parts) == 2:
            return TableName(self.catalog, *parts)
        return TableName(*parts[-3:])

    def parsed_name(self, text: str) -> TableName:
        """A name as it stands in a statement."""
        return self.name(identifiers(text))

    def schema_name(self, text: str | None) -> tuple[str, str]:
        """Catalog and schema of a name of up to two parts."""
        parts = identifiers(text or "") or [self.schema]
        catalog, schema = parts if len(parts) == 2 else (self.catalog, parts[0])
        if catalog not in self.catalogs:
            raise unknown_catalog(catalog)
        return catalog, schema

    def physical(self, name: TableName) -> str:
        """The table's name in Spark."""
        return self.catalogs.relation(name)

    def fields(self, name: TableName) -> list[Field]:
        """The columns; NOT NULL that Delta could not take is in the notes."""
        return self.engine.fields(self.physical(name))

    def notes(self, name: TableName) -> TableNotes:
        return self.governance.of(name)

    def relations(self, catalog: str, schema: str | None = None) -> list[Relation]:
        """Tables and views of a catalog (`system`: of all) or of one schema."""
        one = None if schema is None or catalog == "system" else (catalog, schema)
        return [
            relation
            for relation in self.engine.relations(one)
            if catalog in {"system", relation.name.catalog}
            and schema in {None, relation.name.schema}
        ]

    def relation(self, name: TableName) -> Relation | None:
        """One table or view, if it exists."""
        listed = self.relations(name.catalog, name.schema)
        return next((item for item in listed if item.name == name), None)

    def execute(self, sql: str, parameters: Sequence[Parameter] = ()) -> Answer:
        """Run a statement: by the first rule that takes it, else by Spark."""
        text = without_semicolon(bind(sql, parameters))
        bare = without_comments(text)
        self.workspace.privileges.check(bare)
        schema = self.catalogs.physical(self.catalog, self.schema)
        self.engine.use(schema)
        for rule in RULES:
            rows = rule.apply(self, bare)
            if rows is not None:
                return Answer(rows, rule.name)
        return Answer(self.spark(text), "spark")

    def spark(self, sql: str) -> pa.Table:
        """Give a statement to Spark with its names rewritten."""
        plain, views = without_described(self, without_qualify(answered(self, sql)))
        statement = rewritten(self, plain)
        named = tables_of(plain)
        for view, (catalog, schema, name) in statement.views.items():
            if catalog in self.workspace.foreign:
                views[view] = self.workspace.foreign.rows(catalog, schema, name)
            else:
                views[view] = rows_of(self, catalog, name, named)
        with self._readable(views):
            rows = self.engine.sql(statement.text)
        return _spoken(rows, self.catalogs) if SHOWN.match(without_comments(sql)) else rows

    @contextlib.contextmanager
    def _readable(self, views: Mapping[str, pa.Table]) -> Iterator[None]:
        for view, rows in views.items():
            self.engine.show(view, rows)
        try:
            yield
        finally:
            for view in views:
                self.engine.hide(view)

    def close(self) -> None:
        """Drop what belongs to the session."""
        for name, table in self.temporary_tables.items():
            self.engine.hide(name)
            self.engine.sql(f"drop table if exists {table}")
        self.engine.close()


def _spoken(rows: pa.Table, catalogs: Catalogs) -> pa.Table:
    """The text columns of SHOW and DESCRIBE with the names of Databricks."""
    for position, column in enumerate(rows.schema):
        if pa.types.is_string(column.type):
            texts = [text and catalogs.spoken(text) for text in rows.column(position).to_pylist()]
            rows = rows.set_column(position, column, pa.array(texts, pa.string()))
    return rows
