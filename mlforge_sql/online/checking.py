"""Whether online values are those of the offline step function at the same instant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlforge_sql.online.model import Key, Lookup, OnlineStore, Row, Served, Truth

TOLERANCE = 1e-9
"""By how much floats may differ, relative to the larger one."""

SHOWN = 20
"""How many differences of a feature are kept."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that differs.

    Attributes:
        keys: Values of the entity's join keys.
        column: The feature's column.
        online: The value in the online store.
        offline: The value of the step function.
    """

    keys: Key
    column: str
    online: Any
    offline: Any


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of one feature found.

    Attributes:
        feature: Name of the feature.
        keys: Names of its join keys.
        entities: How many entities were looked at.
        columns: How many columns it has.
        count: How many values differ.
        differences: The first of them.
    """

    feature: str
    keys: tuple[str, ...]
    entities: int
    columns: int
    count: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """What to look at.

    Attributes:
        rows: How many entities to draw from each side.
        seed: Which of them.
        at: The instant, in UTC and without a time zone.
    """

    rows: int
    seed: int
    at: datetime


def check_feature(online: OnlineStore, offline: Truth, lookup: Lookup, sampled: Sample) -> Checked:
    """Compare a sample of the entities of a feature.

    The sample is drawn from both sides, so that entities that only one of them has are seen too.

    Args:
        online: What is checked; it reads nothing in the place of its own tables.
        offline: What is true.
        lookup: A lookup of one feature, with all of its columns.
        sampled: What to look at.

    Raises:
        RetrievalError: One of the stores cannot be read, or does not have the feature.
    """
    (feature,) = lookup.features
    found = online.reader(lookup)
    true = offline.reader(lookup)
    true.read([], sampled.at)  # says what is missing, before anything is drawn
    found.read([], sampled.at)
    drawn = [
        key
        for store in (offline, online)
        for key in store.sample(feature, sampled.rows, sampled.seed)
    ]
    keys = list(dict.fromkeys(drawn))
    differences = list(
        _differences(feature, keys, found.read(keys, sampled.at), true.read(keys, sampled.at))
    )
    return Checked(
        feature=feature.name,
        keys=tuple(key.name for key in feature.keys),
        entities=len(keys),
        columns=len(feature.columns),
        count=len(differences),
        differences=tuple(differences[:SHOWN]),
    )


def _differences(
    feature: Served, keys: Sequence[Key], online: Sequence[Row], offline: Sequence[Row]
) -> Iterator[Difference]:
    for key, found, true in zip(keys, online, offline, strict=True):
        for column, one, other in zip(feature.columns, found, true, strict=False):
            if not same(one, other):
                yield Difference(key, column.name, one, other)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal: exactly, but floats to a relative 1e-9; NaN equals NaN.

    Examples:
        >>> same(0.1 + 0.2, 0.3), same(1, 2), same(None, 0), same(float("nan"), float("nan"))
        (True, False, False, True)
    """
    if isinstance(one, float) and isinstance(other, float):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return math.isclose(one, other, rel_tol=TOLERANCE)
    return type(one) is type(other) and bool(one == other)
