"""YAML text to plain values, and where each value and key stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from mlforge_sql.errors import Diagnostic, Location, SpecErrors

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """One YAML document: its value, and the place of every value and key in it."""

    path: str
    value: Any
    values: Mapping[Path, Location] = field(repr=False)
    keys: Mapping[Path, Location] = field(repr=False)

    def origin(self, *base: str | int) -> YamlOrigin:
        """The origin of the value at ``base``."""
        return YamlOrigin(self, base)


@dataclass(frozen=True)
class YamlOrigin:
    """Where a spec stands in a YAML document."""

    document: Document = field(repr=False)
    base: Path

    @property
    def path(self) -> str:
        """The file, relative to the project."""
        return self.document.path

    def at(self, *path: str | int) -> Location:
        """The place of the value at ``path``, or of the nearest parent that is written down."""
        return self._nearest(self.document.values, path)

    def key(self, *path: str | int) -> Location:
        """The place of the key at ``path``, or of the nearest parent."""
        full = (*self.base, *path)
        return self.document.keys.get(full) or self.at(*path)

    def _nearest(self, places: Mapping[Path, Location], path: Path) -> Location:
        full = (*self.base, *path)
        while full and full not in places:
            full = full[:-1]
        return places.get(full, Location(self.document.path))


def read_yaml(path: str, text: str) -> Document:
    """Parse one YAML document.

    Raises:
        SpecErrors: The text is not YAML, holds several documents, or repeats a key.
    """
    loader = yaml.CSafeLoader(text)
    try:
        root = loader.get_single_node()
        walker = _Walker(path)
        if root is not None:
            walker.walk(root, ())
        if walker.problems:
            raise SpecErrors(walker.problems)
        value = None if root is None else loader.construct_document(root)
    except yaml.YAMLError as error:
        raise SpecErrors([_broken(path, error)]) from error
    except ValueError as error:  # such as the date 2024-02-31
        raise SpecErrors([Diagnostic("MF001", f"broken YAML: {error}", Location(path))]) from error
    finally:
        loader.dispose()
    return Document(path, value, walker.values, walker.keys)


class _Walker:
    def __init__(self, path: str) -> None:
        self.path = path
        self.values: dict[Path, Location] = {}
        self.keys: dict[Path, Location] = {}
        self.problems: list[Diagnostic] = []

    def walk(self, node: yaml.Node, loc: Path) -> None:
        self.values[loc] = self._place(node)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                self._key(key, (*loc, key.value if isinstance(key.value, str) else str(key.value)))
                self.walk(value, (*loc, key.value if isinstance(key.value, str) else str(key.value)))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self.walk(value, (*loc, index))

    def _key(self, key: yaml.Node, child: Path) -> None:
        if child in self.keys:
            first = self.keys[child]
            self.problems.append(
                Diagnostic(
                    "MF002",
                    f"key `{child[-1]}` is written twice",
                    self._place(key),
                    f"it is already in line {first.line}; keep one of them",
                )
            )
        self.keys.setdefault(child, self._place(key))

    def _place(self, node: yaml.Node) -> Location:
        return Location(self.path, node.start_mark.line + 1, node.start_mark.column + 1)


def _broken(path: str, error: yaml.YAMLError) -> Diagnostic:
    mark = getattr(error, "problem_mark", None)
    place = Location(path, mark.line + 1, mark.column + 1) if mark else Location(path)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None)
    message = f"broken YAML: {problem}" + (f" {context}" if context else "")
    return Diagnostic("MF001", message, place)
