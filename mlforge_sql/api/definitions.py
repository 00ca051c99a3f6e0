"""``Definitions``: a named group of specs, and the project they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mlforge_sql.api.foreign import STORE as _STORE
from mlforge_sql.api.foreign import otherwise
from mlforge_sql.spec.base import StandIn, record_group, user_frame
from mlforge_sql.spec.entity import Entity
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.source import Source, Timestamp
from mlforge_sql.spec.training_set import TrainingSet

if TYPE_CHECKING:
    from mlforge_sql.api.project import LoadedProject
    from mlforge_sql.retrieval.frames import Output
    from mlforge_sql.retrieval.wanted import Wanted


@dataclass(frozen=True, kw_only=True)
class Definitions:
    """A named group of specs, as mlforge users write it.

    Everything that a spec file makes belongs to the project, so a file needs no ``Definitions``;
    it is a way to hold a group in one value, and to ask for its training data.

    Attributes:
        name: Name of the group.
        features: Features, or modules that hold some.
        entities: Entities used.
        sources: Sources used.
        training_sets: Training sets.
        default_engine: What mlforge computes with. It is DuckDB or Databricks here, as the profile says.
        project_dir: Folder of ``mlforge.yaml`` or one inside the project; by default the folder of
            the file that makes the ``Definitions``, or else the working directory.
    """

    name: str = field(kw_only=False)
    features: Sequence[Feature | ModuleType] = ()
    entities: Sequence[Entity] = ()
    sources: Sequence[Source] = ()
    training_sets: Sequence[TrainingSet] = ()
    offline_store: object = None
    online_store: object = None
    default_engine: str | None = None
    project_dir: str | Path | None = None

    def __post_init__(self) -> None:
        if self.project_dir is None:
            object.__setattr__(self, "project_dir", _nearest_project())
        for key in ("offline_store", "online_store"):
            if getattr(self, key) not in (None, ...) and not isinstance(
                getattr(self, key), StandIn
            ):
                otherwise(f"`{key}` of `Definitions`", _STORE)
        record_group(item.name for item in self.all_features())

    def all_features(self) -> tuple[Feature, ...]:
        """The features, those inside modules included, each once."""
        found: dict[str, Feature] = {}
        for item in self.features:
            members = vars(item).values() if isinstance(item, ModuleType) else (item,)
            found.update({value.name: value for value in members if isinstance(value, Feature)})
        return tuple(found.values())

    def build(self, *_arguments: object, **_named: object) -> None:
        """Nothing: the command line builds.

        Raises:
            SpecErrors: Always, with what to run.
        """
        otherwise("`defs.build()`", "run `mlforge build`, with `--features` or `--tags` for some")

    def materialize(self, *_arguments: object, **_named: object) -> None:
        """Nothing: the command line builds.

        Raises:
            SpecErrors: Always, with what to run.
        """
        otherwise("`defs.materialize()`", "run `mlforge build`")

    def load(self) -> LoadedProject:
        """The project that the specs belong to.

        Raises:
            SpecErrors: There is no project, or its specs have problems.
        """
        from mlforge_sql.api.project import load

        return load(self.project_dir or ".")

    def get_training_data(
        self,
        features: Sequence[Wanted] | Wanted | None,
        entity_df: Any,
        timestamp: str | Timestamp | None = None,
        profile: str | None = None,
        *,
        timezone: str | None = None,
        output: Output = "same",
    ) -> Any:
        """``LoadedProject.get_training_data`` of the project; None means all features of the group.

        Raises:
            SpecErrors: There is no project, or its specs have problems.
            RetrievalError: As there.
        """
        wanted = self.all_features() if features is None else features
        return self.load().get_training_data(
            wanted, entity_df, timestamp, profile, timezone=timezone, output=output
        )

    def get_online_features(
        self,
        features: Sequence[Wanted] | Wanted | None,
        entities: Any,
        profile: str | None = None,
        *,
        at: datetime | date | str | None = None,
    ) -> Any:
        """``LoadedProject.get_online_features`` of the project; None means all features of the group.

        The project is read at the first call, and kept.

        Raises:
            SpecErrors: There is no project, or its specs have problems.
            OnlineError: As there.
        """
        wanted = self.all_features() if features is None else features
        return self._kept.get_online_features(wanted, entities, profile, at=at)

    @cached_property
    def _kept(self) -> LoadedProject:
        return self.load()


def _nearest_project() -> Path | None:
    """Folder of the user's file, if it is in a project."""
    from mlforge_sql.loading.load import PROJECT_FILE

    frame = user_frame()
    file = frame.f_globals.get("__file__") if frame is not None else None
    if file is None:
        return None
    folder = Path(file).resolve().parent
    inside = any((above / PROJECT_FILE).is_file() for above in (folder, *folder.parents))
    return folder if inside else None
