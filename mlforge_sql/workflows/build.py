"""Build: a compiled project, the features that were asked for, and dbt."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

from mlforge_sql.databricks_workspace.adapter import check_adapter
from mlforge_sql.databricks_workspace.login import find_login
from mlforge_sql.databricks_workspace.reach import check_reachable
from mlforge_sql.dbt.holding import held
from mlforge_sql.dbt.online import OnlineTables
from mlforge_sql.dbt.profiles import DATABASE_FILE
from mlforge_sql.dbt.run import DbtRun
from mlforge_sql.errors import Diagnostic, SpecErrors
from mlforge_sql.project.model import current_name
from mlforge_sql.project.selection import find_profile, select_features, select_training_sets
from mlforge_sql.spec.config import LocalStore, UnityCatalogStore
from mlforge_sql.workflows.compile import Compiled


def build_features(  # noqa: PLR0913 - all that a build can be told
    compiled: Compiled,
    *,
    names: Iterable[str] = (),
    tags: Iterable[str] = (),
    training_sets: Iterable[str] = (),
    left_out: Iterable[str] = (),
    profile: str | None = None,
    arguments: Sequence[str] = (),
) -> DbtRun:
    """Prepare ``dbt build`` for some features of a project; iterate over the result to run it.

    Args:
        compiled: The project; write it before you run.
        names: Features to build; with ``tags`` empty too, all.
        tags: Build features with any of these tags.
        training_sets: Build these training sets and their features.
        left_out: Features whose tables stay as they are, although what is built reads them.
        profile: Profile to build in; the default one if None.
        arguments: Further arguments for dbt.

    Raises:
        SpecErrors: Unknown feature, tag or profile, or a profile that dbt cannot run in from here, or
            that cannot build a training set.
    """
    names, tags = tuple(names), tuple(tags)
    target = ready_profile(compiled, profile)
    features = [item.spec for item in compiled.project.features]
    wanted = select_training_sets(compiled.project, training_sets)
    chosen = select_features(features, names, tags) if names or tags or not wanted else ()
    command = ["build", "--target", target]
    absent = unbuildable(compiled, target)
    for name in wanted:
        if name in absent:
            message = f"training set `{name}` reads versions of tables, which profile `{target}` does not keep"
            hint = "use a profile with `KIND: unity_catalog`"
            raise SpecErrors([Diagnostic("MF090", message, hint=hint)])
    if names or tags or wanted:
        selected = [*(current_name(item.name) for item in chosen), *wanted]
        selected += _later_rows(compiled, target, {item.name for item in chosen})
        command += ["--select", *(f"+{name}" for name in selected)]
        command += ["--indirect-selection", "buildable"]  # no audit of what is not rebuilt
    elif absent:
        command += ["--exclude", *absent]
    kept = tuple(left_out)
    if kept:
        models = [model for name in kept for model in (name, current_name(name))]
        command += ["--exclude", *models, *_later_rows(compiled, target, set(kept))]
    return dbt_run(compiled, target, [*command, *arguments])


def dbt_run(compiled: Compiled, target: str, arguments: Sequence[str]) -> DbtRun:
    """A dbt command in a compiled project; iterate over it to run it.

    Args:
        compiled: The project; write it before you run.
        target: The profile that the command names.
        arguments: The command and its options.
    """
    store = compiled.project.config.profiles[target].offline_store
    databricks = isinstance(store, UnityCatalogStore)
    salt = compiled.project.config.surrogate_key_salt_env
    secrets = (salt,) if salt else ()
    return DbtRun(compiled.folder, compiled.root, arguments, databricks=databricks, secrets=secrets)


def store_to_ourselves(
    compiled: Compiled, profile: str | None, wait: float, say: Callable[[str], None]
) -> AbstractContextManager[None]:
    """Have the DuckDB file of a profile to ourselves while dbt runs; nothing on Databricks.

    Args:
        compiled: The project.
        profile: The profile; the default one if None.
        wait: Seconds to wait for others that have the file open.
        say: Is told once whom we wait for.

    Raises:
        SpecErrors: Somebody has the file open, still after ``wait`` seconds.
    """
    config = compiled.project.config
    store = config.profiles[find_profile(config, profile)].offline_store
    if not isinstance(store, LocalStore):
        return nullcontext()
    return held(compiled.root / store.path / DATABASE_FILE, wait, say)


def unbuildable(compiled: Compiled, profile: str | None) -> tuple[str, ...]:
    """Training sets that a profile cannot build: they read versions of tables, and it keeps none.

    Raises:
        SpecErrors: Unknown profile.
    """
    config = compiled.project.config
    if not isinstance(config.profiles[find_profile(config, profile)].offline_store, LocalStore):
        return ()
    sets = compiled.project.training_sets
    return tuple(item.name for item in sets if any(request.pin for request in item.features))


def _later_rows(compiled: Compiled, target: str, chosen: set[str]) -> list[str]:
    """The models of later rows of some features, where a target has them."""
    if target not in OnlineTables(compiled.project.config).targets:
        return []
    return [node.name for node in compiled.plan.upcomings if node.feature in chosen]


def ready_profile(compiled: Compiled, profile: str | None) -> str:
    """The profile's name, or the default one's, once dbt can run in it from here.

    For Databricks: the adapter is installed, the environment has all that the login needs, and the
    host answers.

    Raises:
        SpecErrors: Unknown profile, or one that dbt cannot run in.
    """
    config = compiled.project.config
    target = find_profile(config, profile)
    store = config.profiles[target].offline_store
    if isinstance(store, UnityCatalogStore):
        check_adapter()
        check_reachable(find_login(store, os.environ).host)
    return target
