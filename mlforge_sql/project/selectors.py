"""Features and training sets chosen in dbt's grammar of nodes: ``tag:core+``, ``source:orders``, ``+a,tag:b``.

The graph is that of the specs: a source leads to the features that read it, and a feature to the
training sets that have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mlforge_sql.errors import Diagnostic, SpecErrors, suggest
from mlforge_sql.spec.specs import Specs

_TERM = re.compile(r"(?P<at>@)?(?:(?P<up>\d*)\+)?(?P<what>[^+@\s]+?)(?:\+(?P<down>\d*))?")
_METHODS = ("tag", "source", "entity", "path", "name", "fqn", "resource_type")
_GRAMMAR = (
    "write a name, `tag:`, `source:`, `entity:` or `path:`, with `+` before it for what it is made from and "
    "after it for what is made from it; a space or another --select adds, a comma narrows"
)

Node = tuple[str, str]
"""``source``, ``feature`` or ``training_set``, and its name."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What a selection names, each in the order of the project.

    Attributes:
        features: Names of features.
        training_sets: Names of training sets.
        left_out: Names of features that are left out of them, whatever needs them.
    """

    features: tuple[str, ...]
    training_sets: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def select(specs: Specs, selections: Iterable[str], excluded: Iterable[str] = ()) -> Selected:
    """The features and training sets of a selection.

    Args:
        specs: The project.
        selections: As dbt takes them; all are added.
        excluded: What is left out of them.

    Raises:
        SpecErrors: One that is not of the grammar, or that nothing fits.
    """
    graph = _Graph(specs)
    problems: list[Diagnostic] = []
    left_out = graph.nodes(excluded, problems)
    chosen = graph.nodes(selections, problems) - left_out
    if problems:
        raise SpecErrors(problems)
    found = Selected(
        tuple(item.spec.name for item in specs.features if ("feature", item.spec.name) in chosen),
        tuple(
            item.spec.name
            for item in specs.training_sets
            if ("training_set", item.spec.name) in chosen
        ),
        tuple(item.spec.name for item in specs.features if ("feature", item.spec.name) in left_out),
    )
    if not found.features and not found.training_sets:
        message = f"no feature and no training set is `{' '.join(selections)}`"
        raise SpecErrors([Diagnostic("MF178", message, hint=_GRAMMAR)])
    return found


class _Graph:
    def __init__(self, specs: Specs) -> None:
        self._specs = specs
        self._tags: dict[Node, tuple[str, ...]] = {}
        self._paths: dict[Node, str] = {}
        self._entities: dict[Node, tuple[str, ...]] = {}
        self._parents: dict[Node, set[Node]] = {}
        for source in specs.sources:
            self._add(("source", source.spec.name), source.origin.path, (), set())
        for feature in specs.features:
            node = ("feature", feature.spec.name)
            self._entities[node] = feature.spec.entities
            self._add(
                node, feature.origin.path, feature.spec.tags, {("source", feature.spec.source)}
            )
        for item in specs.training_sets:
            parents: set[Node] = {("feature", wanted.name) for wanted in item.spec.features}
            if item.spec.labels.source is not None:
                parents.add(("source", item.spec.labels.source))
            self._add(("training_set", item.spec.name), item.origin.path, item.spec.tags, parents)
        self._children: dict[Node, set[Node]] = {node: set() for node in self._parents}
        for node, above in self._parents.items():
            for parent in above:
                self._children.setdefault(parent, set()).add(node)

    def _add(self, node: Node, path: str, tags: tuple[str, ...], parents: set[Node]) -> None:
        self._paths[node], self._tags[node], self._parents[node] = path, tags, parents

    def nodes(self, selections: Iterable[str], problems: list[Diagnostic]) -> set[Node]:
        """The nodes of all selections together; what cannot be read is noted."""
        found: set[Node] = set()
        for union in (part for text in selections for part in text.split()):
            parts = [self._term(term, problems) for term in union.split(",")]
            found |= set.intersection(*parts)
        return found

    def _term(self, term: str, problems: list[Diagnostic]) -> set[Node]:
        match = _TERM.fullmatch(term)
        method, colon, value = (match["what"] if match else term).rpartition(":")
        if match is None or (colon and method not in _METHODS):
            hint = suggest(method, _METHODS) if match else _GRAMMAR
            problems.append(Diagnostic("MF178", f"`{term}` is no selection", hint=hint))
            return set()
        found = self._fitting(method or "name", value)
        if not found:
            known = sorted({name for _, name in self._parents})
            hint = suggest(value, self._values(method) or known)
            problems.append(Diagnostic("MF178", f"nothing is `{match['what']}`", hint=hint))
        if match["at"]:
            below = self._walk(found, self._children, None)
            return found | below | self._walk(found | below, self._parents, None)
        above = self._walk(found, self._parents, _depth(match["up"]))
        return found | above | self._walk(found, self._children, _depth(match["down"]))

    def _values(self, method: str) -> list[str]:
        match method:
            case "tag":
                return sorted({tag for tags in self._tags.values() for tag in tags})
            case "source":
                return [name for kind, name in self._parents if kind == "source"]
            case "entity":
                return sorted({name for names in self._entities.values() for name in names})
            case "path":
                return sorted(set(self._paths.values()))
            case "resource_type":
                return ["source", "feature", "training_set"]
            case _:
                return []

    def _called(self, source: Node) -> set[str]:
        """The names of a source; one that is read by another time has that of the source it is."""
        return {source[1], self._specs.queried.get(source[1], source[1])}

    def _fitting(self, method: str, value: str) -> set[Node]:
        match method:
            case "tag":
                return {node for node, tags in self._tags.items() if _any(tags, value)}
            case "source":
                return {
                    node
                    for node in self._parents
                    if node[0] == "source" and any(_is(name, value) for name in self._called(node))
                }
            case "entity":
                return {node for node, names in self._entities.items() if _any(names, value)}
            case "path":
                folder = f"{value.rstrip('/')}/"
                return {
                    node
                    for node, path in self._paths.items()
                    if _is(path, value) or path.startswith(folder)
                }
            case "resource_type":
                return {node for node in self._parents if node[0] == value}
            case _:
                return {
                    node for node in self._parents if node[0] != "source" and _is(node[1], value)
                }

    def _walk(
        self, start: set[Node], edges: Mapping[Node, set[Node]], depth: int | None
    ) -> set[Node]:
        """What is reached from some nodes in at most so many steps; None for any number."""
        found: set[Node] = set()
        edge, steps = start, 0
        while edge and (depth is None or steps < depth):
            edge = {other for node in edge for other in edges.get(node, ())} - found
            found |= edge
            steps += 1
        return found


def _depth(written: str | None) -> int | None:
    """Steps of ``2+`` or ``+2``: none without a plus, any number without a digit."""
    if written is None:
        return 0
    return int(written) if written else None


def _is(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern)


def _any(names: Iterable[str], pattern: str) -> bool:
    return any(_is(name, pattern) for name in names)
