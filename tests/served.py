"""Projects whose feature tables are built and recorded as dbt would, ready to be served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from harness import compile_and_run, write_parquet, write_project

from mlforge_sql.api.project import LoadedProject
from mlforge_sql.online.lookups import served
from mlforge_sql.online.model import Synced, SyncOptions
from mlforge_sql.online.opening import on_databricks
from mlforge_sql.project.definition import spec_hash
from mlforge_sql.workflows.compile import compile_project

LOCAL = {"KIND": "local", "path": "./feature_store"}
DSN = "MLFORGE_POSTGRES_DSN"
DATABASE = Path("feature_store") / "features.duckdb"

EVENTS = "data/events.parquet"


def config(**online: Any) -> dict[str, Any]:
    """`mlforge.yaml` with the profiles `dev`, local, and `pg`, Postgres."""
    return {
        "name": "test_project",
        "profiles": {
            "dev": {"offline_store": LOCAL},
            "pg": {"offline_store": LOCAL, "online_store": {"KIND": "postgres", **online}},
        },
    }


def build(
    root: Path,
    spec: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    schema: Mapping[str, str],
    *,
    settings: Mapping[str, Any] | None = None,
    run_id: str = "run_1",
    built_at: datetime = datetime(2024, 1, 1),
) -> Path:
    """Write a project and its events, and build its tables in the DuckDB file."""
    write_project(root, spec, settings or config())
    write_parquet(root / EVENTS, schema, rows)
    rebuild(root, run_id, built_at)
    return root


def rebuild(
    root: Path, run_id: str, built_at: datetime, env: Mapping[str, str] | None = None
) -> None:
    """Build all tables again, and record it."""
    (root / DATABASE).parent.mkdir(exist_ok=True)
    with closing(duckdb.connect(str(root / DATABASE))) as connection:
        old = connection.execute(
            "select table_name, table_type from information_schema.tables"
        ).fetchall()
        for name, kind in old:
            if name != "_mlforge_metadata":
                connection.execute(f'drop {"view" if kind == "VIEW" else "table"} "{name}"')
        compile_and_run(root, connection=connection, env=env)
        record(root, connection, run_id, built_at)


def record(
    root: Path, connection: duckdb.DuckDBPyConnection, run_id: str, built_at: datetime
) -> None:
    """Note a build of every feature, as the hook of a dbt run does."""
    connection.execute(
        "create table if not exists _mlforge_metadata (feature varchar, version integer, "
        "spec_hash varchar, row_count bigint, built_at timestamp, run_id varchar)"
    )
    for feature in compile_project(root).project.features:
        connection.execute(
            f'insert into _mlforge_metadata select ?, 1, ?, count(*), ?, ? from "{feature.name}"',
            [feature.name, spec_hash(feature), built_at, run_id],
        )


def sync(
    project: LoadedProject, as_of: datetime, profile: str = "pg", **options: Any
) -> list[Synced]:
    """Sync every feature of a project."""
    features = [served(feature) for feature in project.serving.chosen()]
    store = project.serving.store(profile)
    if on_databricks(store):
        return list(store.sync(features, SyncOptions(as_of=as_of), **options))
    return list(store.sync(features, SyncOptions(as_of=as_of, **options)))


def instant(microseconds: int) -> datetime:
    """An instant of the oracle."""
    return datetime(1970, 1, 1) + timedelta(microseconds=microseconds)
