"""Windows made of shorter ones: which merges serve all windows of a feature.

A window of 90 ticks is the last 30 ticks and the 60 before them; those are 30 and 30, and so on down to single
ticks. Nothing is ever taken off again, so doubles keep their digits, and min and max need nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

REACH = 2048
"""Ticks that no lag may reach: DuckDB streams shorter ones only."""

_STEPS = 20_000
"""How many sums the search looks at before it takes the best that it has."""


@dataclass(frozen=True, slots=True)
class Merge:
    """A window that is made of two: the later, and the one that ends where it begins.

    Attributes:
        length: Its ticks: those of both.
        near: Ticks of the later one.
        far: Ticks of the one before.
    """

    length: int
    near: int
    far: int


def merge_chain(lengths: Iterable[int]) -> tuple[Merge, ...]:
    """The fewest merges that make windows of these lengths from single ticks, shortest first.

    With many long windows it is the fewest that a bounded search finds; the same lengths always give the same.

    Args:
        lengths: Ticks, each at least 1.

    Examples:
        >>> [merge.length for merge in merge_chain([7, 30])]
        [2, 3, 6, 7, 14, 15, 30]
        >>> merge_chain([3])[-1]
        Merge(length=3, near=1, far=2)
    """
    return _chain(tuple(sorted({length for length in lengths if length > 1})))


@lru_cache(maxsize=1024)
def _chain(wanted: tuple[int, ...]) -> tuple[Merge, ...]:
    if not wanted:
        return ()
    best = _one_by_one(wanted)
    search = _Search(wanted)
    for fewest in range(max(_least(wanted[-1]), len(wanted)), len(best)):
        if search.reaches([1], fewest):
            best = search.found
            break
        if search.steps > _STEPS:
            break
    return _merges(best)


def _least(length: int) -> int:
    """Doublings alone make it no sooner."""
    return (length - 1).bit_length()


def _one_by_one(wanted: tuple[int, ...]) -> list[int]:
    """The shorter windows first, each from what is there by then: some chain, and often the shortest."""
    chain = [1]
    for length in wanted:
        if length in chain:
            continue
        path = _binary(length, chain)
        steps = [0]
        for fewest in range(1, len(path)):
            found = _path(length, chain, [], fewest, steps)
            if found:
                path = found
                break
        chain = sorted({*chain, *path})
    return chain[1:]


def _binary(length: int, known: list[int]) -> list[int]:
    """The missing lengths when odd ones are one more than even ones, and those are doubled halves."""
    missing: list[int] = []
    while length not in known:
        missing.append(length)
        if any(length - one in known for one in known):
            break
        length = length - 1 if length % 2 else length // 2
    return missing


def _path(length: int, known: list[int], path: list[int], left: int, steps: list[int]) -> list[int]:
    """So many further sums, each with the one before, that end with the length; none where there are none."""
    steps[0] += 1
    if steps[0] > _STEPS // 4:
        return []
    terms = known + path
    lasts = path[-1:] or known
    sums = sorted({last + one for last in lasts for one in terms} - set(terms), reverse=True)
    if left == 1:
        return [*path, length] if length in sums else []
    for item in sums:
        if item < length <= item << (left - 1):
            found = _path(length, known, [*path, item], left - 1, steps)
            if found:
                return found
    return []


class _Search:
    """Depth-first, one number of merges after the other: chains of rising sums of two earlier ones."""

    def __init__(self, wanted: tuple[int, ...]) -> None:
        self.wanted = wanted
        self.steps = 0
        self.found: list[int] = []

    def reaches(self, chain: list[int], left: int) -> bool:
        """Whether so many further merges make all that is wanted; the chain is kept in ``found``."""
        missing = [length for length in self.wanted if length not in chain]
        if not missing:
            self.found = chain[1:]
            return True
        if len(missing) > left or chain[-1] << left < self.wanted[-1] or self.steps > _STEPS:
            return False
        sums = {one + other for one in chain for other in chain}
        ceiling = missing[0]  # what is jumped over can never be made
        for length in sorted((item for item in sums if chain[-1] < item <= ceiling), reverse=True):
            self.steps += 1
            if self.reaches([*chain, length], left - 1):
                return True
        return False


def _merges(lengths: list[int]) -> tuple[Merge, ...]:
    """Each length as the sum of two earlier ones, those as equal as can be."""
    known = {1}
    merges = []
    for length in lengths:
        near = max(one for one in known if 2 * one <= length and length - one in known)
        merges.append(Merge(length, near, length - near))
        known.add(length)
    return tuple(merges)
