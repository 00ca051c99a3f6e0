"""Values at serving time: what ``get_online_features`` does, kept ready between calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlforge_sql.errors import Diagnostic, OnlineError
from mlforge_sql.online.checking import Checked, Sample, check_feature
from mlforge_sql.online.entities import EntityReader
from mlforge_sql.online.lookups import lookup_of
from mlforge_sql.online.model import (
    Instant,
    Lookup,
    OnlineStore,
    Reader,
    as_instant,
    utc_now,
)
from mlforge_sql.online.opening import Macros, open_online, open_truth
from mlforge_sql.project.model import Project, Requested, ResolvedFeature
from mlforge_sql.project.selection import select_features

Resolve = Callable[[Any], tuple[Requested, ...]]
"""Finds what features a user means."""


@dataclass(frozen=True, slots=True)
class _Ready:
    entities: EntityReader
    reader: Reader


class Serving:
    """Online stores and lookups of one project, made when they are first asked for.

    Args:
        root: Folder of ``mlforge.yaml``.
        project: The project.
        macros: Gives the files of its macros.
        resolve: Finds the features that a user means.
    """

    def __init__(
        self,
        root: Path,
        project: Project,
        macros: Macros,
        resolve: Resolve,
    ) -> None:
        self._root = root
        self._project = project
        self._macros = macros
        self._resolve = resolve
        self._stores: dict[str | None, OnlineStore] = {}
        self._ready: dict[Hashable, _Ready] = {}

    def get(self, features: Any, entities: Any, profile: str | None, at: Instant | None) -> Any:
        """The values of entities; see ``LoadedProject.get_online_features``."""
        key = _cache_key(features, profile)
        ready = None if key is None else self._ready.get(key)
        if ready is None:
            ready = self._made(features, profile)
            if key is not None:
                self._ready[key] = ready
        instant = utc_now() if at is None else as_instant(at)
        batch = ready.entities.batch(entities)
        return batch.result(ready.reader.read(batch.keys, instant))

    def chosen(
        self, names: Sequence[str] = (), tags: Sequence[str] = ()
    ) -> tuple[ResolvedFeature, ...]:
        """The features with any of the names or tags; all when neither is given.

        Raises:
            SpecErrors: A name or a tag that no feature has.
        """
        specs = [feature.spec for feature in self._project.features]
        wanted = {spec.name for spec in select_features(specs, names, tags)}
        return tuple(item for item in self._project.features if item.name in wanted)

    def check(
        self, features: Sequence[ResolvedFeature], profile: str | None, sampled: Sample
    ) -> Iterator[Checked]:
        """Compare online values with the offline step function, feature by feature.

        Raises:
            RetrievalError: A store cannot be read, or does not have a feature.
        """
        place = self._root, self._project, self._macros, profile
        # without a fallback: what is true may not be read in the place of what is checked
        with (
            closing(open_online(*place, fallback=False)) as store,
            closing(open_truth(*place)) as truth,
        ):
            for feature in features:
                columns = tuple(column.name for column in feature.columns)
                lookup = lookup_of([Requested(feature, columns)])
                yield check_feature(store, truth, lookup, sampled)

    def store(self, profile: str | None) -> OnlineStore:
        """The online store of a profile, opened once.

        Raises:
            OnlineError: It cannot be opened.
        """
        found = self._stores.get(profile)
        if found is None:
            opened = open_online(self._root, self._project, self._macros, profile)
            found = self._stores.setdefault(profile, opened)
        return found

    def close(self) -> None:
        """Close every connection; the next lookup opens new ones."""
        self._ready.clear()
        while self._stores:
            _, store = self._stores.popitem()
            store.close()

    def lookup(self, features: Any) -> Lookup:
        """What features are, as a store reads them.

        Raises:
            RetrievalError: One is not known, or they cannot be read together.
        """
        return lookup_of(self._resolve(features))

    def _made(self, features: Any, profile: str | None) -> _Ready:
        lookup = self.lookup(features)
        reader = self.store(profile).reader(lookup)
        return _Ready(EntityReader(lookup, self._salt), reader)

    def _salt(self) -> str | None:
        name = self._project.config.surrogate_key_salt_env
        if name is None:
            return None
        salt = os.environ.get(name)
        if salt is None:
            message = f"the environment variable `{name}`, the salt of surrogate keys, is not set"
            hint = "set it to the value that the features were built with"
            raise OnlineError([Diagnostic("MF080", message, hint=hint)])
        return salt


def _cache_key(features: Any, profile: str | None) -> Hashable:
    """What a lookup is remembered by; None when that cannot be."""
    key: Hashable = (tuple(features) if isinstance(features, list) else features, profile)
    try:
        hash(key)
    except TypeError:  # a Feature is known by its name
        items = features if isinstance(features, list | tuple) else [features]
        names = tuple(item if isinstance(item, str) else _named(item) for item in items)
        return None if None in names else (names, profile)
    return key


def _named(item: Any) -> tuple[str, Any] | None:
    name = getattr(item, "name", None)
    return (name, getattr(item, "columns", None)) if isinstance(name, str) else None
