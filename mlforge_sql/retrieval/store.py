"""The offline store of a profile, opened for reading."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlforge_sql.dbt.files import spec_hash
from mlforge_sql.dbt.profiles import DATABASE_FILE, REQUIRED_SETTINGS
from mlforge_sql.errors import Diagnostic, RetrievalError, suggest
from mlforge_sql.project.model import Project, Requested
from mlforge_sql.project.selection import find_profile
from mlforge_sql.spec.config import LocalStore

if TYPE_CHECKING:
    import duckdb

CATALOG = "features"
METADATA = "_mlforge_metadata"
SCHEMA = "main"


@dataclass(frozen=True)
class DuckDbStore:
    """A DuckDB file with feature tables, attached read-only to a connection of our own.

    Attributes:
        connection: The connection; its session is in UTC.
        profile: Name of the profile.
    """

    connection: duckdb.DuckDBPyConnection
    profile: str

    def relation(self, model: str) -> str:
        """SQL name of a model's table."""
        return f'"{CATALOG}"."{SCHEMA}".{quoted(model)}'

    def tables(self) -> list[str]:
        """Names of all tables and views."""
        rows = self.connection.execute(
            "select table_name from information_schema.tables where table_catalog = ? and table_schema = ?",
            [CATALOG, SCHEMA],
        )
        return [str(row[0]) for row in rows.fetchall()]

    def columns(self, table: str) -> list[str]:
        """Names of a table's columns; none when there is no such table."""
        rows = self.connection.execute(
            "select column_name from information_schema.columns "
            "where table_catalog = ? and table_schema = ? and table_name = ?",
            [CATALOG, SCHEMA, table],
        )
        return [str(row[0]) for row in rows.fetchall()]

    def count(self, table: str) -> int:
        """Number of rows of a table."""
        query = f"select count(*) from {self.relation(table)}"  # noqa: S608 - quoted
        row = self.connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def first_rows(
        self, relation: str | None, limit: int
    ) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
        """Names of the columns and the first rows of a table, by its full SQL name in dbt.

        Rows are sorted by all columns, so that the first are always the same.
        """
        if relation is None:
            return (), ()
        schema, table = relation.split(".")[-2:]
        found = self.connection.execute(
            f'select * from "{CATALOG}".{schema}.{table} order by all limit {limit}'  # noqa: S608 - dbt's own name
        )
        names = tuple(str(item[0]) for item in found.description or ())
        return names, tuple(tuple(row) for row in found.fetchall())

    def built_hashes(self) -> dict[str, str]:
        """The hash of the spec that each feature was last built from, where a build recorded it."""
        if METADATA not in self.tables():
            return {}
        rows = self.connection.execute(
            f"select feature, arg_max(spec_hash, built_at) from {self.relation(METADATA)} group by feature"  # noqa: S608 - quoted
        )
        return {str(name): str(found) for name, found in rows.fetchall()}

    def check_built(self, requests: Iterable[Requested]) -> None:
        """See that the feature tables are there, from these specs and with the columns wanted.

        Raises:
            RetrievalError: One is not.
        """
        problems: list[Diagnostic] = []
        hashes = self.built_hashes()
        for request in requests:
            name = request.feature.name
            found = self.columns(name)
            hint = f"run `mlforge build --profile {self.profile}`"
            missing = [item for item in request.columns if item not in found]
            if not found:
                message = f"feature `{name}` is not built in profile `{self.profile}`"
                problems.append(Diagnostic("MF064", message, hint=hint))
            elif missing:
                message = f"the table of feature `{name}` has no column `{missing[0]}` yet"
                problems.append(Diagnostic("MF064", message, hint=hint))
            elif hashes.get(name, current := spec_hash(request.feature)) != current:
                message = f"the table of feature `{name}` was built from an older definition of it"
                problems.append(Diagnostic("MF064", message, hint=hint))
        if problems:
            raise RetrievalError(problems)

    def find_table(self, name: str) -> str:
        """SQL name of a table or view that a user named, with or without its schema.

        Raises:
            RetrievalError: There is none.
        """
        parts = name.split(".")
        if parts[-1] in self.tables() and parts[:-1] in ([], [SCHEMA]):
            return self.relation(parts[-1])
        known = [item for item in self.tables() if not item.startswith(("_", "int_", "stg_"))]
        near = suggest(name, self.tables())
        hint = near if near.startswith("did you mean") else suggest(name, known)
        hint += "; or name a parquet, csv or json file"
        message = f"there is no file and, in profile `{self.profile}`, no table `{name}`"
        raise RetrievalError([Diagnostic("MF063", message, hint=hint)])


def open_store(root: Path, project: Project, profile: str | None) -> DuckDbStore:
    """Open the offline store of a profile.

    Args:
        root: Folder of ``mlforge.yaml``.
        project: The project.
        profile: Name of the profile; the default one if None.

    Raises:
        SpecErrors: There is no such profile, or its engine is not supported yet.
        RetrievalError: The store cannot be opened.
    """
    import duckdb

    name = find_profile(project.config, profile)
    store = project.config.profiles[name].offline_store
    if not isinstance(store, LocalStore):
        message = f"profile `{name}` is on Databricks, whose tables cannot be read yet"
        hint = "use a profile with `KIND: local`"
        raise RetrievalError([Diagnostic("MF052", message, hint=hint)])
    file = root / store.path / DATABASE_FILE
    if not file.is_file():
        message = f"profile `{name}` has no `{DATABASE_FILE}` yet"
        hint = f"run `mlforge build --profile {name}`"
        raise RetrievalError([Diagnostic("MF064", message, hint=hint)])
    settings: dict[str, Any] = {
        "temp_directory": str(Path(tempfile.gettempdir()) / f"mlforge_{uuid.uuid4().hex}"),
        "file_search_path": str(root / project.config.dbt_project_dir),  # views have dbt's paths
        **store.settings,
        **REQUIRED_SETTINGS,
        "preserve_insertion_order": "true",
    }
    connection = duckdb.connect()
    try:
        for key, value in settings.items():
            text = str(value).replace("'", "''")
            connection.execute(f"set {quoted(key)} = '{text}'")
        location = str(file).replace("'", "''")
        connection.execute(f"attach '{location}' as {CATALOG} (read_only)")
    except duckdb.Error as error:
        connection.close()
        message = f"cannot open `{DATABASE_FILE}` of profile `{name}`: {first_line(error)}"
        hint = "if a build is running, wait for it; close other programs that have the file open"
        raise RetrievalError([Diagnostic("MF064", message, hint=hint)]) from error
    return DuckDbStore(connection, name)


def quoted(name: str) -> str:
    """An identifier for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def first_line(error: Exception) -> str:
    """What DuckDB says, without its kind of error."""
    line = str(error).splitlines()[0]
    return line.split(": ", 1)[-1] or line
