"""A feature's definition: what its values depend on, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from mlforge_sql.expressions import Expr
from mlforge_sql.project.model import ResolvedFeature, ResolvedSource, Scoped, WindowColumn
from mlforge_sql.types import ColumnType


def spec_hash(feature: ResolvedFeature) -> str:
    """A feature's definition as a hash.

    It is of what the specs mean, not of how they are written: the order of keys and of columns,
    descriptions, tags, validators and a ttl are not in it, nor columns of the source that nothing
    reads. Where the rows are is in it, because other rows give other values.
    """
    source = feature.source
    spec = feature.spec
    read = source_columns(feature)
    meaning = _meaning(feature)
    decisive = (*source.dedupe_key, *source.dedupe_order)
    content = {
        "name": spec.name,
        "version": spec.version,
        "interval": spec.interval and spec.interval.microseconds,
        "boundary": spec.boundary,
        "keys": [
            [key.name, str(key.type), [part for part, _ in key.parts], key.salt_env]
            for key in feature.keys
        ],
        "where": _text(feature.where),
        "windows": sorted(map(_window, feature.windows), key=str),
        "latest": sorted(
            [item.name, str(item.type), _text(meaning.get(item.name))] for item in feature.latest
        ),
        "ties": [_text(meaning[name]) if name in meaning else name for name in feature.tie_order],
        "rows": [source.spec.path, source.spec.table, source.spec.model],
        "time": source.spec.timestamp.model_dump(mode="json"),
        "delay": source.spec.delay.microseconds,
        "filter": _text(source.where),
        "dedupe": [list(source.dedupe_key), list(source.dedupe_order)],
        "columns": {
            name: str(source.schema[name]) for name in sorted({*read, *decisive}, key=str.casefold)
        },
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def source_columns(feature: ResolvedFeature) -> tuple[str, ...]:
    """The columns of the source that a feature's values depend on, by name."""
    source = feature.source
    names = {*source.time_columns, *source.dedupe_key}
    names |= {
        name for key in feature.keys for name in ([part for part, _ in key.parts] or [key.name])
    }
    names |= _columns((source.where, feature.where))
    for window in feature.windows:
        names |= _columns(scoped.staging for scoped in window.read)
    meaning = _meaning(feature)
    names |= _columns(
        meaning[name]
        for name in (*(item.name for item in feature.latest), *feature.tie_order)
        if name in meaning
    )
    folded = {name.casefold() for name in names}
    return tuple(
        sorted((name for name in source.schema if name.casefold() in folded), key=str.casefold)
    )


def dedupe_order(
    source: ResolvedSource, features: Iterable[ResolvedFeature]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that decide between rows of one event, and those that no feature reads.

    A column that nothing reads cannot change a value, wherever it stands in the source: it comes
    last, where rows differ in nothing that counts.
    """
    if not source.dedupe_key:
        return (), ()
    read = {name for feature in features for name in source_columns(feature)}
    settled = {*source.dedupe_key, *source.dedupe_order}
    decisive = sorted(read - settled, key=str.casefold)
    rest = [name for name in source.schema if name not in read | settled]
    return (*source.dedupe_order, *decisive), tuple(rest)


def _window(window: WindowColumn) -> list[Any]:
    return [
        window.name,
        str(window.function),
        _scoped(window.value),
        _type(window.value_type),
        _scoped(window.where),
        window.window and window.window.microseconds,
        window.offset.microseconds,
        window.default,
        str(window.type),
        *([_scoped(window.by), _type(window.by_type)] if window.by else []),
    ]


def _meaning(feature: ResolvedFeature) -> Mapping[str, Expr]:
    return {item.name: item.expr for item in feature.inputs}


def _scoped(scoped: Scoped | None) -> str | None:
    return scoped.staging.sql if scoped else None


def _text(expr: Expr | None) -> str | None:
    return expr.sql if expr else None


def _type(kind: ColumnType | None) -> str | None:
    return str(kind) if kind else None


def _columns(expressions: Iterable[Expr | None]) -> set[str]:
    return {name for expr in expressions if expr is not None for name in expr.columns}
