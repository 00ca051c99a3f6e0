"""Compile a project and run the compiled SQL on DuckDB, without dbt's start-up time.

Only dbt's Jinja functions are stood in for; the SQL text is what compile wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import duckdb
import yaml

from mlforge_sql.dbt.macros import IN_PROCESS, Macros
from mlforge_sql.workflows.compile import Compiled, compile_project

CONFIG: dict[str, Any] = {
    "name": "test_project",
    "profiles": {"dev": {"offline_store": {"KIND": "local", "path": "./feature_store"}}},
}


def write_parquet(file: Path, schema: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of plain Python values to a parquet file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(
        f'"{name.replace(chr(34), chr(34) * 2)}" {kind}' for name, kind in schema.items()
    )
    with duckdb.connect() as connection:
        connection.execute(f"create table rows ({columns})")
        if rows:
            marks = ", ".join("?" for _ in schema)
            connection.executemany(
                f"insert into rows values ({marks})",
                [[_exact(row[name]) for name in schema] for row in rows],
            )
        connection.execute(f"copy rows to '{file}' (format parquet)")


def _exact(value: Any) -> Any:
    """The value; a decimal as text, because DuckDB's Python makes doubles of those with many digits."""
    return format(value, "f") if isinstance(value, Decimal) else value


def write_project(root: Path, spec: Mapping[str, Any], config: Mapping[str, Any] = CONFIG) -> Path:
    """Write a project folder with one YAML spec file."""
    (root / "features").mkdir(parents=True, exist_ok=True)
    (root / "mlforge.yaml").write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
    text = yaml.safe_dump(dict(spec), sort_keys=False, allow_unicode=True)
    (root / "features" / "spec.yml").write_text(text, encoding="utf-8")
    return root


@dataclass
class Run:
    """A project whose compiled SQL has been run."""

    compiled: Compiled
    connection: duckdb.DuckDBPyConnection

    def rows(self, table: str, order: str | None = None) -> list[dict[str, Any]]:
        """All rows of a table as dicts."""
        found = self.connection.execute(
            f'select * from "{table}"' + (f" order by {order}" if order else "")
        )
        names = [item[0] for item in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def compile_and_run(
    root: Path,
    *,
    as_of: datetime | None = None,
    edit: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    connection: duckdb.DuckDBPyConnection | None = None,
    portable: frozenset[str] = frozenset(),
    windows: str = "merged",
) -> Run:
    """Compile the project in ``root`` and run every model in an in-memory DuckDB.

    Args:
        root: Project folder.
        as_of: Instant of the current tables.
        edit: Replacements made in the compiled models and macros first, for mutation checks.
        env: Environment variables that the project reads.
        connection: Connection to use.
        portable: Macros that run in their portable form.
        windows: How windows are computed where there is a choice: ``merged`` or ``sliding``.
    """
    compiled = compile_project(root)
    if edit:
        compiled = replace(compiled, files=_edited(compiled.files, edit))
    connection = connection or duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    macros = project_macros(
        compiled,
        root,
        as_of or datetime(2030, 1, 1),
        env or {},
        portable,
        {"mlforge_windows": windows},
    )
    plan = compiled.plan
    for name in model_names(compiled):
        path = next(item for item in compiled.files if item.name == f"{name}.sql")
        sql = macros.render(compiled.files[path])
        table = {"features", "training"} & set(path.parts) or name in {t.name for t in plan.tiles}
        connection.execute(f'create {"table" if table else "view"} "{name}" as\n{sql}')
    return Run(compiled, connection)


def _edited(
    files: Mapping[PurePosixPath, str], edit: Mapping[str, str]
) -> dict[PurePosixPath, str]:
    edited = dict(files)
    for path in (path for path in files if path.parts[0] in {"models", "macros"}):
        for old, new in edit.items():
            edited[path] = edited[path].replace(old, new)
    return edited


def model_names(compiled: Compiled) -> list[str]:
    """Every model, in an order in which each reads only earlier ones."""
    plan = compiled.plan
    names = [node.name for node in plan.nodes]
    for item in plan.training_sets:
        if any(path.name == f"{item.labels}.sql" for path in compiled.files):
            names.append(item.labels)
        names.append(item.name)
    return names


def project_macros(
    compiled: Compiled,
    root: Path,
    as_of: datetime = datetime(2030, 1, 1),
    env: Mapping[str, str] | None = None,
    portable: frozenset[str] = frozenset(),
    variables: Mapping[str, Any] | None = None,
    *,
    more: Mapping[str, Any] | None = None,
) -> Macros:
    """The project's own macros, with what only dbt knows stood in for, and more of it."""
    given = {"as_of": as_of.isoformat(), "mlforge_windows": "merged", **(variables or {})}
    known = env or {}

    def env_var(name: str, default: str | None = None) -> str:
        value = str(root) if name == "MLFORGE_PROJECT_DIR" else known.get(name, default)
        assert value is not None, name
        return value

    def ref(name: str) -> str:
        return f'"{name}"'

    def source(_group: str, table: str) -> str:
        path = next(item for item in compiled.files if item.name == "_sources.yml")
        tables = yaml.safe_load(compiled.files[path])["sources"][0]["tables"]
        meta = next(item for item in tables if item["name"] == table)["config"]["meta"]
        return str(macros.render(meta["external_location"]) % {})

    context = {
        "env_var": env_var,
        "source": source,
        "target": SimpleNamespace(type="duckdb", name="dev"),
        "var": given.get,
        "config": lambda **_: "",
        **(more or {}),
    }
    macros = Macros(compiled.files, "duckdb", ref, portable=portable | IN_PROCESS, context=context)
    return macros
