"""The files that make a folder a dbt project: ``dbt_project.yml`` and the sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlforge_sql.dbt.delta_tables import DeltaTables
from mlforge_sql.dbt.escape import jinja_safe, jinja_text
from mlforge_sql.dbt.external import external_location
from mlforge_sql.dbt.freshness import freshness
from mlforge_sql.dbt.targets import CHECK
from mlforge_sql.plan.stagings import reading
from mlforge_sql.project.model import Project, ResolvedSource
from mlforge_sql.spec.config import ProjectConfig
from mlforge_sql.sql.branches import Branches
from mlforge_sql.types import ColumnType, Kind

PUBLIC = {"+access": "public"}
"""Tables with a contract, for other projects too; what is before them may change from run to run."""


BESIDE = {"+schema": None}
"""Failures that tests store go into the schema of the target.

dbt's own default is a schema beside it, which it makes at the start of every run: the usual grant on
Databricks is one schema, without the right to make others.
"""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a project does at the start and the end of each run, besides what all do."""

    start: Sequence[str] = ()
    end: Sequence[str] = ()


def dbt_project(project: Project, delta: DeltaTables, hooks: Hooks) -> dict[str, Any]:
    """``dbt_project.yml``."""
    config = project.config
    folders: dict[str, dict[str, Any]] = {}  # dbt warns of those without models
    if project.features:
        folders = {
            "staging": {"+materialized": "view"},
            "intermediate": {"+materialized": "view"},
            "features": {"+materialized": "table", **PUBLIC, **delta.persist_docs()},
        }
    if project.training_sets:
        folders["training"] = {"+materialized": "table", **PUBLIC, **delta.persist_docs()}
    tests = {"data_tests": {config.name: BESIDE}} if project.features else {}
    return {
        "name": config.name,
        "version": "1.0.0",
        "config-version": 2,
        "require-dbt-version": [">=1.11.0", "<3.0.0"],
        "profile": config.name,
        "model-paths": ["models"],
        "macro-paths": ["macros"],
        "test-paths": ["tests"],
        "flags": {
            "send_anonymous_usage_stats": False,
            "require_generic_test_arguments_property": True,
        },
        "models": {config.name: folders},
        **tests,
        "on-run-start": [
            CHECK,
            "{{ mlforge_check_settings() }}",
            "{{ mlforge_check_sources() }}",
            *hooks.start,
        ],
        "on-run-end": ["{{ mlforge_record_run(results) }}", *hooks.end],
    }


def sources(project: Project, branches: Branches) -> dict[str, Any] | None:
    """The dbt sources of a project; None when all its sources are dbt models."""
    labels = [item.source.spec.name for item in project.training_sets if item.source]
    used = [
        source
        for source in project.sources
        if source.spec.model is None and (source.keys or source.spec.name in labels)
    ]
    groups = source_groups(project)
    names = dict.fromkeys(groups[source.spec.name] for source in used)
    members = {
        name: [source for source in used if groups[source.spec.name] == name] for name in names
    }
    found = [
        {
            "name": name,
            "description": "What features and labels are computed from: files on DuckDB, tables on Databricks.",
            **_schema(items),
            "tables": [_table(source, project.config, branches) for source in items],
        }
        for name, items in members.items()
    ]
    return {"sources": found} if found else None


def source_groups(project: Project) -> dict[str, str]:
    """The dbt source that each source's table is in: one for each schema on Databricks.

    The first is named like the project; the schema's name follows for others.
    """
    names: dict[tuple[str, ...], str] = {(): project.config.name}
    groups: dict[str, str] = {}
    for source in project.sources:
        schema = _schema_parts(source)
        if schema not in names:
            named = len(names) > 1
            names[schema] = "__".join([project.config.name, *schema]) if named else names[()]
        groups[source.spec.name] = names[schema]
    return groups


def _schema_parts(source: ResolvedSource) -> tuple[str, ...]:
    """Catalog and schema of a source on Databricks."""
    return tuple((source.spec.table or "").split(".")[:-1])


def _schema(sources: list[ResolvedSource]) -> dict[str, Any]:
    """Where the tables of a dbt source are on Databricks; on DuckDB they are files."""
    parts = next((parts for source in sources if (parts := _schema_parts(source))), None)
    if parts is None:
        return {}
    return {
        key: f"{{{{ {jinja_text(part)} if target.type == 'databricks' else target.{key} }}}}"
        for key, part in zip(("database", "schema"), parts, strict=True)
    }


def _table(source: ResolvedSource, config: ProjectConfig, branches: Branches) -> dict[str, Any]:
    table: dict[str, Any] = {"name": source.spec.name, "description": jinja_safe(_about(source))}
    if source.spec.table is not None and source.spec.table.split(".")[2] != source.spec.name:
        table["identifier"] = jinja_safe(source.spec.table.split(".")[2])
    found = freshness(source, branches)
    meta: dict[str, Any] = {}
    if source.spec.path is not None and source.files is not None:
        location = external_location(source.spec.path, source.files, config.dbt_project_dir)
        meta |= {"external_location": location, "formatter": "oldstyle"}
    if source.spec.table is not None:
        meta["mlforge"] = {"kind": "source"}
    if meta:
        found["meta"] = meta
    if found:
        table["config"] = found
    if source.spec.table is not None:
        read = reading(source)
        table["columns"] = [
            _column(item.name, read.on_tables(item), branches) for item in read.columns
        ]
    return table


def _about(source: ResolvedSource) -> str:
    """The description of a source; without one, where it is and what its time is."""
    spec = source.spec
    if spec.description:
        return spec.description
    places = [place for place in (spec.path, spec.table) if place is not None]
    columns = " and ".join(f"`{name}`" for name in source.time_columns)
    return f"Rows of {', or '.join(places)}; {columns} says when a row happened."


def _column(name: str, kind: ColumnType, branches: Branches) -> dict[str, Any]:
    """A column that a Databricks table must have; of types without a name there, any type will do."""
    if kind.family is Kind.OTHER:
        return {"name": jinja_safe(name)}
    return {"name": jinja_safe(name), "data_type": branches.type_name(kind)}
