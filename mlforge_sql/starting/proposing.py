"""``mlforge init --from``: files looked at, and the project that is proposed for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from mlforge_sql.errors import Diagnostic, SchemaUnreadable, SpecErrors
from mlforge_sql.loading.load import PROJECT_FILE, load, load_config
from mlforge_sql.starting.guessing import NothingToPropose, Proposal, propose
from mlforge_sql.starting.looking import look
from mlforge_sql.starting.scaffold import common_files
from mlforge_sql.starting.words import snake
from mlforge_sql.starting.writing import feature_names, spec_text, training_set_name
from mlforge_sql.workflows.compile import schema_reader


@dataclass(frozen=True, slots=True)
class Start:
    """What would be written for some files of the user's.

    Attributes:
        files: The new files, by path in the project.
        proposals: What was guessed.
        notes: Files that no source was proposed for, while others were.
    """

    files: dict[PurePosixPath, str]
    proposals: tuple[Proposal, ...]
    notes: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """Names that a project has already.

    Attributes:
        entities: Of its entities, by join key in lower case.
        names: Of everything else.
    """

    entities: dict[str, str]
    names: frozenset[str]


def start_from(root: Path, here: Path, paths: Sequence[str], name: str) -> Start:
    """A project for files, or more specs for one that is there.

    Args:
        root: Folder of the project.
        here: Folder that the paths are relative to.
        paths: The files or globs.
        name: Name of a new project.

    Raises:
        SpecErrors: Nothing can be proposed for any of the files.
    """
    there = (root / PROJECT_FILE).is_file()
    folder = load_config(root).spec.features_dir if there else "features"
    taken = _taken(root) if there else Taken({}, frozenset())
    entities = dict(taken.entities)
    proposals: list[Proposal] = []
    problems: list[Diagnostic] = []
    sources = set(taken.names)
    with schema_reader(here) as reader:
        for path in dict.fromkeys(paths):
            source = _source_name(path, sources)
            try:
                table = replace(look(reader, path), path=seen_from(root, here / path))
                found = propose(table, source, entities)
            except SchemaUnreadable as error:
                hint = error.hint or "name a parquet, csv or json file"
                problems.append(Diagnostic(error.code, str(error), hint=hint))
            except NothingToPropose as error:
                problems.append(Diagnostic("MF159", str(error), hint=error.hint))
            else:
                proposals.append(found)
                entities |= {key.join_key.casefold(): key.entity for key in found.keys}
                sources |= {source, *feature_names(found), training_set_name(found)}
    if not proposals:
        raise SpecErrors(problems)
    files = {} if there else common_files(name)
    for proposal in proposals:
        files[PurePosixPath(folder, f"{proposal.source}.yml")] = spec_text(proposal)
    return Start(files, tuple(proposals), tuple(problems))


def _taken(root: Path) -> Taken:
    specs = load(root)
    keys = {
        item.spec.join_key[0].casefold(): item.spec.name
        for item in specs.entities
        if len(item.spec.join_key) == 1
    }
    return Taken(
        keys,
        frozenset(
            {
                *(item.spec.name for item in specs.sources),
                *(item.spec.name for item in specs.features),
                *(item.spec.name for item in specs.training_sets),
            }
        ),
    )


def _source_name(path: str, taken: set[str]) -> str:
    """A name for the events of a file: the file's, or its folder's where that is a glob."""
    pure = PurePosixPath(path)
    stem = pure.name.split(".")[0]
    if any(mark in stem for mark in "*?["):
        stem = next((part for part in reversed(pure.parts[:-1]) if "*" not in part), "events")
    name = snake(stem)
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def seen_from(root: Path, file: Path) -> str:
    """A file or glob as specs name it: relative to the project, as far as it is not elsewhere.

    Examples:
        >>> seen_from(Path("/home/me/shop"), Path("/home/me/data/a.csv"))
        '../data/a.csv'
    """
    for above, folder in enumerate((root, *root.parents)):
        if file.is_relative_to(folder) and folder != folder.parent:
            return PurePosixPath(*[".."] * above, *file.relative_to(folder).parts).as_posix()
    return file.as_posix()
