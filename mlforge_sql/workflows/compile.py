"""The whole compile, as it reads: load, resolve, plan, SQL, files, write."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from mlforge_sql.dbt.files import FileSet, macro_files, project_files
from mlforge_sql.dbt.journal import BrokenJournal
from mlforge_sql.dbt.macros import Macros
from mlforge_sql.dbt.templates import static_files
from mlforge_sql.dbt.write import Changes, Linked, NotWritten, compare, finish, write
from mlforge_sql.dbt.written import broken_journal, kept_edits, not_written
from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.errors import Diagnostic, Location, SpecErrors, has_errors
from mlforge_sql.loading.load import PROJECT_FILE, load_config, read_specs
from mlforge_sql.loading.schemas import SchemaReader
from mlforge_sql.loading.settings import unusable_settings
from mlforge_sql.plan.build import build_plan
from mlforge_sql.plan.nodes import Plan
from mlforge_sql.project.model import Project
from mlforge_sql.project.resolve import resolve
from mlforge_sql.spec.config import LocalStore, ProjectConfig, UnityCatalogStore
from mlforge_sql.spec.specs import Specs
from mlforge_sql.sql.branches import Branches


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled project, not yet on disk.

    Attributes:
        root: Folder of ``mlforge.yaml``.
        project: What the specs mean.
        plan: What to compute.
        files: The dbt project.
    """

    root: Path
    project: Project
    plan: Plan
    files: FileSet

    @property
    def folder(self) -> Path:
        """Folder of the dbt project."""
        return self.root / self.project.config.dbt_project_dir


def engines(config: ProjectConfig) -> Branches:
    """The engines that a project is compiled for: those of its profiles."""
    kinds = {type(profile.offline_store) for profile in config.profiles.values()}
    databricks = (Databricks(),) if UnityCatalogStore in kinds else ()
    duckdb = (DuckDb(),) if LocalStore in kinds else ()
    return Branches((*databricks, *duckdb))


def compile_project(root: Path) -> Compiled:
    """Compile a project without touching its dbt folder.

    Args:
        root: Folder of ``mlforge.yaml``.

    Raises:
        SpecErrors: With every problem found.
    """
    project, plan = plan_project(root)
    files = project_files(project, plan, engines(project.config))
    return Compiled(root.resolve(), project, plan, files)


def plan_project(root: Path) -> tuple[Project, Plan]:
    """What a project means, and what to compute for it.

    Args:
        root: Folder of ``mlforge.yaml``.

    Raises:
        SpecErrors: With every problem found.
    """
    root = root.resolve()
    specs, problems = read_specs(root)
    project = _resolve(root, specs, problems)
    return project, build_plan(project)


def project_macros(project: Project, plan: Plan) -> FileSet:
    """The macros of a compiled project, as compile writes them."""
    return macro_files(plan, engines(project.config))


def _resolve(root: Path, specs: Specs, problems: Sequence[Diagnostic]) -> Project:
    """The project; its problems and those of its files are raised together."""
    settings = tuple(unusable_settings(specs.config))
    try:
        with schema_reader(root) as types:
            project = resolve(specs, types)
    except SpecErrors as error:
        found = _with_gone(root, specs.config.spec, error.diagnostics)
        raise SpecErrors([*problems, *settings, *found]) from error
    if has_errors([*problems, *settings]):
        raise SpecErrors([*problems, *settings])
    return project


_UNKNOWN_FEATURE = re.compile(r"unknown feature `(\w+)`")


def _with_gone(
    root: Path, config: ProjectConfig, problems: Sequence[Diagnostic]
) -> Iterator[Diagnostic]:
    """The problems; a feature that was compiled and is no longer declared is said to be gone."""
    features = root / config.dbt_project_dir / "models" / "features"
    for item in problems:
        found = _UNKNOWN_FEATURE.fullmatch(item.message)
        if item.code == "MF051" and found and (features / f"{found[1]}.sql").is_file():
            hint = "it was there at the last compile and is gone from the specs: leave it out, or bring it back"
            yield replace(item, hint=hint)
        else:
            yield item


def schema_reader(root: Path) -> SchemaReader:
    """Reads the schemas of files as the compiled project reads their rows."""

    @lru_cache(maxsize=1)
    def macros() -> Macros:
        return Macros(static_files(databricks=False), "duckdb", str)

    def fitted(value: str, stored: str, kind: str, leaves: Sequence[tuple[str, str]] = ()) -> str:
        return str(macros().call("mlforge_fitted", value, stored, kind, leaves))

    return SchemaReader(root, fitted)


def finish_interrupted(root: Path) -> None:
    """Finish what a killed compile had decided to write, whatever the specs say by now.

    Raises:
        SpecErrors: There is a journal that no compile of ours can have left.
    """
    try:
        config = load_config(root).spec
    except SpecErrors:  # said by the compile that follows
        return
    with _told(root, config):
        finish(root / config.dbt_project_dir)


def pending_changes(compiled: Compiled, *, keep_edits: bool = False) -> Changes:
    """What ``write_project`` would do.

    Raises:
        SpecErrors: Something is in the way.
    """
    with _told(compiled.root, compiled.project.config):
        changes = compare(compiled.folder, compiled.files)
        changes.check(keep_edits=keep_edits)
    return changes


def write_project(compiled: Compiled, *, keep_edits: bool = False) -> Changes:
    """Write the dbt project: all of it or nothing.

    Args:
        compiled: The project.
        keep_edits: Refuse to overwrite compiled files that somebody has edited.

    Raises:
        SpecErrors: Something is in the way; nothing was written.
    """
    config = compiled.project.config
    stores = [
        compiled.root / profile.offline_store.path
        for profile in config.profiles.values()
        if isinstance(profile.offline_store, LocalStore)
    ]
    with _told(compiled.root, config):
        for store in stores:
            if store.exists() and not store.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), store.name)
        changes = write(compiled.folder, compiled.files, keep_edits=keep_edits)
        for store in stores:
            store.mkdir(parents=True, exist_ok=True)
    return changes


def edit_warnings(compiled: Compiled, changes: Changes, *, done: bool = True) -> list[Diagnostic]:
    """A warning for each compiled file that somebody had edited and a write replaced, or would."""
    folder = PurePosixPath(compiled.project.config.dbt_project_dir)
    return list(kept_edits(folder, changes.kept, done=done))


@contextmanager
def _told(root: Path, config: ProjectConfig) -> Iterator[None]:
    """Tell users why the dbt project's folder stays as it is."""
    folder = PurePosixPath(config.dbt_project_dir)
    try:
        real = (root / folder).resolve()
        if not real.is_relative_to(root.resolve()):
            raise Linked((PurePosixPath(),))
        yield
    except NotWritten as error:
        raise SpecErrors(not_written(folder, error)) from error
    except BrokenJournal as error:
        raise SpecErrors([broken_journal(folder, error)]) from error
    except OSError as error:
        message = f"cannot write `{error.filename or folder}`: {error.strerror or error}"
        hint = "make room for it, or change `path` or `dbt_project_dir`"
        raise SpecErrors([Diagnostic("MF053", message, Location(PROJECT_FILE), hint)]) from error
