"""A project folder to ``Specs``: find the files, read them, report every problem at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mlforge_sql.errors import Diagnostic, Location, SpecErrors, has_errors, suggest
from mlforge_sql.loading.problems import diagnostics_of
from mlforge_sql.loading.python_loader import run_python_files
from mlforge_sql.loading.yaml_reader import Document, read_yaml
from mlforge_sql.spec.base import Origin, Spec
from mlforge_sql.spec.config import ProjectConfig
from mlforge_sql.spec.entity import Entity
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.source import Source
from mlforge_sql.spec.specs import Located, Specs

PROJECT_FILE = "mlforge.yaml"
SECTIONS: dict[str, type[Entity] | type[Source] | type[Feature]] = {
    "entities": Entity,
    "sources": Source,
    "features": Feature,
}

SpecT = TypeVar("SpecT", bound=Spec)


def find_project(start: Path) -> Path:
    """The nearest folder at or above ``start`` that has a ``mlforge.yaml``.

    Raises:
        SpecErrors: There is none.
    """
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise SpecErrors(
        [
            Diagnostic(
                "MF004",
                f"no `{PROJECT_FILE}` here or in any folder above",
                hint="go into a project, or name one with --project-dir",
            )
        ]
    )


def load_config(root: Path) -> Located[ProjectConfig]:
    """Read ``mlforge.yaml``.

    Raises:
        SpecErrors: It is missing or not valid.
    """
    file = root / PROJECT_FILE
    if not file.is_file():
        raise SpecErrors([Diagnostic("MF004", f"no `{PROJECT_FILE}` in {root.name or '.'}")])
    document = _read(root, file)
    problems: list[Diagnostic] = []
    config = _located(ProjectConfig, document.value, document.origin(), problems)
    if config is None:
        raise SpecErrors(problems)
    return config


def load(root: Path) -> Specs:
    """Read every spec file of a project.

    Args:
        root: Folder with the ``mlforge.yaml``.

    Raises:
        SpecErrors: Anything in any file is not valid; all problems of all files are in it.
    """
    config = load_config(root)
    folder = root / config.spec.features_dir
    problems: list[Diagnostic] = []
    found: list[Located[Any]] = []
    if not folder.is_dir():
        place = config.origin.at("features_dir")
        problems.append(Diagnostic("MF004", f"there is no folder `{config.spec.features_dir}`", place))
        raise SpecErrors(problems)
    for file in _files(folder, (".yml", ".yaml")):
        try:
            found += _document_specs(_read(root, file), problems)
        except SpecErrors as error:
            problems += error.diagnostics
    try:
        made = run_python_files(root, folder, _files(folder, (".py",)))
        found += [Located(item.made.spec, item.origin) for item in made]
    except SpecErrors as error:
        problems += error.diagnostics
    entities, sources, features = (
        tuple(_unique(_of(kind, found), problems)) for kind in (Entity, Source, Feature)
    )
    if has_errors(problems):
        raise SpecErrors(problems)
    return Specs(config, entities, sources, features)  # type: ignore[arg-type]  # one tuple each


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(
        file
        for file in folder.rglob("*")
        if file.suffix in suffixes
        and file.is_file()
        and not any(part.startswith((".", "__")) for part in file.relative_to(folder).parts)
    )


def _read(root: Path, file: Path) -> Document:
    name = file.relative_to(root).as_posix()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecErrors([Diagnostic("MF001", f"cannot read the file: {error}", Location(name))]) from error
    return read_yaml(name, text)


def _document_specs(document: Document, problems: list[Diagnostic]) -> list[Located[Any]]:
    if document.value is None:
        return []
    if not isinstance(document.value, dict):
        place = Location(document.path)
        problems.append(Diagnostic("MF012", "a spec file is a mapping", place, _sections_hint()))
        return []
    found: list[Located[Any]] = []
    for section, items in document.value.items():
        origin = document.origin()
        if section not in SECTIONS:
            hint = suggest(str(section), list(SECTIONS))
            problems.append(Diagnostic("MF010", f"unknown key `{section}`", origin.key(section), hint))
        elif items is not None and not isinstance(items, list):
            problems.append(
                Diagnostic("MF012", f"`{section}` is a list", origin.at(section), "begin each item with `-`")
            )
        else:
            for index, item in enumerate(items or ()):
                place = document.origin(section, index)
                spec = _located(SECTIONS[section], item, place, problems)
                found += [spec] if spec else []
    return found


def _sections_hint() -> str:
    return "expected one of: " + ", ".join(SECTIONS)


def _located(
    model: type[SpecT], value: Any, origin: Origin, problems: list[Diagnostic]
) -> Located[SpecT] | None:
    if not isinstance(value, dict):
        what = model.__name__.lower().replace("projectconfig", "project file")
        problems.append(Diagnostic("MF012", f"a {what} is a mapping", origin.at()))
        return None
    try:
        return Located(model.model_validate(value), origin)
    except ValidationError as error:
        problems += diagnostics_of(error, _as_model(model), value, origin)
        return None


def _as_model(model: type[SpecT]) -> type[BaseModel]:
    return model


def _of(kind: type[SpecT], found: Iterable[Located[Any]]) -> list[Located[SpecT]]:
    return [item for item in found if isinstance(item.spec, kind)]


def _unique(items: Iterable[Located[Any]], problems: list[Diagnostic]) -> list[Located[Any]]:
    """Drop repetitions of one and the same spec; report two specs of one name."""
    first: dict[str, Located[Any]] = {}
    for item in items:
        name = item.spec.name.casefold()
        earlier = first.setdefault(name, item)
        if earlier is item or (earlier.origin == item.origin and earlier.spec == item.spec):
            continue
        kind = type(item.spec).__name__.lower()
        problems.append(
            Diagnostic(
                "MF013",
                f"{kind} `{item.spec.name}` is declared twice",
                item.origin.at("name"),
                f"it is already at {earlier.origin.at('name')}; names do not differ by case alone",
            )
        )
    return list(first.values())
