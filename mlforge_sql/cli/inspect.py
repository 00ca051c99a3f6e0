"""``mlforge inspect``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mlforge_sql.cli._options import (
    Settings,
    completing,
    json_option,
    pass_settings,
    profile_option,
)
from mlforge_sql.cli._render import filled, print_json, print_table, say, table_width

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlforge_sql.project.model import Project
    from mlforge_sql.stores.statistics import TableStatistics
    from mlforge_sql.types import ColumnType

    Command = Callable[..., Any]

_BARS = " ▁▂▃▄▅▆▇█"


@click.group("inspect")
def inspect() -> None:
    """Show one thing of a project in full."""


def _sql_option(command: Command) -> Command:
    return click.option(
        "--sql", is_flag=True, help="Print the compiled SQL of its models instead."
    )(command)


@inspect.command("feature")
@click.argument("name", shell_complete=completing("features"))
@profile_option
@_sql_option
@json_option
@pass_settings
def feature(settings: Settings, name: str, profile: str | None, sql: bool, as_json: bool) -> None:
    """Show a feature: its meaning, clock, columns, lineage and tables.

    With a profile on DuckDB that has been built, also when that was, how many
    rows the table has, and of each column the share of NULL and a histogram.
    """
    from mlforge_sql.plan.describe import describe_feature
    from mlforge_sql.workflows.compile import plan_project

    if sql:
        _print_sql(settings, name, "feature", as_json=as_json)
        return
    project, plan = plan_project(settings.root)
    found = describe_feature(project, plan, name)
    columns = next(
        [(item.name, item.type) for item in other.columns]
        for other in project.features
        if other.name == name
    )
    statistics = _statistics(settings, project, profile, name, columns)
    if as_json:
        print_json({"version": 1, "feature": {**found, "built": _as_json(statistics)}})
        return
    _show(
        found,
        (
            *("meaning", "declared in", "source", "entities", "keys", "time", "ttl", "filter"),
            *("tags", "version", "tiles", "merges", "models", "lineage", "training sets", "tables"),
        ),
        statistics,
    )
    if found["validators"]:
        click.echo()
        print_table(
            ("validated", "rule"), [(item["column"], item["rule"]) for item in found["validators"]]
        )


@inspect.command("training-set")
@click.argument("name", shell_complete=completing("training_sets"))
@profile_option
@_sql_option
@json_option
@pass_settings
def training_set(
    settings: Settings, name: str, profile: str | None, sql: bool, as_json: bool
) -> None:
    """Show a training set: its labels, its time, its features and columns."""
    from mlforge_sql.plan.describe import describe_training_set
    from mlforge_sql.workflows.compile import plan_project

    if sql:
        _print_sql(settings, name, "training set", as_json=as_json)
        return
    project, plan = plan_project(settings.root)
    found = describe_training_set(project, plan, name)
    node = next(item for item in plan.training_sets if item.name == name)
    columns = [
        *node.columns,
        *(
            (f"{feature}__{item.name}", item.type)
            for feature, some in node.features
            for item in some
        ),
    ]
    statistics = _statistics(settings, project, profile, name, columns)
    if as_json:
        print_json({"version": 1, "training_set": {**found, "built": _as_json(statistics)}})
        return
    keys = ("declared in", "labels", "time", "features", "pinned", "tags", "models", "tables")
    _show(found, keys, statistics)


@inspect.command("source")
@click.argument("name", shell_complete=completing("sources"))
@_sql_option
@json_option
@pass_settings
def source(settings: Settings, name: str, sql: bool, as_json: bool) -> None:
    """Show a source: where its rows are, its time, columns, and what reads it."""
    from mlforge_sql.plan.describe import describe_source
    from mlforge_sql.workflows.compile import plan_project

    if sql:
        _print_sql(settings, name, "source", as_json=as_json)
        return
    project, _ = plan_project(settings.root)
    found = describe_source(project, name)
    if as_json:
        print_json({"version": 1, "source": found})
        return
    _show(
        found,
        (
            *("meaning", "declared in", "where", "time", "delay", "filter", "dedupe", "features"),
            *("training sets", "models"),
        ),
    )


@inspect.command("entity")
@click.argument("name", shell_complete=completing("entities"))
@json_option
@pass_settings
def entity(settings: Settings, name: str, as_json: bool) -> None:
    """Show an entity: its keys, and the features that are about it."""
    from mlforge_sql.loading.load import load
    from mlforge_sql.plan.describe import describe_entity

    found = describe_entity(load(settings.root), name)
    if as_json:
        print_json({"version": 1, "entity": found})
        return
    _show(found, ("meaning", "declared in", "join key", "computed from", "features", "sources"))


def _print_sql(settings: Settings, name: str, kind: str, *, as_json: bool) -> None:
    from mlforge_sql.plan.describe import (
        describe_feature,
        describe_source,
        describe_training_set,
    )
    from mlforge_sql.workflows.compile import compile_project

    compiled = compile_project(settings.root)
    match kind:
        case "feature":
            models = describe_feature(compiled.project, compiled.plan, name)["lineage"]
            models = [*models, *describe_feature(compiled.project, compiled.plan, name)["models"]]
        case "training set":
            models = reversed(
                describe_training_set(compiled.project, compiled.plan, name)["models"]
            )
        case _:
            models = describe_source(compiled.project, name)["models"]
    files = {
        path: text
        for model in dict.fromkeys(models)
        for path, text in compiled.files.items()
        if path.name == f"{model}.sql" and path.parts[0] == "models"
    }
    if as_json:
        listed = [{"path": str(path), "sql": text} for path, text in files.items()]
        print_json({"version": 1, "models": listed})
        return
    for path, text in files.items():
        click.secho(f"-- {compiled.project.config.dbt_project_dir}/{path}", bold=True)
        click.echo(text)


def _statistics(
    settings: Settings,
    project: Project,
    profile: str | None,
    table: str,
    columns: Sequence[tuple[str, ColumnType]],
) -> TableStatistics | None:
    """What is in a table of a DuckDB file; None where there is no such file or table."""
    from mlforge_sql.dbt.profiles import DATABASE_FILE
    from mlforge_sql.errors import RetrievalError
    from mlforge_sql.project.selection import find_profile
    from mlforge_sql.spec.config import LocalStore

    store = project.config.profiles[find_profile(project.config, profile)].offline_store
    if (
        not isinstance(store, LocalStore)
        or not (settings.root / store.path / DATABASE_FILE).is_file()
    ):
        return None
    from mlforge_sql.stores.duckdb import open_duckdb
    from mlforge_sql.stores.statistics import table_statistics

    name = find_profile(project.config, profile)
    try:
        opened = open_duckdb(settings.root, project.config, name, store)
    except RetrievalError as error:  # somebody builds
        if not settings.quiet:
            say(f"note: nothing is said of the tables: {error.diagnostics[0].message}")
        return None
    try:
        return table_statistics(opened, table, columns)
    finally:
        opened.close()


def _as_json(found: TableStatistics | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "at": found.built_at.isoformat() if found.built_at else None,
        "rows": found.rows,
        "columns": [
            {
                "name": item.name,
                "null_share": round(item.null_share, 6),
                "distinct": item.distinct,
                "low": item.low,
                "high": item.high,
                "histogram": list(item.histogram),
            }
            for item in found.columns
        ],
    }


def _show(
    found: dict[str, Any], keys: tuple[str, ...], statistics: TableStatistics | None = None
) -> None:
    """The name, the description, what the keys say, and the columns."""
    click.secho(found["name"], bold=True)
    if found["description"]:
        click.echo(filled(found["description"], table_width()))
    click.echo()
    values = {key: found[key] for key in keys}
    if statistics is not None:
        at = f"{statistics.built_at:%Y-%m-%d %H:%M:%S} UTC, " if statistics.built_at else ""
        values["last build"] = f"{at}{statistics.rows:,} rows"
    for key, value in values.items():
        if value:
            joint = " -> " if key == "lineage" else ", "
            text = joint.join(value) if isinstance(value, list) else str(value)
            head = f"{key + ':':<14} "
            click.echo(filled(head + text, table_width(), len(head)))
    if not found.get("columns"):
        return
    click.echo()
    if statistics is None:
        print_table(
            ("column", "type", "meaning"),
            [(item["name"], item["type"], item["meaning"]) for item in found["columns"]],
        )
        return
    known = {item.name: item for item in statistics.columns}
    print_table(
        ("column", "type", "NULL", "values", "meaning"),
        [
            (
                item["name"],
                item["type"],
                f"{known[item['name']].null_share:.1%}",
                _bars(known[item["name"]].histogram),
                item["meaning"],
            )
            for item in found["columns"]
        ],
    )


def _bars(histogram: Sequence[int]) -> str:
    """A histogram as one word; a part that holds something is never blank."""
    most = max(histogram, default=0)
    if not most:
        return ""
    top = len(_BARS) - 1
    return "".join(_BARS[-(-count * top // most)] if count else "·" for count in histogram)
