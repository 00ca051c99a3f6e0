"""``mlforge inspect``."""

from __future__ import annotations

from typing import Any

import click

from mlforge_sql.cli._options import Settings, json_option, pass_settings
from mlforge_sql.cli._render import filled, print_json, print_table, table_width


@click.group("inspect")
def inspect() -> None:
    """Show one thing of a project in full."""


@inspect.command("feature")
@click.argument("name")
@json_option
@pass_settings
def feature(settings: Settings, name: str, as_json: bool) -> None:
    """Show a feature: its clock, its columns and types, its models."""
    from mlforge_sql.plan.describe import describe_feature
    from mlforge_sql.workflows.compile import plan_project

    found = describe_feature(*plan_project(settings.root), name)
    if as_json:
        print_json({"version": 1, "feature": found})
        return
    _show(
        found,
        (
            "declared in",
            "source",
            "keys",
            "time",
            "ttl",
            "filter",
            "tags",
            "version",
            "tiles",
            "merges",
            "models",
        ),
    )
    if found["validators"]:
        click.echo()
        print_table(
            ("validated", "rule"), [(item["column"], item["rule"]) for item in found["validators"]]
        )


@inspect.command("training-set")
@click.argument("name")
@json_option
@pass_settings
def training_set(settings: Settings, name: str, as_json: bool) -> None:
    """Show a training set: its labels, its time, its features and columns."""
    from mlforge_sql.plan.describe import describe_training_set
    from mlforge_sql.workflows.compile import plan_project

    found = describe_training_set(*plan_project(settings.root), name)
    if as_json:
        print_json({"version": 1, "training_set": found})
        return
    _show(found, ("declared in", "labels", "time", "features", "pinned", "tags", "models"))


def _show(found: dict[str, Any], keys: tuple[str, ...]) -> None:
    """The name, the description, what the keys say, and the columns."""
    click.secho(found["name"], bold=True)
    if found["description"]:
        click.echo(found["description"])
    click.echo()
    for key in keys:
        value = found[key]
        if value:
            text = ", ".join(value) if isinstance(value, list) else str(value)
            head = f"{key + ':':<13}"
            click.echo(filled(head + text, table_width(), len(head)))
    click.echo()
    print_table(
        ("column", "type", "meaning"),
        [(item["name"], item["type"], item["meaning"]) for item in found["columns"]],
    )
