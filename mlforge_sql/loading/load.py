"""A project folder to ``Specs``: find the files, read them, report every problem at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mlforge_sql.errors import Diagnostic, Location, SpecErrors, has_errors, suggest
from mlforge_sql.loading.completing import complete
from mlforge_sql.loading.environment import from_environment, name_of_folder, unfilled
from mlforge_sql.loading.problems import diagnostics_of
from mlforge_sql.loading.python_loader import run_python_files
from mlforge_sql.loading.spec_files import PYTHON, YAML, spec_files
from mlforge_sql.loading.yaml_reader import Document, read_yaml
from mlforge_sql.spec.base import Origin, Spec
from mlforge_sql.spec.config import ProjectConfig
from mlforge_sql.spec.entity import Entity
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.source import Source
from mlforge_sql.spec.specs import Located, Specs, Unread
from mlforge_sql.spec.training_set import TrainingSet

PROJECT_FILE = "mlforge.yaml"
DEFAULT_FOLDER = str(ProjectConfig.model_fields["features_dir"].default)
PACKAGES = "src"
"""Folder of packages whose ``Definitions`` are read where there is no folder of specs."""

SECTIONS: dict[str, type[Entity] | type[Source] | type[Feature] | type[TrainingSet]] = {
    "entities": Entity,
    "sources": Source,
    "features": Feature,
    "training_sets": TrainingSet,
}

NO_PROJECT = (
    "start one with `mlforge init NAME`, go into one, or name one with --project-dir; the smallest "
    f"`{PROJECT_FILE}` is `{{name: shop, profiles: {{dev: {{offline_store: {{KIND: local, path: ./feature_store}}}}}}}}`"
)
"""The next step where there is no project."""

_COMPUTES_TEXT = re.compile(r"""\b[fF][rR]?["']|\.(format|join)\(|["']\s*[%+]|\+\s*["']""")
"""Python that may put names together, so that its words do not tell them."""

_DEFINITIONS = re.compile(r"^[^#\n]*\bDefinitions\(", re.MULTILINE)
"""Python that makes ``Definitions``."""

_WORD = re.compile(r"\w+")

SpecT = TypeVar("SpecT", bound=Spec)
NamedT = TypeVar("NamedT", Entity, Source, Feature, TrainingSet)


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
                hint=NO_PROJECT,
            )
        ]
    )


def load_config(root: Path) -> Located[ProjectConfig]:
    """Read ``mlforge.yaml``.

    Raises:
        SpecErrors: It is missing or not valid.
    """
    problems: list[Diagnostic] = []
    config = _config(root, problems)
    if problems:
        raise SpecErrors(problems)
    return config


def load(root: Path) -> Specs:
    """Read every spec file of a project.

    Args:
        root: Folder with the ``mlforge.yaml``.

    Raises:
        SpecErrors: Anything in any file is not valid; all problems of all files are in it.
    """
    specs, problems = read_specs(root)
    if has_errors(problems):
        raise SpecErrors(problems)
    return specs


def read_specs(root: Path) -> tuple[Specs, tuple[Diagnostic, ...]]:
    """Read every spec file of a project as far as possible.

    Args:
        root: Folder with the ``mlforge.yaml``.

    Returns:
        The valid specs, with a note of what could not be read, and every problem.

    Raises:
        SpecErrors: There is no folder to read, or no ``mlforge.yaml`` that names it.
    """
    problems: list[Diagnostic] = []
    config = _config(root, problems)
    folder = root / config.spec.features_dir
    packages = [] if folder.is_dir() else _definitions(root, config.spec)
    if not folder.is_dir() and not packages:
        message = f"there is no folder `{config.spec.features_dir}`"
        hint = f"create it, or name another folder as `features_dir` in `{PROJECT_FILE}`"
        place = config.origin.at("features_dir")
        raise SpecErrors([*problems, Diagnostic("MF004", message, place, hint)])
    reader = _Reader(root, problems)
    if packages:
        reader.read_definitions(root / PACKAGES, packages)
    else:
        reader.read(folder)
    entities = tuple(reader.unique(Entity))
    sources = tuple(reader.unique(Source))
    features = tuple(reader.unique(Feature))
    training_sets = tuple(reader.unique(TrainingSet))
    specs = Specs(config, entities, sources, features, training_sets, reader.unread)
    return complete(specs, problems), tuple(problems)


def _definitions(root: Path, config: ProjectConfig) -> list[Path]:
    """The files of packages in ``src`` that make ``Definitions``, where nothing else is named."""
    folder = root / PACKAGES
    if config.features_dir != DEFAULT_FOLDER or not folder.is_dir():
        return []
    files, _ = spec_files(root, folder)
    return [
        file
        for file in files
        if file.suffix in PYTHON and _DEFINITIONS.search(_text(file) or "") is not None
    ]


def _config(root: Path, problems: list[Diagnostic]) -> Located[ProjectConfig]:
    """The project file; when it is not valid, a stand-in with the same folder of specs."""
    file = root / PROJECT_FILE
    if not file.is_file():
        raise SpecErrors([_no_project_file(root)])
    try:
        document = _read(root, file)
    except SpecErrors as error:
        if not (root / DEFAULT_FOLDER).is_dir():
            raise
        problems += error.diagnostics
        document = Document(PROJECT_FILE, "", None, {}, {})
    else:
        problems += document.problems
        if not document.problems:
            filled: dict[str, str] = {}
            value = from_environment(document.value, document.origin(), problems, filled)
            if isinstance(value, dict):
                value = {"name": name_of_folder(root.resolve().name), **value}
            found: list[Diagnostic] = []
            config = _located(ProjectConfig, value, document.origin(), found)
            problems += [unfilled(item, filled) for item in found]
            if config is not None:
                return config
    value = document.value if isinstance(document.value, dict) else {}
    folder = value.get("features_dir")
    if not isinstance(folder, str) or not _is_folder(root / folder):
        folder = DEFAULT_FOLDER
    stand_in = ProjectConfig.model_construct(name="project", profiles={}, features_dir=folder)
    return Located(stand_in, document.origin())


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long
        return False


def _no_project_file(root: Path) -> Diagnostic:
    return Diagnostic("MF004", f"no `{PROJECT_FILE}` in `{root.name or '.'}`", hint=NO_PROJECT)


class _Reader:
    """Collects the specs of files, and notes what could not be read."""

    def __init__(self, root: Path, problems: list[Diagnostic]) -> None:
        self.found: list[Located[Any]] = []
        self.unread = Unread()
        self._root = root
        self._problems = problems

    def read(self, folder: Path) -> None:
        """Read every spec file of a folder."""
        files, problems = spec_files(self._root, folder)
        if problems:
            self._problems += problems
            self._miss(None)
        for file in files:
            if file.suffix in YAML:
                self._read_yaml(file)
        self._read_python(folder, [file for file in files if file.suffix in PYTHON])

    def _read_yaml(self, file: Path) -> None:
        try:
            document = _read(self._root, file)
        except SpecErrors as error:
            self._problems += error.diagnostics
            self._miss(_text(file))
            return
        self._problems += document.problems
        if any(len(path) < 2 for path in document.broken):
            self._miss(document.text)
        if isinstance(document.value, dict):
            for section, items in document.value.items():
                if (section,) not in document.broken:
                    self._section(document, section, items)
        elif document.value is not None:
            place = document.origin().at()
            hint = "expected one of: " + ", ".join(SECTIONS)
            self._problems.append(Diagnostic("MF012", "a spec file is a mapping", place, hint))
            self._miss(document.text)

    def _section(self, document: Document, section: str, items: Any) -> None:
        origin = document.origin()
        if section not in SECTIONS:
            place = origin.key(section)
            hint = suggest(section, list(SECTIONS))
            self._problems.append(Diagnostic("MF010", f"unknown key `{section}`", place, hint))
            self._miss(_all_words(items))
        elif not isinstance(items or [], list):
            place = origin.at(section)
            hint = "begin each item with `-`"
            self._problems.append(Diagnostic("MF012", f"`{section}` is a list", place, hint))
            self._miss(_all_words(items))
        else:
            for index, item in enumerate(items or ()):
                self._item(document, section, index, item)

    def _item(self, document: Document, section: str, index: int, item: Any) -> None:
        spec = None
        if all(path[:2] != (section, index) for path in document.broken):
            origin = document.origin(section, index)
            spec = _located(SECTIONS[section], item, origin, self._problems)
        if spec is not None:
            self.found.append(spec)
        elif section != "training_sets":
            name = item.get("name") if isinstance(item, dict) else None
            self._miss(name if isinstance(name, str) else _all_words(item))

    def _read_python(self, folder: Path, files: list[Path]) -> tuple[frozenset[str], ...]:
        found = run_python_files(self._root, folder, files)
        self.found += [Located(item.made.spec, item.origin) for item in found.specs]
        self._problems += found.problems
        for file in found.failed:
            text = _text(file)
            self._miss(None if text is None or _COMPUTES_TEXT.search(text) else text)
        return found.groups

    def read_definitions(self, folder: Path, files: list[Path]) -> None:
        """Read the features that ``Definitions`` name, and what these are about."""
        groups = self._read_python(folder, files)
        if not groups:
            return
        named = frozenset().union(*groups)
        used = {
            item.spec.source
            for item in self.found
            if isinstance(item.spec, Feature) and item.spec.name in named
        } | {item.spec.labels.source for item in self.found if isinstance(item.spec, TrainingSet)}
        self.found = [
            item
            for item in self.found
            if not isinstance(item.spec, (Feature, Source))
            or item.spec.name in (named if isinstance(item.spec, Feature) else used)
        ]

    def unique(self, kind: type[NamedT]) -> list[Located[NamedT]]:
        """The specs of one kind; reports two of one name, and drops repetitions of one spec."""
        first: dict[str, Located[NamedT]] = {}
        for item in self.found:
            if not isinstance(item.spec, kind):
                continue
            name = item.spec.name
            earlier = first.setdefault(name.casefold(), item)
            if earlier.origin != item.origin or earlier.spec != item.spec:
                self._problems.append(_twice(item, earlier))
                self._miss(name)
        return list(first.values())

    def _miss(self, text: str | None) -> None:
        words = frozenset(_WORD.findall((text or "").casefold()))
        self.unread = Unread(self.unread.words | words, self.unread.anything or text is None)


def _all_words(value: object) -> str | None:
    try:
        return str(value)
    except (ValueError, RecursionError):  # a number of thousands of digits has no text
        return None


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _read(root: Path, file: Path) -> Document:
    name = file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        place = Location(name, before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
        hint = "save the file as UTF-8"
        raise SpecErrors([Diagnostic("MF001", "the file is not UTF-8", place, hint)]) from error
    except OSError as error:
        message = f"cannot read the file: {error.strerror or error}"
        hint = "make the file readable for you, or take it out of the folder of specs"
        raise SpecErrors([Diagnostic("MF001", message, Location(name), hint)]) from error
    return read_yaml(name, text)


def _located(
    model: type[SpecT], value: Any, origin: Origin, problems: list[Diagnostic]
) -> Located[SpecT] | None:
    if not isinstance(value, dict):
        what = "an entity" if model is Entity else f"a {_noun(model)}"
        what = "the project file" if model is ProjectConfig else what
        hint = "write `name: ...` and so on"
        problems.append(Diagnostic("MF012", f"{what} is a mapping", origin.at(), hint))
        return None
    try:
        return Located(model.model_validate(value), origin)
    except ValidationError as error:
        problems += diagnostics_of(error, _as_model(model), value, origin)
        return None


def _noun(model: type[Any]) -> str:
    return "training set" if model is TrainingSet else str(model.__name__).lower()


def _as_model(model: type[SpecT]) -> type[BaseModel]:
    return model


def _twice(item: Located[Any], earlier: Located[Any]) -> Diagnostic:
    message = f"{_noun(type(item.spec))} `{item.spec.name}` is declared twice"
    hint = f"it is already at {earlier.origin.at('name')}"
    if item.spec.name != earlier.spec.name:
        hint += f" as `{earlier.spec.name}`; names do not differ by case alone"
    return Diagnostic("MF013", message, item.origin.at("name"), hint)
