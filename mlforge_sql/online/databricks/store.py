"""The online feature store of a profile on Databricks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from mlforge_sql.databricks_workspace.login import find_login
from mlforge_sql.databricks_workspace.reach import check_reachable
from mlforge_sql.dbt.artifacts import failed_tests
from mlforge_sql.dialects.quoting import POSTGRES
from mlforge_sql.errors import Diagnostic, OnlineError
from mlforge_sql.online.databricks.api import WorkspaceApi
from mlforge_sql.online.databricks.fallback import Fallback, FallbackReader
from mlforge_sql.online.databricks.lakebase import LakebaseAddress
from mlforge_sql.online.databricks.reading import LakebaseReader, lakebase_problem
from mlforge_sql.online.databricks.statuses import PipelineStatus, Sources, table_status
from mlforge_sql.online.databricks.syncing import TableSync
from mlforge_sql.online.databricks.tables import Naming, OnlineTable
from mlforge_sql.online.model import (
    Key,
    Lookup,
    Reader,
    Served,
    Synced,
    SyncOptions,
)
from mlforge_sql.online.postgres.names import quoted
from mlforge_sql.online.postgres.pool import Pool, connect
from mlforge_sql.online.postgres.statements import table_name
from mlforge_sql.project.model import current_name
from mlforge_sql.spec.config import UnityCatalogStore
from mlforge_sql.spec.databricks_online import DatabricksOnlineStore

if TYPE_CHECKING:
    from mlforge_sql.online.databricks.statuses import OpenSources


@dataclass(frozen=True, slots=True)
class Setting:
    """What an online store of a profile is made of.

    Attributes:
        profile: Name of the profile.
        offline: Its offline store.
        online: Its online store.
        name: Name of the online store in the workspace.
        features: Names of the project's features.
        ahead: Those of them that have a table of later rows.
        artifacts: dbt's target folder.
        sources: Opens the feature tables.
        fallback: Reads them where the online store cannot be reached; None to read nothing then.
    """

    profile: str
    offline: UnityCatalogStore
    online: DatabricksOnlineStore
    name: str
    features: tuple[str, ...]
    ahead: frozenset[str]
    artifacts: Path
    sources: OpenSources
    fallback: Fallback | None = None


class DatabricksOnline:
    """Online tables that Databricks keeps; nothing is called before it is needed.

    Args:
        setting: What it is made of.
    """

    kind = "databricks"

    def __init__(self, setting: Setting) -> None:
        self.profile = setting.profile
        self._setting = setting
        self._naming = Naming(setting.offline, setting.online, setting.ahead)

    @cached_property
    def _api(self) -> WorkspaceApi:
        login = find_login(self._setting.offline, os.environ)
        check_reachable(login.host)
        return WorkspaceApi(login, self.profile)

    # Tables

    def sync(
        self,
        features: Sequence[Served],
        options: SyncOptions,
        *,
        patience_seconds: float | None = None,
    ) -> Iterator[Synced]:
        """Publish tables that are not yet, and start updates of the others.

        Args:
            features: The features.
            options: How to sync.
            patience_seconds: How long to wait in all until pipelines have brought the rows; None
                not to wait for them.

        Raises:
            SpecErrors: The environment or the host is not as the profile needs it.
        """
        held: dict[str, str] = {}
        if self._setting.online.publish_when == "tests_pass":
            found = failed_tests(self._setting.artifacts, self.profile)
            if found is None:
                options.say(f"no run of dbt in profile `{self.profile}` to see tests of")
            held = found or {}
        sync = TableSync(
            self._api, self._setting.name, self.profile, held, options, patience_seconds
        )
        yield from sync.run([self._naming.of(feature.name) for feature in features])

    def status(self, features: Sequence[Served]) -> list[PipelineStatus]:
        """How every online table of these features is doing, and how far it is behind."""
        tables = [(item, table) for item in features for table in self._naming.of(item.name)]
        published = [self._api.find(table.wanted.name) for _, table in tables]
        sources: Sources | None = None
        problem: str | None = None
        with contextlib.ExitStack() as opened:
            if any(published):
                try:
                    sources = opened.enter_context(self._setting.sources())
                except OnlineError as error:
                    problem = error.diagnostics[0].message
            return [
                table_status(feature, table, found, sources, problem)
                for (feature, table), found in zip(tables, published, strict=True)
            ]

    def stored(self, features: Sequence[str]) -> list[str]:
        """The features, these or others, that the store has a table of."""
        wanted = dict.fromkeys((*features, *self._setting.features))
        return [name for name in wanted if any(self._ours(name))]

    def delete(self, features: Sequence[str]) -> list[str]:
        """Remove the online tables of features; the names of those that were there."""
        deleted: list[str] = []
        for name in dict.fromkeys(features):
            ours = list(self._ours(name))
            for table in reversed(ours):  # later rows first: alone they would be of no use
                self._api.delete(table.wanted.name)
            deleted += [name] if ours else []
        return deleted

    def _ours(self, feature: str) -> Iterator[OnlineTable]:
        """The online tables of a feature that come from our tables."""
        for table in (self._naming.current(feature), self._naming.upcoming(feature)):
            found = self._api.find(table.wanted.name)
            if found is not None and found.source.lower() == table.wanted.source.lower():
                yield table

    # Values

    @cached_property
    def _address(self) -> LakebaseAddress:
        return LakebaseAddress(
            api=self._api,
            store=self._setting.name,
            database=self._database,
            connect_timeout=self._setting.online.connect_timeout,
        )

    @cached_property
    def _pool(self) -> Pool:
        return Pool(self._address, self._setting.online.pool_size)

    def _database(self) -> str:
        """The database that has the online tables: the API says so for each table."""
        for name in self._setting.features:
            found = self._api.find(self._naming.current(name).wanted.name)
            if found is not None:
                return found.database or self._setting.online.catalog
        message = f"no feature is in the online store of profile `{self.profile}` yet"
        hint = f"run `mlforge build --profile {self.profile}`"
        raise OnlineError([Diagnostic("MF082", message, hint=hint)])

    def reader(self, lookup: Lookup) -> Reader:
        """A reader for a lookup, to be kept and used again."""
        reader = LakebaseReader(
            lookup,
            self._setting.ahead,
            self._pool,
            self._address,
            self._setting.online.schema_,
            self.profile,
        )
        fallback = self._setting.fallback
        return reader if fallback is None else FallbackReader(lookup, reader, fallback)

    def sample(self, feature: Served, rows: int, seed: int) -> list[Key]:
        """Some entities that there are current rows of; the same for the same seed."""
        query = POSTGRES.sql(
            "select {keys} from {table} as entity "
            "order by md5(row({keys})::text || %s), {keys} limit %s",
            keys=[quoted(key.name) for key in feature.keys],
            table=table_name(self._setting.online.schema_, current_name(feature.name)),
        )
        try:
            with contextlib.closing(connect(self._address, reading=False)) as connection:
                found: list[Any] = connection.execute(
                    query, [str(seed), rows], binary=True
                ).fetchall()
        except psycopg.Error as error:
            schema = self._setting.online.schema_
            tables = [current_name(feature.name)]
            raise lakebase_problem(error, self._address, self.profile, schema, tables) from None
        return [tuple(row) for row in found]

    def close(self) -> None:
        """Close the connections that are not in use."""
        if "_pool" in vars(self):
            self._pool.close()
        if self._setting.fallback is not None:
            self._setting.fallback.close()


Open = Callable[[Setting], DatabricksOnline]
