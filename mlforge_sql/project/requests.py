"""Requests for features: which features, and which of their columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mlforge_sql.errors import Diagnostic, suggest
from mlforge_sql.project.model import Requested, ResolvedFeature
from mlforge_sql.project.times import Place
from mlforge_sql.spec.pin import Pin
from mlforge_sql.spec.training_set import FeatureSpec


def resolve_requests(
    wanted: Sequence[FeatureSpec],
    features: Mapping[str, ResolvedFeature | None],
    place: Place,
    problems: list[Diagnostic],
) -> tuple[Requested, ...]:
    """The features that are asked for, each once, its columns in the order they are asked for.

    Args:
        wanted: What was asked for; a feature may be named more than once, in one version of it.
        features: Every feature by name; None for one that has problems of its own.
        place: Where ``features`` was written.
        problems: Where problems go.
    """
    columns: dict[str, list[str]] = {}
    pins: dict[str, Pin | None] = {}
    for index, item in enumerate(wanted):
        if item.name not in features:
            hint = suggest(item.name, list(features))
            at = place("features", index)
            problems.append(Diagnostic("MF051", f"unknown feature `{item.name}`", at, hint))
            continue
        feature = features[item.name]
        if feature is None:
            continue
        if pins.setdefault(item.name, item.pin) != item.pin:
            found = [
                str(pin) if pin else "its newest version" for pin in (pins[item.name], item.pin)
            ]
            message = f"feature `{item.name}` is asked for in two versions: {' and '.join(found)}"
            hint = "ask for one; two versions would have columns of the same names"
            problems.append(Diagnostic("MF091", message, place("features", index), hint))
        known = [column.name for column in feature.columns]
        for name in item.columns or known:
            if name not in known:
                message = f"feature `{item.name}` has no column `{name}`"
                at = place("features", index)
                problems.append(Diagnostic("MF022", message, at, suggest(name, known)))
                continue
            kept = columns.setdefault(item.name, [])
            if name not in kept:
                kept.append(name)
    return tuple(
        Requested(feature, tuple(kept), pins[name])
        for name, kept in columns.items()
        if (feature := features[name]) is not None
    )


def output_names(requests: Iterable[Requested]) -> list[str]:
    """The names of the feature columns in a training set: ``<feature>__<column>``."""
    return [f"{item.feature.name}__{name}" for item in requests for name in item.columns]
