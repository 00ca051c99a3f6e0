"""The ``feature`` decorator of Python specs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from mlforge_sql.loading.rows import SaidOtherwise, query_text, rows_of
from mlforge_sql.spec.base import StandIn
from mlforge_sql.spec.entity import Entity
from mlforge_sql.spec.feature import Aggregate, Feature, Rolling
from mlforge_sql.spec.source import Source, Timestamp, is_path, name_of_path
from mlforge_sql.spec.validators import Validator

if TYPE_CHECKING:
    from sqlglot import exp

    FeatureFunction = Callable[[exp.Select], "exp.Select | str | None"]


def feature(  # noqa: PLR0913 - keyword-only, the words of the spec
    *,
    source: Source | str,
    entities: Sequence[Entity | str] | Entity | str | None = None,
    keys: Sequence[str] | str = (),
    timestamp: Timestamp | str | None = None,
    name: str | None = None,
    description: str | None = None,
    interval: timedelta | str | None = None,
    boundary: str = "exclusive",
    metrics: Sequence[Rolling | Aggregate] = (),
    tie_breaker: Sequence[str] | str = (),
    validators: Mapping[str, Sequence[Validator]] | None = None,
    ttl: timedelta | str | None = None,
    tags: Sequence[str] | str = (),
    version: int = 1,
    engine: str | None = None,
) -> Callable[[FeatureFunction], Feature]:
    """Declare a feature whose rows a function selects.

    The function gets a sqlglot ``Select`` over the source, without columns, and returns it with
    columns and filters added, or SQL text, or None for all columns. It is called once, when the
    file is loaded; the join keys and the event time are always kept.

    Args:
        source: The source, its name, or the path of its files.
        entities: Entities, or their names.
        keys: Key columns, in the place of entities.
        timestamp: Event time, where the source does not say it.
        name: Name of the feature; the function's name by default.
        description: What the feature means; the function's docstring by default.
        interval: Length of a tick; None for a continuous feature.
        boundary: ``exclusive`` or ``inclusive``.
        metrics: Rolling-window aggregates; none for a feature of latest values.
        tie_breaker: Columns that decide between events of one time.
        validators: Rules by column.
        ttl: How old a row may be when it is used.
        tags: Tags to select features by.
        version: Version of the feature's meaning.
        engine: What mlforge computes with. It is DuckDB or Databricks here, as the profile says.

    Returns:
        A decorator that replaces the function by its ``Feature``.

    Raises:
        pydantic.ValidationError: An argument is not valid.
        TypeError: The function returned something else.
    """
    del engine

    def decorate(function: FeatureFunction) -> Feature:
        source_name = source.name if isinstance(source, Source) else source
        if isinstance(source_name, str) and is_path(source_name):
            source_name = name_of_path(source_name)
        values: dict[str, Any] = {
            "name": name or function.__name__,
            "description": description or _first_paragraph(function.__doc__),
            "source": source,
            **({} if entities is None else {"entities": entities}),
            "keys": keys,
            "timestamp": timestamp,
            "interval": interval,
            "boundary": boundary,
            "metrics": metrics,
            "tie_breaker": tie_breaker,
            "validators": {} if validators is None else validators,
            "ttl": ttl,
            "tags": tags,
            "version": version,
        }
        if isinstance(source_name, str):
            try:
                values["query"] = query_text(function(rows_of(source_name)))
            except SaidOtherwise:
                return cast("Feature", StandIn())
        return Feature(**values)

    return decorate


def _first_paragraph(docstring: str | None) -> str | None:
    if not docstring or not docstring.strip():
        return None
    return " ".join(docstring.strip().split("\n\n")[0].split())
