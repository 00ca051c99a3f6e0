"""The ``feature`` decorator of Python specs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mlforge_sql.expressions import identifier
from mlforge_sql.spec.entity import Entity
from mlforge_sql.spec.feature import Aggregate, Feature, Rolling
from mlforge_sql.spec.source import Source
from mlforge_sql.spec.validators import Validator

if TYPE_CHECKING:
    from sqlglot import exp

    FeatureFunction = Callable[[exp.Select], "exp.Select | str | None"]


def feature(  # noqa: PLR0913 - keyword-only, the words of the spec
    *,
    source: Source | str,
    entities: Sequence[Entity | str] | Entity | str,
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
) -> Callable[[FeatureFunction], Feature]:
    """Declare a feature whose rows a function selects.

    The function gets a sqlglot ``Select`` over the source, without columns, and returns it with
    columns and filters added, or SQL text, or None for all columns. It is called once, when the
    file is loaded; the join keys and the event time are always kept.

    Args:
        source: The source, or its name.
        entities: Entities, or their names.
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

    Returns:
        A decorator that replaces the function by its ``Feature``.

    Raises:
        pydantic.ValidationError: An argument is not valid.
        TypeError: The function returned something else.
    """

    def decorate(function: FeatureFunction) -> Feature:
        from sqlglot import exp

        source_name = source.name if isinstance(source, Source) else source
        values: dict[str, Any] = {
            "name": name or function.__name__,
            "description": description or _first_paragraph(function.__doc__),
            "source": source,
            "entities": entities,
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
            rows = exp.Select().from_(exp.Table(this=identifier(source_name)))
            values["query"] = _query_text(function(rows))
        return Feature(**values)

    return decorate


def _first_paragraph(docstring: str | None) -> str | None:
    if not docstring or not docstring.strip():
        return None
    return " ".join(docstring.strip().split("\n\n")[0].split())


def _query_text(returned: object) -> str | None:
    from sqlglot import exp

    if returned is None or isinstance(returned, str):
        return returned
    if not isinstance(returned, exp.Select):
        raise TypeError(
            f"a feature function returns a sqlglot Select, SQL text or None, not {type(returned).__name__}"
        )
    if not returned.expressions:
        returned = returned.select("*")
    return returned.sql(dialect="duckdb", comments=False)
