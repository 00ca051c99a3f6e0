"""YAML text to plain values, and where each value and key stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from mlforge_sql.errors import Diagnostic, Location, SpecErrors, shown

Path = tuple[str | int, ...]

MAX_VALUES = 1_000_000
"""Anchors can make a short text mean more values than memory holds."""

_TEXT = "tag:yaml.org,2002:str"
_INTEGER = "tag:yaml.org,2002:int"
_NUMBERS = frozenset({_INTEGER, "tag:yaml.org,2002:float"})
_OCTAL = re.compile(r"0[0-7]*[1-7][0-7]*")
_DATE = "tag:yaml.org,2002:timestamp"
_CONSTRUCTORS = {
    tag: yaml.CSafeLoader.yaml_constructors[tag]
    for tag in (f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float"))
}
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class Document:
    """One YAML document: its value, and the place of every value and key in it.

    Attributes:
        path: The file, relative to the project.
        text: Its text.
        value: What the text says.
        values: Place of every value.
        keys: Place of every key.
        unquoted: What is written without quotes and YAML takes for something else than text.
        problems: Keys that are there twice or are no text, numbers that are read as others.
        broken: Where they are.
    """

    path: str
    text: str = field(repr=False)
    value: Any
    values: Mapping[Path, Location] = field(repr=False)
    keys: Mapping[Path, Location] = field(repr=False)
    unquoted: Mapping[Path, str] = field(repr=False, default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()
    broken: tuple[Path, ...] = ()

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

    def unquoted(self, *path: str | int) -> str | None:
        """What is written at ``path``, when YAML takes it for something else than text."""
        return self.document.unquoted.get((*self.base, *path))

    def _nearest(self, places: Mapping[Path, Location], path: Path) -> Location:
        full = (*self.base, *path)
        while full and full not in places:
            full = full[:-1]
        return places.get(full, Location(self.document.path))


def read_yaml(path: str, text: str) -> Document:
    """Parse one YAML document. Dates are text, as everywhere in specs.

    Raises:
        SpecErrors: The text is not YAML, or holds several documents.
    """
    walker = _Walker(path)
    try:
        value = _value(text, walker)
    except yaml.YAMLError as error:
        raise SpecErrors([_broken(path, text, error)]) from error
    except RecursionError as error:
        message = "broken YAML: values are nested too deeply"
        hint = "write them flat: no key of a spec is deeper than ten levels"
        raise SpecErrors([Diagnostic("MF001", message, Location(path), hint)]) from error
    except ValueError as error:  # such as `!!int x`
        hint = "remove the tag that begins with `!`"
        message = f"broken YAML: {error}"
        raise SpecErrors([Diagnostic("MF001", message, Location(path), hint)]) from error
    return Document(
        path,
        text,
        value,
        walker.values,
        walker.keys,
        walker.unquoted,
        tuple(walker.problems),
        tuple(walker.broken),
    )


def _value(text: str, walker: _Walker) -> Any:
    loader = yaml.CSafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        walker.walk(root, ())
        return loader.construct_document(root)
    finally:
        loader.dispose()


class _Walker:
    """Notes the place of every value and key."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.values: dict[Path, Location] = {}
        self.keys: dict[Path, Location] = {}
        self.unquoted: dict[Path, str] = {}
        self.problems: list[Diagnostic] = []
        self.broken: list[Path] = []
        self._open: set[int] = set()

    def walk(self, node: yaml.Node, loc: Path) -> None:
        """Note a value and everything in it."""
        self.values[loc] = self._place(node)
        if isinstance(node, yaml.ScalarNode):
            if node.tag == _DATE:
                node.tag = _TEXT
            self._can_be_read(node)
            if node.tag != _TEXT and node.value:
                self._scalar(node, loc)
            return
        if id(node) in self._open or len(self.values) > MAX_VALUES:
            raise yaml.MarkedYAMLError(
                problem="an anchor stands for too many values", problem_mark=node.start_mark
            )
        self._open.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._mapping(node, loc)
        else:
            for index, value in enumerate(node.value):
                self.walk(value, (*loc, index))
        self._open.discard(id(node))

    @staticmethod
    def _can_be_read(node: yaml.ScalarNode) -> None:
        """Refuse `!!int x` and the like, which PyYAML has no problem of its own for."""
        if node.tag not in _CONSTRUCTORS:
            return
        try:
            _CONSTRUCTORS[node.tag](yaml.CSafeLoader(""), node)
        except (ValueError, KeyError, IndexError, OverflowError) as error:
            kind = node.tag.rpartition(":")[2]
            raise yaml.MarkedYAMLError(
                problem=f"`{shown(node.value)}` is no {kind}", problem_mark=node.start_mark
            ) from error

    def _scalar(self, node: yaml.ScalarNode, loc: Path) -> None:
        """Note what is no text; a problem where YAML 1.1 reads another number than people do."""
        self.unquoted[loc] = node.value
        if node.style or node.tag not in _NUMBERS:
            return
        digits = node.value.replace("_", "").lstrip("+-")
        if ":" in digits:
            meant = "minutes and seconds"
        elif node.tag == _INTEGER and _OCTAL.fullmatch(digits):
            meant = "octal digits"
        else:
            return
        message = f"YAML reads `{node.value}` as {meant}, another number"
        hint = f'put it in quotes: `"{node.value}"`, or write the number in another way'
        self.problems.append(Diagnostic("MF129", message, self.values[loc], hint))
        self.broken.append(loc)

    def _mapping(self, node: yaml.MappingNode, loc: Path) -> None:
        merged: list[yaml.Node] = []
        usable = [(key, value) for key, value in node.value if self._is_text(key, loc)]
        node.value = usable
        for key, value in usable:
            if key.tag == _MERGE:
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
            elif self._is_first(key, loc):
                self.walk(value, (*loc, key.value))
        for other in merged:
            self._merged(other, loc)

    def _merged(self, node: yaml.Node, loc: Path) -> None:
        """Note what ``<<`` brings in, at the place where it is written."""
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        for key, value in pairs:
            child = (*loc, str(key.value))
            if key.tag != _MERGE and child not in self.keys:
                self.keys[child] = self._place(key)
                self.walk(value, child)

    def _is_text(self, key: yaml.Node, loc: Path) -> bool:
        """False, and a problem, for a key that is not text."""
        if isinstance(key, yaml.ScalarNode) and key.tag == _DATE:
            key.tag = _TEXT
        if isinstance(key, yaml.ScalarNode) and key.tag in {_TEXT, _MERGE}:
            return True
        written = f" `{key.value}`" if isinstance(key, yaml.ScalarNode) and key.value else ""
        hint = f'put it in quotes: `"{key.value}"`' if written else "write `key: value`"
        message = f"the key{written} is not text"
        self.problems.append(Diagnostic("MF012", message, self._place(key), hint))
        self.broken.append(loc)
        return False

    def _is_first(self, key: yaml.Node, loc: Path) -> bool:
        """False, and a problem, for a key that is there already."""
        child = (*loc, key.value)
        if child not in self.keys:
            self.keys[child] = self._place(key)
            return True
        hint = f"it is already in line {self.keys[child].line}; keep one of them"
        message = f"key `{key.value}` is written twice"
        self.problems.append(Diagnostic("MF002", message, self._place(key), hint))
        self.broken.append(child)
        return False

    def _place(self, node: yaml.Node) -> Location:
        return Location(self.path, node.start_mark.line + 1, node.start_mark.column + 1)


