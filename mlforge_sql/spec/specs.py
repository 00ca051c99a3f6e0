"""Everything a project's files say, each spec with the place it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mlforge_sql.spec.base import Origin, Spec
from mlforge_sql.spec.config import ProjectConfig
from mlforge_sql.spec.entity import Entity
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.source import Source
from mlforge_sql.spec.training_set import TrainingSet

SpecT = TypeVar("SpecT", bound=Spec)


@dataclass(frozen=True, slots=True)
class Located(Generic[SpecT]):
    """A spec and where it was written."""

    spec: SpecT
    origin: Origin


@dataclass(frozen=True, slots=True)
class Unread:
    """What the files may declare besides the specs that could be read.

    A reference to something unread is no second problem.

    Attributes:
        words: Case-folded words of the texts that could not be read.
        anything: True when even their words do not tell what they would have declared.
    """

    words: frozenset[str] = frozenset()
    anything: bool = False

    def may_declare(self, name: str) -> bool:
        """True when something of this name may have been declared."""
        return self.anything or name.casefold() in self.words


@dataclass(frozen=True, slots=True)
class Specs:
    """A project as written: valid one by one, not yet checked against each other.

    Attributes:
        config: ``mlforge.yaml``.
        entities: Each once.
        sources: Each once.
        features: Each once, with a source and entities.
        training_sets: Each once.
        unread: What could not be read.
        queried: What queries of features call a source, where it is not the source's name.
    """

    config: Located[ProjectConfig]
    entities: tuple[Located[Entity], ...]
    sources: tuple[Located[Source], ...]
    features: tuple[Located[Feature], ...]
    training_sets: tuple[Located[TrainingSet], ...] = ()
    unread: Unread = Unread()
    queried: Mapping[str, str] = field(default_factory=dict)
