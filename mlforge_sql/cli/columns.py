"""``mlforge columns``."""

from __future__ import annotations

import click

from mlforge_sql.cli._options import Settings, json_option, pass_settings
from mlforge_sql.cli._render import print_json


@click.command("columns")
@click.argument("source")
@json_option
@pass_settings
def columns(settings: Settings, source: str, as_json: bool) -> None:
    """Print the columns of SOURCE with their types, ready to paste.

    A source that says its `columns:` compiles where its files are not, such as
    in CI; there, and at every build, the types are checked against the files.
    """
    from mlforge_sql.starting.columns import columns_text, source_columns

    found = source_columns(settings.root, source)
    if as_json:
        rows = [{"name": item.name, "type": item.type} for item in found]
        print_json({"version": 1, "source": source, "columns": rows})
    else:
        click.echo(columns_text(found))
