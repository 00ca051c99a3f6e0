"""A Databricks bundle (``databricks.yml``): a job that runs the compiled folder as a dbt task.

The form is that of https://docs.databricks.com/aws/en/dev-tools/bundles/job-task-types (dbt task) and
https://docs.databricks.com/aws/en/jobs/how-to/use-dbt-in-workflows. Not seen live; tests read the job back
through the models of databricks-sdk.
"""

from __future__ import annotations

import json
from pathlib import Path

from mlforge_sql.dbt.targets import databricks_places
from mlforge_sql.errors import Diagnostic, SpecErrors
from mlforge_sql.loading.load import load_config
from mlforge_sql.project.selection import find_profile
from mlforge_sql.scratch import scratch
from mlforge_sql.spec.config import ProjectConfig, UnityCatalogStore
from mlforge_sql.spec.databricks_online import DatabricksOnlineStore
from mlforge_sql.starting.scaffold import unwritable

FILE = "databricks.yml"
ADAPTER = "dbt-databricks>=1.12.7,<1.13"
"""What the task installs: the versions that compiled projects are tested with."""


def bundle_text(config: ProjectConfig, profile: str) -> str:
    """The bundle of a profile, with comments for who reviews it.

    Args:
        config: What ``mlforge.yaml`` says.
        profile: Name of a profile on Databricks.

    Raises:
        SpecErrors: The profile is not on Databricks.
    """
    store = config.profiles[profile].offline_store
    if not isinstance(store, UnityCatalogStore):
        others = [f"`{name}`" for name in databricks_places(config)]
        hint = (
            f"name another with --profile: {', '.join(others)}"
            if others
            else "add one with `offline_store: {KIND: unity_catalog, catalog: .., schema: ..}`"
        )
        message = f"profile `{profile}` is not on Databricks, and a bundle is a job there"
        raise SpecErrors([Diagnostic("MF125", message, None, hint)])
    default = f"\n    default: {json.dumps(store.warehouse_id)}" if store.warehouse_id else ""
    command = f"dbt build{_which(config, profile)}"
    return f"""\
# A job that builds the features of profile `{profile}`: written by `mlforge bundle`, yours from now on.
#
#   mlforge compile
#   databricks bundle validate
#   databricks bundle deploy --target prod
#
# Not seen on a workspace by its makers: `databricks bundle validate` says what yours does not take.
bundle:
  name: {json.dumps(config.name)}

variables:
  warehouse_id:
    description: The SQL warehouse that the models run on.{default}

# The compiled folder goes along, also where git ignores it.
sync:
  include: [{json.dumps(f"{config.dbt_project_dir}/**")}]
  exclude: [{json.dumps(f"{config.dbt_project_dir}/target/**")}, {json.dumps(f"{config.dbt_project_dir}/logs/**")}]

resources:
  jobs:
    {json.dumps(config.name)}:
      name: {json.dumps(f"{config.name}: features")}
{_notes(config, profile)}      schedule:
        quartz_cron_expression: "0 0 6 * * ?"
        timezone_id: UTC
        pause_status: UNPAUSED
      max_concurrent_runs: 1
      tasks:
        - task_key: build
          environment_key: dbt
          dbt_task:
            project_directory: {json.dumps(f"./{config.dbt_project_dir}")}
            # Databricks writes the dbt profile: catalog and schema say which of ours it stands for.
            warehouse_id: ${{var.warehouse_id}}
            catalog: {json.dumps(store.catalog)}
            schema: {json.dumps(store.schema_)}
            commands: [{json.dumps(command)}]
      environments:
        - environment_key: dbt
          spec:
            environment_version: "2"
            dependencies: [{json.dumps(ADAPTER)}]

targets:
  # In development the schedule is paused, and the job has your name in front.
  dev:
    mode: development
    default: true
  prod:
    mode: production
"""


def write_bundle(root: Path, profile: str | None, *, force: bool = False) -> Path:
    """Write the bundle beside ``mlforge.yaml``; its path.

    Args:
        root: The project's folder.
        profile: Name of the profile; the default one if None.
        force: Whether a file that is there is written over.

    Raises:
        SpecErrors: ``mlforge.yaml`` is not valid, the profile is not on Databricks, a bundle is there
            already, or the folder cannot be written.
    """
    config = load_config(root).spec
    text = bundle_text(config, find_profile(config, profile))
    path = root / FILE
    if (path.exists() or path.is_symlink()) and not force:
        hint = "change it, look at a new one with --print, or write over it with --force"
        raise SpecErrors([Diagnostic("MF126", f"`{FILE}` is there already", None, hint)])
    try:
        with scratch(
            root, ".mlforge_bundle_"
        ) as own:  # a reader finds all of it, or what was there
            (own / FILE).write_text(text, encoding="utf-8", newline="\n")
            (own / FILE).replace(path)
    except OSError as error:
        raise SpecErrors([unwritable(error, FILE)]) from error
    return path


def _which(config: ProjectConfig, profile: str) -> str:
    """Arguments that say which profile is meant, where several write to its schema."""
    places = databricks_places(config)
    same = [name for name, place in places.items() if place == places[profile]]
    return f" --vars 'mlforge_profile: {profile}'" if len(same) > 1 else ""


def _notes(config: ProjectConfig, profile: str) -> str:
    """What somebody has to know who changes the job."""
    online = config.profiles[profile].online_store
    notes: list[str] = []
    if isinstance(online, DatabricksOnlineStore):
        if online.horizon is not None:
            notes.append(
                f"Online values reach {online.horizon} past a build: it has to run at least that often."
            )
        if online.publish_via == "cli":
            notes.append(
                f"It does not publish: run `mlforge online sync --profile {profile}` after it."
            )
    if config.surrogate_key_salt_env is not None:
        notes.append(
            f"The task needs the variable {config.surrogate_key_salt_env}, the salt of surrogate keys."
        )
    return "".join(f"      # {note}\n" for note in notes)
