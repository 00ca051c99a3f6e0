"""Lookups: what users ask for, as stores understand it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlforge_sql.errors import Diagnostic, OnlineError
from mlforge_sql.online.model import Lookup, Served
from mlforge_sql.plan.training import joinable
from mlforge_sql.project.definition import spec_hash
from mlforge_sql.project.keys import merge_keys
from mlforge_sql.project.model import KeyColumn, Requested, ResolvedFeature
from mlforge_sql.project.requests import output_names


def served(feature: ResolvedFeature, columns: Sequence[str] | None = None) -> Served:
    """A feature as it is served, with all of its columns or some, in the order given."""
    known = {column.name: column for column in joinable(feature).columns}
    return Served(
        name=feature.name,
        keys=feature.keys,
        columns=tuple(known[name] for name in (known if columns is None else columns)),
        ttl=feature.spec.ttl,
        spec_hash=spec_hash(feature),
    )


def lookup_of(requests: Iterable[Requested]) -> Lookup:
    """Requested columns as one lookup.

    Raises:
        OnlineError: Two features have a key of one name and different types, or give a value of
            one name.
    """
    requests = tuple(requests)
    problems = [*_same_types(requests), *_same_names(requests)]
    if problems:
        raise OnlineError(problems)
    return Lookup(
        features=tuple(served(item.feature, item.columns) for item in requests),
        keys=merge_keys(item.feature.keys for item in requests),
        names=tuple(output_names(requests)),
        requests=requests,
    )


def _same_types(requests: Sequence[Requested]) -> Iterable[Diagnostic]:
    first: dict[str, tuple[str, KeyColumn]] = {}
    for item in requests:
        for key in item.feature.keys:
            feature, other = first.setdefault(key.name.casefold(), (item.feature.name, key))
            if other.type.family is not key.type.family or other.type.scale != key.type.scale:
                message = (
                    f"key `{key.name}` is {key.type} in feature `{item.feature.name}`, "
                    f"but {other.type} in feature `{feature}`"
                )
                yield Diagnostic("MF085", message, hint="ask for the features one by one")


def _same_names(requests: Sequence[Requested]) -> Iterable[Diagnostic]:
    taken: set[str] = set()
    for name in output_names(requests):
        if name.casefold() in taken:
            message = f"two features give a value `{name}`"
            hint = "leave one of them out, or rename the feature or its column"
            yield Diagnostic("MF037", message, hint=hint)
        taken.add(name.casefold())
