"""``mlforge init``."""

from __future__ import annotations

from pathlib import Path

import click

from mlforge_sql.cli._options import Settings, pass_settings
from mlforge_sql.cli._render import say


@click.command("init")
@click.argument("folder", metavar="NAME", type=click.Path(path_type=Path))
@pass_settings
def init(settings: Settings, folder: Path) -> None:
    """Start a project in the new folder NAME.

    It has sample data, and builds as it is: entities, sources, features in
    YAML and Python, a training set, editor settings, and a CI workflow.
    Nothing that is there already is overwritten.
    """
    from mlforge_sql.starting.scaffold import project_name, starter_files, write_new

    root = settings.start.resolve() / folder
    files = starter_files(project_name(root.resolve().name))
    write_new(root, files)
    if not settings.quiet:
        say(f"wrote {len(files)} files in {folder}/; README.md says what they are. Next:")
        say()
        say(f"  cd {folder}")
        say("  mlforge build")
