"""A plan to a set of files: the whole text of the compiled dbt project."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from mlforge_sql.dbt.headers import header
from mlforge_sql.dbt.project_files import dbt_project, profiles, sources
from mlforge_sql.dbt.properties import (
    Properties,
    TestNames,
    current_properties,
    feature_properties,
    input_properties,
    staging_properties,
    tiles_properties,
)
from mlforge_sql.dbt.templates import static_files
from mlforge_sql.dbt.yaml_text import yaml_text
from mlforge_sql.loading.load import PROJECT_FILE
from mlforge_sql.plan.nodes import Node, Plan
from mlforge_sql.project.model import Project, ResolvedFeature
from mlforge_sql.sql.branches import Branches

FileSet = dict[PurePosixPath, str]
"""Text of every file by its path in the dbt project."""

STAGING = PurePosixPath("models/staging")
INTERMEDIATE = PurePosixPath("models/intermediate")
FEATURES = PurePosixPath("models/features")


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
    return dict(sorted(writer.files.items()))


def spec_hash(feature: ResolvedFeature) -> str:
    """What a feature's values depend on, as a hash: its spec, its source and its keys."""
    spec = feature.spec.model_dump(mode="json", exclude={"description", "tags", "validators"})
    content = {
        "feature": spec,
        "source": feature.source.spec.model_dump(mode="json", exclude={"description"}),
        "columns": {name: str(kind) for name, kind in feature.source.schema.items()},
        "keys": [
            [key.name, str(key.type), [part for part, _ in key.parts]] for key in feature.keys
        ],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Writer:
    """Collects the files of one project."""

    def __init__(self, project: Project, plan: Plan, branches: Branches) -> None:
        self.files: FileSet = static_files()
        self._project = project
        self._plan = plan
        self._branches = branches
        self._features = {feature.name: feature for feature in project.features}
        self._names = TestNames()

    def write_project(self) -> None:
        config = self._project.config
        self._yaml("dbt_project.yml", dbt_project(config), [PROJECT_FILE])
        self._yaml("profiles.yml", profiles(config), [PROJECT_FILE])
        ignore = PurePosixPath(".gitignore")
        self.files[ignore] = (
            f"{header(ignore)}\ntarget/\nlogs/\ndbt_packages/\n.user.yml\n.mlforge/\n"
        )

    def write_staging(self) -> None:
        origins = {source.spec.name: source.origin.path for source in self._project.sources}
        found = sources(self._project)
        if found is not None:
            self._yaml(STAGING / "_sources.yml", {"version": 2, **found}, origins.values())
        for node in self._plan.stagings:
            properties = staging_properties(node)
            self._model(STAGING, node, properties, [origins[node.source]])

    def write_intermediate(self) -> None:
        for node in self._plan.inputs:
            feature = self._features[node.feature]
            properties = input_properties(node, feature, self._names)
            self._model(INTERMEDIATE, node, properties, [feature.origin.path])
        for tiles in self._plan.tiles:
            properties = tiles_properties(tiles, self._branches)
            properties["config"]["materialized"] = "table"
            origins = [self._features[name].origin.path for name in tiles.features]
            self._model(INTERMEDIATE, tiles, properties, origins)

    def write_features(self) -> None:
        for node, current in zip(self._plan.features, self._plan.currents, strict=True):
            feature = self._features[node.name]
            origins = [feature.origin.path]
            properties = feature_properties(
                node, feature, spec_hash(feature), self._branches, self._names
            )
            self._model(FEATURES, node, properties, origins)
            properties = current_properties(current, node, feature, self._branches, self._names)
            self._model(FEATURES, current, properties, origins)

    def _model(
        self, folder: PurePosixPath, node: Node, properties: Properties, origins: Iterable[str]
    ) -> None:
        path = folder / f"{node.name}.sql"
        text = self._branches.model(node, self._project.config.name)
        self.files[path] = f"{header(path, origins)}\n\n{text}"
        self._yaml(folder / f"{node.name}.yml", {"version": 2, "models": [properties]}, origins)

    def _yaml(self, path: str | PurePosixPath, value: Any, origins: Iterable[str]) -> None:
        path = PurePosixPath(path)
        self.files[path] = f"{header(path, origins)}\n{yaml_text(value)}"
