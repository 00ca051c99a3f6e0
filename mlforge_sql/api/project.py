"""A project for Python: load it once, then ask for training data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from mlforge_sql.dbt.files import FileSet, macro_files
from mlforge_sql.dialects.base import Dialect
from mlforge_sql.errors import Diagnostic, RetrievalError, SpecErrors
from mlforge_sql.loading.load import PROJECT_FILE, find_project
from mlforge_sql.retrieval.frames import Output, output_for
from mlforge_sql.retrieval.label_times import label_timestamp
from mlforge_sql.retrieval.training import TrainingData, TrainingDataBuilder
from mlforge_sql.retrieval.wanted import Wanted, resolve_wanted, several
from mlforge_sql.spec.base import is_recording
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.sql.branches import Branches
from mlforge_sql.stores.opening import open_store
from mlforge_sql.workflows.compile import plan_project

if TYPE_CHECKING:
    from mlforge_sql.online.serving import Serving
    from mlforge_sql.plan.nodes import Plan
    from mlforge_sql.project.model import Project, Requested


@dataclass(frozen=True)
class LoadedProject:
    """A project whose specs have been read and checked.

    Attributes:
        root: Folder of ``mlforge.yaml``.
    """

    root: Path
    _project: Project = field(repr=False)
    _plan: Plan = field(repr=False)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(feature.name for feature in self._project.features)

    def get_training_data(
        self,
        features: Sequence[Wanted] | Wanted,
        entity_df: Any,
        timestamp: str | Timestamp | None = None,
        profile: str | None = None,
        *,
        timezone: str | None = None,
        output: Output = "same",
    ) -> Any:
        """Every label once, in order, with the features as of its time.

        Feature columns are called ``<feature>__<column>``. A label with a NULL key or time, or of
        an entity that has no row yet, gets the empty values: 0 for counts, NULL or the declared
        default for everything else.

        Args:
            features: Names, ``"feature:column"``, ``FeatureSpec`` or features.
            entity_df: The labels: a pandas, polars or pyarrow frame, or any other that narwhals
                takes; a DuckDB relation; an Arrow record batch reader; the path of a parquet, csv
                or json file; the name of a table of the store; on Databricks a query, which is text
                that begins with ``select``, ``with`` or ``values``. They have the join keys, or
                the columns that the keys are computed from.
            timestamp: Column with the label's time: a timestamp (without a zone it is UTC), a date
                or ISO text; ``Timestamp(column, format=...)`` for other text, or ``unit=`` for
                integers. None for the values as of now.
            profile: Profile of ``mlforge.yaml`` to read from; the default one if None.
            timezone: Zone of local times, such as ``"Europe/Berlin"``; the earlier instant counts
                where an hour comes twice. UTC if None.
            output: What comes back. ``"same"``: the kind that was given, whose own columns are not
                touched; a pyarrow table for a path, a name or a query. Or ``"pandas"``,
                ``"polars"``, ``"pyarrow"``, an Arrow ``"reader"`` for what does not fit into
                memory, or, from DuckDB alone, a lazy ``"relation"``.

        Raises:
            RetrievalError: Unknown features, labels that do not fit them, tables that are not
                built. Nothing has run.
            SpecErrors: Unknown profile.
            ValueError: Unknown output.
        """
        if output not in get_args(Output):
            raise ValueError(f"output is one of {', '.join(get_args(Output))}, not {output!r}")
        wanted = output_for(output, entity_df)
        whole = wanted != "same"
        data = self.training_data(
            features, entity_df, timestamp, profile, timezone=timezone, whole=whole
        )
        try:
            result = data.as_output(wanted)
        except BaseException:
            data.close()
            raise
        if wanted not in {"relation", "reader"}:
            data.close()
        return result

    def get_online_features(
        self,
        features: Sequence[Wanted] | Wanted,
        entities: Any,
        profile: str | None = None,
        *,
        at: datetime | date | str | None = None,
    ) -> Any:
        """The values that features have now, of some entities.

        They are what a training set has for a label of this instant: a value expires at the very
        microsecond at which an event leaves its window, without a sync. Values are called
        ``<feature>__<column>``. An entity without a row, or with a NULL key, gets the empty values:
        0 for counts, NULL or the declared default for everything else.

        Connections are pooled, and what a call has worked out is kept for the next one with the
        same features. May be called from several threads at once.

        Args:
            features: Names, ``"feature:column"``, ``FeatureSpec`` or features.
            entities: A mapping, a list of mappings, or a frame as for training data, with the join
                keys or the columns that they are computed from.
            profile: Profile of ``mlforge.yaml`` to read from; the default one if None.
            at: The instant, a datetime, a date or ISO text, in UTC when it has no time zone; now if
                None. A store that is synced has only instants from its last sync on.

        Returns:
            The same kind as ``entities``, in the same order, with its own columns and the values.

        Raises:
            OnlineError: Entities that do not fit, a store that cannot be reached or is not synced.
            RetrievalError: Unknown features.
            SpecErrors: Unknown profile.
        """
        return self.serving.get(features, entities, profile, at)

    @cached_property
    def serving(self) -> Serving:
        """The online stores of the project, opened when they are first read."""
        from mlforge_sql.online.serving import Serving

        def resolve(features: Sequence[Wanted] | Wanted) -> tuple[Requested, ...]:
            return resolve_wanted(self._project, several(features))

        return Serving(self.root, self._project, self._macros, resolve)

    def close(self) -> None:
        """Close the connections to online stores; the next lookup opens new ones."""
        self.serving.close()

    def training_data(
        self,
        features: Sequence[Wanted] | Wanted,
        entity_df: Any,
        timestamp: str | Timestamp | None = None,
        profile: str | None = None,
        *,
        timezone: str | None = None,
        whole: bool = True,
    ) -> TrainingData:
        """The same as a query that has not run; see ``get_training_data``.

        Args:
            features: As there.
            entity_df: As there.
            timestamp: As there.
            profile: As there.
            timezone: As there.
            whole: Whether the query has the columns of labels that are a frame in memory.

        Raises:
            RetrievalError: As there.
        """
        time = label_timestamp(timestamp, timezone=timezone)
        store = open_store(self.root, self._project, profile)
        builder = TrainingDataBuilder(self._project, self._macros, store, self.root)
        try:
            return builder.build(several(features), entity_df, time, whole=whole)
        except BaseException:
            store.close()
            raise

    def _macros(self, dialect: Dialect) -> FileSet:
        """The project's macros in the words of one engine."""
        return macro_files(self._plan, Branches((dialect,)))


def load(path: str | Path) -> LoadedProject:
    """Read the project at ``path``; see ``load_project``."""
    if is_recording():
        message = "a spec file asks for the project while the project is being read"
        hint = 'put what it does with the project under `if __name__ == "__main__":`'
        raise RetrievalError([Diagnostic("MF003", message, hint=hint)])
    try:
        root = find_project(Path(path).resolve())
    except SpecErrors as error:
        message = f"no `{PROJECT_FILE}` in `{path}` or in any folder above"
        hint = "give the folder of a project"
        raise SpecErrors([Diagnostic("MF004", message, hint=hint)]) from error
    project, plan = plan_project(root)
    return LoadedProject(root, project, plan)
