"""Accounts: what becomes of the rows of each source, and of those that each feature reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mlforge_sql.plan.nodes import (
    Account,
    FeatureAccount,
    Input,
    Latest,
    Rolling,
    Tiles,
)
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


def feature_accounts(
    inputs: Iterable[Input], features: Iterable[Rolling | Latest], tiles: Iterable[Tiles]
) -> tuple[FeatureAccount, ...]:
    """One account for each feature, from its staged rows to its tiles or its own rows."""
    read = {node.name: node for node in inputs}
    tiled = {node.name: node for node in tiles}
    return tuple(
        _feature_account(node, read[node.input], tiled.get(_tiles_of(node) or ""))
        for node in features
    )


def _tiles_of(node: Rolling | Latest) -> str | None:
    return node.tiles if isinstance(node, Rolling) else None


def _feature_account(node: Rolling | Latest, read: Input, tiles: Tiles | None) -> FeatureAccount:
    rows = next((item.name for item in tiles.measures if item.is_rows), "") if tiles else ""
    return FeatureAccount(
        name=f"rows_of__{node.name}",
        feature=node.name,
        staging=read.staging,
        input=read.name,
        keys=read.keys,
        event_time=read.event_time,
        where=read.where,
        clock=node.clock,
        tick=node.tick,
        shifts=node.shifts if isinstance(node, Rolling) else (0,),
        tiles=_tiles_of(node),
        rows=rows,
    )
