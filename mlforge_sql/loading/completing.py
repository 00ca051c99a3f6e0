"""What features say of their sources and keys, put where the rest of the compiler looks for it.

A feature may name files in the place of a source, key columns in the place of entities, and its own
event time. Afterwards every feature has a source of that time and entities.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from mlforge_sql.errors import Diagnostic, Location
from mlforge_sql.spec.base import Origin
from mlforge_sql.spec.entity import Entity
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.source import Source, Timestamp, is_path, name_of_path
from mlforge_sql.spec.specs import Located, Specs, Unread

_SUFFIX = re.compile(r"_(?:id|key|no|code)$")


@dataclass(frozen=True)
class TimeOfFeature:
    """Where a source stands whose event time a feature says."""

    source: Origin
    feature: Origin

    @property
    def path(self) -> str:
        """The file, relative to the project."""
        return self.source.path

    def at(self, *path: str | int) -> Location:
        """The place of the value at ``path``; of the time, at the feature."""
        return self._of(path).at(*path)

    def key(self, *path: str | int) -> Location:
        """The place of the key at ``path``; of the time, at the feature."""
        return self._of(path).key(*path)

    def unquoted(self, *path: str | int) -> str | None:
        """What is written there without quotes."""
        return self._of(path).unquoted(*path)

    def _of(self, path: tuple[str | int, ...]) -> Origin:
        return self.feature if path[:1] == ("timestamp",) else self.source


def complete(specs: Specs, problems: list[Diagnostic]) -> Specs:
    """The specs with a source and entities for each feature; what cannot be completed is noted."""
    features = _without_paths(specs)
    sources = _Sources([*specs.sources, *_sources_of_paths(specs, problems)])
    features = [sources.timed(item) for item in features]
    entities = _Entities(specs.entities)
    features = [entities.of(item) for item in features]
    timed, untimed = sources.all()
    for item in untimed:
        if not specs.unread.words and not specs.unread.anything:
            message = "key `timestamp` is missing"
            problems.append(Diagnostic("MF011", message, item.origin.at()))
    problems += _undecided(specs)
    refused = [item.spec.name for item in untimed]
    refused += [
        name_of_path(item.spec.source) for item in specs.features if is_path(item.spec.source)
    ]
    words = specs.unread.words.union(map(str.casefold, refused))
    unread = Unread(words, specs.unread.anything)
    return replace(
        specs,
        entities=tuple(entities.all),
        sources=tuple(timed),
        features=tuple(features),
        unread=unread,
        queried=sources.queried,
    )


def _undecided(specs: Specs) -> Iterable[Diagnostic]:
    """Labels that take the time of a source which has none itself, and several by its features."""
    times: dict[str, list[Timestamp]] = {
        item.spec.name: [] for item in specs.sources if not item.spec.is_timed
    }
    for item in specs.features:
        said = times.get(item.spec.source)
        if said is not None and item.spec.timestamp is not None and item.spec.timestamp not in said:
            said.append(item.spec.timestamp)
    for training_set in specs.training_sets:
        name = training_set.spec.labels.source
        if name is None or training_set.spec.timestamp is not None or len(times.get(name, ())) < 2:
            continue
        listed = ", ".join(f"`{' and '.join(time.columns)}`" for time in times[name])
        message = f"features read source `{name}` by several times: {listed}; which one labels have is not said"
        hint = "give the training set a `timestamp`, or the source"
        yield Diagnostic("MF011", message, training_set.origin.at(), hint)


def _without_paths(specs: Specs) -> list[Located[Feature]]:
    """The features, each with the name of its source."""
    known = {item.spec.path: item.spec.name for item in reversed(specs.sources)}
    return [
        _with(item, source=known.get(item.spec.source) or name_of_path(item.spec.source))
        if is_path(item.spec.source)
        else item
        for item in specs.features
    ]


def _sources_of_paths(specs: Specs, problems: list[Diagnostic]) -> Iterable[Located[Source]]:
    """The sources of features that name files, where there is none of those files."""
    paths = {item.spec.name.casefold(): item.spec.path for item in reversed(specs.sources)}
    known = set(paths.values())
    for item in specs.features:
        path = item.spec.source
        if not is_path(path) or path in known:
            continue
        name = name_of_path(path)
        if name.casefold() in paths:
            other = paths[name.casefold()] or f"source `{name}`"
            message = f"the source of `{path}` and that of `{other}` would both be called `{name}`"
            hint = "declare a source with a name of its own for one of them"
            problems.append(Diagnostic("MF013", message, item.origin.at("source"), hint))
            continue
        paths[name.casefold()] = path
        known.add(path)
        yield Located(Source(name, path=path), item.origin)


def _with(item: Located[Feature], **values: object) -> Located[Feature]:
    return Located(item.spec.model_copy(update=values), item.origin)


@dataclass
class _Sources:
    """Sources, and those that differ from them in their event time alone.

    Attributes:
        given: As they are declared.
        queried: What the queries of features call a source, by its name.
    """

    given: Sequence[Located[Source]]
    queried: dict[str, str] = field(default_factory=dict)
    _timed: dict[str, Located[Source]] = field(default_factory=dict)

    def timed(self, feature: Located[Feature]) -> Located[Feature]:
        """The feature with a source of its event time."""
        time, name = feature.spec.timestamp, feature.spec.source
        given = next((item for item in self.given if item.spec.name == name), None)
        if given is None or time is None:
            return feature
        if given.spec.is_timed and given.spec.timestamp == time:
            return _with(feature, timestamp=None)
        first = name not in self._timed and not given.spec.is_timed
        same = self._timed.get(name)
        if first or (same is not None and same.spec.timestamp == time):
            return self._retimed(feature, given, name, time)
        return self._retimed(feature, given, self._free(given, time), time)

    def _retimed(
        self, feature: Located[Feature], given: Located[Source], name: str, time: Timestamp
    ) -> Located[Feature]:
        if name not in self._timed:
            spec = given.spec.model_copy(update={"name": name, "timestamp": time})
            self._timed[name] = Located(spec, TimeOfFeature(given.origin, feature.origin))
        if name != given.spec.name:
            self.queried[name] = given.spec.name
        return _with(feature, source=name, timestamp=None)

    def _free(self, given: Located[Source], time: Timestamp) -> str:
        """A name for the source by another time: the one that it has already, or a new one."""
        base = re.sub(r"\W+", "_", f"{given.spec.name}_by_{'_'.join(time.columns)}")
        taken = {item.spec.name for item in self.given}
        name, number = base, 1
        while name in taken or (name in self._timed and self._timed[name].spec.timestamp != time):
            number += 1
            name = f"{base}_{number}"
        return name

    def all(self) -> tuple[list[Located[Source]], list[Located[Source]]]:
        """The sources that have an event time, and those that have none."""
        own = [self._timed.pop(item.spec.name, item) for item in self.given]
        timed = [item for item in own if item.spec.is_timed]
        return [*timed, *self._timed.values()], [item for item in own if not item.spec.is_timed]


class _Entities:
    """Entities, and those that features name by their key columns."""

    def __init__(self, given: Sequence[Located[Entity]]) -> None:
        self.all = list(given)
        self._by_key = {item.spec.join_key: item.spec.name for item in reversed(given)}

    def of(self, feature: Located[Feature]) -> Located[Feature]:
        """The feature with entities in the place of key columns."""
        if not feature.spec.keys:
            return feature
        names = tuple(dict.fromkeys(self._name(key, feature) for key in feature.spec.keys))
        return _with(feature, entities=names, keys=())

    def _name(self, key: str, feature: Located[Feature]) -> str:
        known = self._by_key.get((key,))
        if known is not None:
            return known
        taken = {item.spec.name for item in self.all}
        short = _SUFFIX.sub("", key)
        name = short if short and short not in taken else key
        while name in taken:
            name = f"{name}_key"
        self.all.append(Located(Entity(name=name, join_key=(key,)), feature.origin))
        self._by_key[key,] = name
        return name
