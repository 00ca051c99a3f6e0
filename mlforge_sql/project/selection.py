"""Features chosen by name or by tag."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlforge_sql.errors import Diagnostic, SpecErrors, suggest
from mlforge_sql.project.model import Project
from mlforge_sql.spec.config import ProjectConfig
from mlforge_sql.spec.feature import Feature


def select_features(
    features: Sequence[Feature], names: Iterable[str] = (), tags: Iterable[str] = ()
) -> tuple[Feature, ...]:
    """The features with any of the names or tags, in their own order; all when neither is given.

    Raises:
        SpecErrors: A name or a tag that no feature has.
    """
    names, tags = tuple(names), tuple(tags)
    if not names and not tags:
        return tuple(features)
    known = [feature.name for feature in features]
    known_tags = sorted({tag for feature in features for tag in feature.tags})
    problems = [
        Diagnostic("MF051", f"unknown feature `{name}`", hint=suggest(name, known))
        for name in names
        if name not in known
    ]
    problems += [
        Diagnostic("MF051", f"no feature has the tag `{tag}`", hint=suggest(tag, known_tags))
        for tag in tags
        if tag not in known_tags
    ]
    if problems:
        raise SpecErrors(problems)
    return tuple(
        feature for feature in features if feature.name in names or set(tags) & set(feature.tags)
    )


def select_training_sets(project: Project, names: Iterable[str]) -> tuple[str, ...]:
    """The names, when every one is that of a training set.

    Raises:
        SpecErrors: A name that no training set has.
    """
    chosen = tuple(names)
    known = [item.name for item in project.training_sets]
    problems = [
        Diagnostic("MF051", f"unknown training set `{name}`", hint=suggest(name, known))
        for name in chosen
        if name not in known
    ]
    if problems:
        raise SpecErrors(problems)
    return chosen


def find_profile(config: ProjectConfig, name: str | None) -> str:
    """The profile's name, or the default one.

    Raises:
        SpecErrors: There is no such profile.
    """
    if name is None:
        return config.default
    if name not in config.profiles:
        hint = suggest(name, list(config.profiles))
        raise SpecErrors([Diagnostic("MF025", f"unknown profile `{name}`", hint=hint)])
    return name
