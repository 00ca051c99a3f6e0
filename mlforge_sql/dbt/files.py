"""A plan to a set of files: the whole text of the compiled dbt project."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from mlforge_sql.dbt.audits import account_text, audit_text, feature_account_text
from mlforge_sql.dbt.delta_tables import DeltaTables
from mlforge_sql.dbt.headers import header, sealed
from mlforge_sql.dbt.incremental import IncrementalTables
from mlforge_sql.dbt.key_functions import key_functions
from mlforge_sql.dbt.known_sources import known_sources
from mlforge_sql.dbt.model_properties import ModelProperties, models_properties
from mlforge_sql.dbt.namespaces import qualified
from mlforge_sql.dbt.online import OnlineTables
from mlforge_sql.dbt.pinned_settings import pinned_settings
from mlforge_sql.dbt.profile_notes import noted
from mlforge_sql.dbt.profiles import profiles
from mlforge_sql.dbt.project_files import Hooks, dbt_project, source_groups, sources
from mlforge_sql.dbt.properties import (
    TestNames,
    current_properties,
    feature_properties,
    input_properties,
    staging_properties,
    tiles_properties,
    upcoming_properties,
)
from mlforge_sql.dbt.sqlfluff import sqlfluff_files
from mlforge_sql.dbt.targets import target_files
from mlforge_sql.dbt.templates import static_files
from mlforge_sql.dbt.training import known_features, training_set_text
from mlforge_sql.dbt.training_properties import exposure, labels_properties, training_properties
from mlforge_sql.dbt.yaml_text import yaml_text
from mlforge_sql.loading.load import PROJECT_FILE
from mlforge_sql.plan.nodes import Labels, Model, Plan, Staging
from mlforge_sql.project.definition import spec_hash
from mlforge_sql.project.model import Project
from mlforge_sql.sql.branches import Branches

FileSet = dict[PurePosixPath, str]
"""Text of every file by its path in the dbt project."""

STAGING = PurePosixPath("models/staging")
INTERMEDIATE = PurePosixPath("models/intermediate")
FEATURES = PurePosixPath("models/features")
TRAINING = PurePosixPath("models/training")
MACROS = PurePosixPath("macros")
AUDITS = PurePosixPath("tests/audit")
ACCOUNTS = PurePosixPath("tests/rows")


def project_files(project: Project, plan: Plan, branches: Branches) -> FileSet:
    """Every file of the compiled project.

    Args:
        project: The resolved project.
        plan: Its plan.
        branches: The engines the SQL is for.
    """
    writer = _Writer(project, plan, branches)
    writer.write_project()
    writer.write_staging()
    writer.write_intermediate()
    writer.write_features()
    writer.write_training_sets()
    writer.write_audits()
    engines = [dialect.name for dialect in branches.dialects]
    writer.files |= sqlfluff_files(writer.files, engines)
    files = qualified(writer.files, project.config.name)
    return {path: sealed(path, text) for path, text in sorted(files.items())}


def macro_files(plan: Plan, branches: Branches) -> FileSet:
    """The macros and generic tests, with what they know of the project's features."""
    known = known_features(plan.joinables, plan.surrogates, branches)
    databricks = any(dialect.name == "databricks" for dialect in branches.dialects)
    return {
        **static_files(databricks=databricks),
        MACROS / "mlforge_features.sql": known,
        MACROS / "mlforge_pinned_settings.sql": pinned_settings(branches),
    }


