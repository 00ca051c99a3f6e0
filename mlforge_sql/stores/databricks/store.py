"""Feature tables in a schema of Unity Catalog."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from mlforge_sql.databricks_workspace.connection import (
    check_connector,
    connection_errors,
    open_connection,
)
from mlforge_sql.databricks_workspace.login import find_login
from mlforge_sql.databricks_workspace.reach import check_reachable
from mlforge_sql.dialects.quoting import DATABRICKS, Name, Sql
from mlforge_sql.engine_settings import required_settings, set_statements
from mlforge_sql.errors import RetrievalError, SpecErrors
from mlforge_sql.isolation import guarded, sealed
from mlforge_sql.project.model import Requested
from mlforge_sql.scratch import spill_folder
from mlforge_sql.spec.config import UnityCatalogStore
from mlforge_sql.stores.databricks.names import parts_of
from mlforge_sql.stores.databricks.problems import problem
from mlforge_sql.stores.databricks.session import Session
from mlforge_sql.stores.databricks.versions import settle
from mlforge_sql.stores.store import METADATA, Store

if TYPE_CHECKING:
    import duckdb


class DatabricksStore(Store):
    """Feature tables that a SQL warehouse reads.

    Attributes:
        profile: Name of the profile.
        session: The session on the warehouse.
        place: Catalog and schema of the feature tables.
        scratch: Catalog and schema for labels on their way; None for temporary tables.
    """

    keeps_versions = True

    def __init__(self, profile: str, session: Session, spec: UnityCatalogStore) -> None:
        self.profile = profile
        self.session = session
        self.place = (spec.catalog, spec.schema_)
        self.scratch = scratch_place(spec)
        self._columns: dict[str, list[str]] = {}

    @cached_property
    def local(self) -> duckdb.DuckDBPyConnection:
        """A connection without tables, for labels on this machine."""
        import duckdb

        settings = {
            "temp_directory": str(spill_folder()),
            **required_settings(),
        }
        connection = duckdb.connect()
        for statement in (*guarded(), *set_statements(settings), *sealed(reads_files=True)):
            connection.execute(statement)
        return connection

    @override
    def relation(self, model: str) -> Sql:
        return DATABRICKS.name(*self.place, model)

    @override
    def check_built(self, requests: Iterable[Requested]) -> None:
        """All tables are looked up at once."""
        wanted = tuple(requests)
        self._look_up([*(item.feature.name for item in wanted), METADATA])
        super().check_built(wanted)

    @override
    def settled(self, requests: Iterable[Requested]) -> tuple[Requested, ...]:
        return tuple(self._settled(request) for request in requests)

    def _settled(self, request: Requested) -> Requested:
        if request.pin is None:
            return request
        name = request.feature.name
        return replace(request, pin=settle(self.session, name, self.relation(name), request.pin))

    @override
    def columns(self, table: str) -> list[str]:
        if table not in self._columns:
            self._look_up([table])
        return self._columns[table]

    def _look_up(self, tables: Iterable[str]) -> None:
        """Remember the columns of some tables."""
        catalog, schema = self.place
        names = {table.lower(): table for table in tables}
        self._columns |= {table: [] for table in names.values()}
        query = DATABRICKS.sql(
            "select table_name, column_name from {catalog}.information_schema.columns "
            "where table_schema = {schema} and table_name in ({names}) "
            "order by table_name, ordinal_position",
            catalog=Name.of(catalog),
            schema=schema.lower(),
            names=names,
        )
        for table, column in self.session.rows(query):
            self._columns[names[str(table)]].append(str(column))

    @override
    def count(self, table: str) -> int:
        query = DATABRICKS.sql("select count(*) from {table}", table=self.relation(table))
        return int(self.session.rows(query)[0][0])

    @override
    def first_rows(
        self, relation: str | None, limit: int
    ) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
        if relation is None:
            return (), ()
        query = DATABRICKS.sql(
            "select * from {relation} order by all limit {limit}",
            relation=Sql(relation),  # as dbt has noted it
            limit=limit,
        )
        names, rows = self.session.first_rows(query)
        return names, tuple(tuple(map(_plain, row)) for row in rows)

    @override
    def built_hashes(self) -> dict[str, str]:
        if not self.columns(METADATA):
            return {}
        query = DATABRICKS.sql(
            "select feature, max_by(spec_hash, built_at) from {table} group by feature",
            table=self.relation(METADATA),
        )
        return {str(name): str(found) for name, found in self.session.rows(query)}

    @override
    def close(self) -> None:
        self.session.close()
        if "local" in vars(self):
            self.local.close()


def scratch_place(spec: UnityCatalogStore) -> tuple[str, str] | None:
    """Catalog and schema for labels on their way, when the profile names one."""
    if spec.scratch_schema is None:
        return None
    parts = parts_of(spec.scratch_schema) or (spec.scratch_schema,)
    return (parts[0], parts[1]) if len(parts) == 2 else (spec.catalog, parts[0])


def _plain(value: Any) -> Any:
    """A value as DuckDB gives it: instants are in UTC and do not say so."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def open_databricks(profile: str, spec: UnityCatalogStore) -> DatabricksStore:
    """Open a session on the SQL warehouse of a profile; the environment says who logs in.

    Args:
        profile: Name of the profile.
        spec: Its offline store.

    Raises:
        RetrievalError: The connector is missing, variables are missing, the host does not answer,
            or the login is refused.
    """
    try:
        login = find_login(spec, os.environ)
        check_connector()
        check_reachable(login.host)
    except SpecErrors as error:
        raise RetrievalError(error.diagnostics) from error
    try:
        connection = open_connection(login, catalog=spec.catalog)
    except connection_errors() as error:
        raise problem(error) from None
    return DatabricksStore(profile, Session(connection), spec)
