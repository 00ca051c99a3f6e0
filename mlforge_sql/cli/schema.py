"""``mlforge schema``."""

from __future__ import annotations

import click

from mlforge_sql.cli._render import print_json


@click.command("schema")
@click.argument("what", type=click.Choice(["specs", "project"]), default="specs")
def schema(what: str) -> None:
    """Print the JSON schema of spec files, or of mlforge.yaml.

    Editors complete and check specs with it. `mlforge init` writes both into
    .mlforge/ and tells VS Code about them; after an upgrade:

    \b
    mlforge schema specs > .mlforge/specs.schema.json
    mlforge schema project > .mlforge/project.schema.json
    """  # noqa: D301 - click's mark for a paragraph that is not filled
    from mlforge_sql.schema.json_schema import project_schema, spec_schema

    print_json(spec_schema() if what == "specs" else project_schema())