class _Writer:
    """Collects the files of one project."""

    def __init__(self, project: Project, plan: Plan, branches: Branches) -> None:
        self.files: FileSet = macro_files(plan, branches)
        self._project = project
        self._plan = plan
        self._branches = branches
        self._features = {feature.name: feature for feature in project.features}
        self._names = TestNames()
        self._groups = source_groups(project)
        self._delta = DeltaTables(project.config)
        self._online = OnlineTables(project.config, self._names)
        self._incremental = IncrementalTables(project.config, plan, branches, self.files)

    def write_project(self) -> None:
        config = self._project.config
        self.files |= {**target_files(config), **self._online.files(), **self._incremental.files}
        self.files |= key_functions(self._plan.surrogates, config)
        hooks = Hooks(
            start=self._incremental.run_start(),
            end=[*self._delta.run_end(), *self._online.run_end()],
        )
        self._yaml(
            "dbt_project.yml", dbt_project(self._project, self._delta, hooks), [PROJECT_FILE]
        )
        self._yaml("profiles.yml", noted(profiles(config)), [PROJECT_FILE])
        ignore = PurePosixPath(".gitignore")
        self.files[ignore] = (
            f"{header(ignore)}\ntarget/\nlogs/\ndbt_packages/\n.user.yml\n.mlforge/\n"
        )

    def write_staging(self) -> None:
        nodes: tuple[Staging | Labels, ...] = (*self._plan.stagings, *self._plan.labels)
        readings = {node.source: node.reading for node in nodes}
        self.files[MACROS / "mlforge_sources.sql"] = known_sources(
            readings.values(), self._groups, self._branches, self._project.config.dbt_project_dir
        )
        origins = {source.spec.name: source.origin.path for source in self._project.sources}
        found = sources(self._project, self._branches)
        if found is not None:
            self._yaml(STAGING / "_sources.yml", {"version": 2, **found}, origins.values())
        for node in self._plan.stagings:
            properties = staging_properties(node)
            self._model(STAGING, node, properties, [origins[node.source]])

    def write_intermediate(self) -> None:
        for node in self._plan.inputs:
            feature = self._features[node.feature]
            properties = input_properties(node, feature, self._branches, self._names)
            self._model(INTERMEDIATE, node, properties, [feature.origin.path])
        for tiles in self._plan.tiles:
            properties = self._delta.tiles(tiles_properties(tiles, self._branches), tiles)
            origins = [self._features[name].origin.path for name in tiles.features]
            properties = self._incremental.table(properties)
            self._model(INTERMEDIATE, self._incremental.node(tiles), properties, origins)
        for ledger in self._plan.ledgers:
            origins = [PROJECT_FILE]
            self._model(INTERMEDIATE, ledger, self._incremental.ledger(ledger), origins)

    def write_features(self) -> None:
        upcomings = {node.feature: node for node in self._plan.upcomings}
        for node, current in zip(self._plan.features, self._plan.currents, strict=True):
            feature = self._features[node.name]
            properties = feature_properties(
                node, feature, spec_hash(feature), self._branches, self._names
            )
            properties = self._incremental.table(self._delta.feature(properties, node))
            models: list[tuple[Model, ModelProperties]] = [
                (self._incremental.node(node), properties)
            ]
            properties = current_properties(current, node, feature, self._branches, self._names)
            properties = self._delta.current(properties, current)
            models.append((current, self._online.current(properties)))
            upcoming = upcomings.get(node.name)
            if upcoming is not None:
                properties = upcoming_properties(
                    upcoming, node, feature, self._branches, self._names
                )
                properties = self._delta.upcoming(properties, upcoming)
                models.append((upcoming, self._online.upcoming(properties)))
            origins = [feature.origin.path]
            for model, _ in models:
                path = FEATURES / f"{model.name}.sql"
                self.files[path] = f"{header(path, origins)}\n\n{self._branches.model(model, '')}"
            shared = models_properties([properties for _, properties in models])
            self._yaml(FEATURES / f"{node.name}.yml", shared, origins)

    def write_training_sets(self) -> None:
        origins = {item.name: [item.origin.path] for item in self._project.training_sets}
        by_labels = {node.name: node for node in self._plan.labels}
        for node in self._plan.training_sets:
            labels = by_labels.get(node.labels)
            properties = labels_properties(node, labels)
            if labels is not None:
                self._model(INTERMEDIATE, labels, properties, origins[node.name])
            elif node.sql is not None:
                text = node.sql.strip().removesuffix(";").rstrip() + "\n"
                self._text_model(INTERMEDIATE / node.labels, text, properties, origins[node.name])
        for node, resolved in zip(
            self._plan.training_sets, self._project.training_sets, strict=True
        ):
            properties = training_properties(
                node, resolved, self._plan.features, self._branches, self._names
            )
            properties = self._delta.training_set(properties)
            text = training_set_text(node, self._plan.joinables, self._branches)
            self._text_model(TRAINING / node.name, text, properties, origins[node.name])
        if self._plan.training_sets:
            exposures = [
                exposure(item, self._project.config.name) for item in self._project.training_sets
            ]
            paths = [item.origin.path for item in self._project.training_sets]
            self._yaml(
                TRAINING / "_training.exposures.yml", {"version": 2, "exposures": exposures}, paths
            )

    def write_audits(self) -> None:
        origins = {item.name: item.origin.path for item in self._project.training_sets}
        for node in self._plan.audits:
            owner = node.labels.training_set if node.labels else "feature"
            name = self._names.name(f"audit_{owner}", node.feature)
            path = AUDITS / f"{name}.sql"
            specs = [origins[owner]] if node.labels else []
            specs.append(self._features[node.feature].origin.path)
            query = self._branches.model(node, "")
            self.files[path] = f"{header(path, specs)}\n\n{audit_text(node, name, query)}"

        sources = {source.spec.name: source.origin.path for source in self._project.sources}
        for account in self._plan.accounts:
            path = ACCOUNTS / f"{self._names.name(account.name)}.sql"
            query = self._branches.model(account, self._groups[account.source])
            text = account_text(account, query)
            self.files[path] = f"{header(path, [sources[account.source]])}\n\n{text}"
        for item in self._plan.feature_accounts:
            path = ACCOUNTS / f"{self._names.name(item.name)}.sql"
            text = feature_account_text(item, self._branches.model(item, ""))
            origin = self._features[item.feature].origin.path
            self.files[path] = f"{header(path, [origin])}\n\n{text}"

    def _model(
        self,
        folder: PurePosixPath,
        node: Model,
        properties: ModelProperties,
        origins: Iterable[str],
    ) -> None:
        group = self._groups[node.source] if isinstance(node, Staging | Labels) else ""
        text = self._branches.model(node, group)
        self._text_model(folder / node.name, text, properties, origins)

    def _text_model(
        self, stem: PurePosixPath, text: str, properties: ModelProperties, origins: Iterable[str]
    ) -> None:
        path = stem.with_name(f"{stem.name}.sql")
        self.files[path] = f"{header(path, origins)}\n\n{text}"
        file = stem.with_name(f"{stem.name}.yml")
        self._yaml(file, models_properties([properties]), origins)

    def _yaml(self, path: str | PurePosixPath, value: Any, origins: Iterable[str]) -> None:
        path = PurePosixPath(path)
        self.files[path] = f"{header(path, origins)}\n{yaml_text(value)}"