def _broken(path: str, text: str, error: yaml.YAMLError) -> Diagnostic:
    mark = getattr(error, "problem_mark", None)
    place = Location(path, mark.line + 1, mark.column + 1) if mark else Location(path)
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position].split("\n")
        place = Location(path, len(before), len(before[-1]) + 1)
    if isinstance(error, yaml.composer.ComposerError) and "another document" in str(error):
        hint = "remove the line `---`"
        return Diagnostic("MF001", "a spec file is one YAML document", place, hint)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None)
    message = f"broken YAML: {problem}" + (f" {context}" if context else "")
    return Diagnostic("MF001", message, place, _step(problem))


def _step(problem: str) -> str:
    """What to do about something that is not YAML."""
    return next((step for said, step in _STEPS if said in problem), _ANY_STEP)


_STEPS = (
    ("',' or ']'", "close the list with `]`, or put a `,` before what follows"),
    ("',' or '}'", "close the mapping with `}`, or put a `,` before what follows"),
    ("unexpected end of stream", "close the quotes that begin above"),
    (
        "cannot start any token",
        "indent with spaces, not tabs, and put text that begins with @ or ` in quotes",
    ),
    ("control characters", "remove the character"),
    ("special characters", "remove the character"),
    ("too many values", "write out what the anchor stands for"),
    ("could not determine a constructor", "remove the tag that begins with `!`"),
    (
        "undefined alias",
        "name an anchor that stands above, or put text that begins with `*` in quotes",
    ),
    (
        "mapping values are not allowed",
        "put a value that holds `: ` in quotes, and begin each key in a line of its own",
    ),
    ("could not find expected ':'", "write `key: value`, with a space after the colon"),
)
"""The next step, by words of what the parser says."""

_ANY_STEP = (
    "mend the line, or the one above it: the indentation, a quote, a bracket or a `: ` is amiss"
)
