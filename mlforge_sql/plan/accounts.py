"""Accounts: what becomes of the rows of each source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mlforge_sql.plan.nodes import Account
from mlforge_sql.plan.stagings import reading
from mlforge_sql.project.model import Project, ResolvedSource, labels_name, staging_name


def accounts(project: Project) -> tuple[Account, ...]:
    """One account for each model that the rows of a source are staged in: events, and labels."""
    used = {feature.source.spec.name for feature in project.features}
    events = (
        _account(source, staging_name(source.spec), _staged(source))
        for source in project.sources
        if source.spec.name in used
    )
    labels = (
        _account(item.source, labels_name(item.name), {name: name for name in item.columns})
        for item in project.training_sets
        if item.source is not None
    )
    return (*events, *labels)


def _staged(source: ResolvedSource) -> dict[str, str]:
    """The columns that staging keeps as they are, and what they are called there."""
    spelling = {key.name.casefold(): key.name for key in source.keys if not key.parts}
    names = {name: spelling.get(name.casefold(), name) for name in source.schema}
    names.pop(source.timestamp, None)
    return names


def _account(source: ResolvedSource, staging: str, staged: Mapping[str, str]) -> Account:
    seen = {name.casefold() for name in (source.where.columns if source.where else ())}
    seen |= {name.casefold() for name in source.dedupe_key}
    read = reading(source)
    whole = all(name in staged for name in source.dedupe_key)
    return Account(
        name=f"rows_of__{staging}",
        staging=staging,
        source=source.spec.name,
        model=source.spec.model,
        reading=replace(
            read, columns=tuple(item for item in read.columns if item.name.casefold() in seen)
        ),
        where=source.where,
        dedupe=source.dedupe_key,
        staged_key=tuple(staged[name] for name in source.dedupe_key) if whole else (),
    )
