"""``mlforge bundle``."""

from __future__ import annotations

import click

from mlforge_sql.cli._options import Settings, pass_settings, profile_option
from mlforge_sql.cli._render import say_filled


@click.command("bundle")
@profile_option
@click.option("--print", "shown", is_flag=True, help="Print it, and write nothing.")
@click.option("--force", is_flag=True, help="Write over a databricks.yml that is there.")
@pass_settings
def bundle(settings: Settings, profile: str | None, shown: bool, force: bool) -> None:
    """Write a Databricks bundle: a scheduled job that builds the features.

    `databricks.yml` has a job with a dbt task on a SQL warehouse, a schedule
    and an environment. It is yours from then on: compile does not touch it.
    """
    from mlforge_sql.loading.load import load_config
    from mlforge_sql.project.selection import find_profile
    from mlforge_sql.starting.bundle import FILE, bundle_text, write_bundle

    if shown:
        config = load_config(settings.root).spec
        click.echo(bundle_text(config, find_profile(config, profile)), nl=False)
        return
    write_bundle(settings.root, profile, force=force)
    if not settings.quiet:
        say_filled(
            f"wrote {FILE}; `mlforge compile`, then `databricks bundle validate`, then "
            "`databricks bundle deploy --target prod`"
        )
