"""What Databricks has to be able to read and to hold, besides SQL: patterns, formats, types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from mlforge_sql.dialects.translation import Untranslatable, has_databricks_type
from mlforge_sql.dialects.translation.patterns import java_pattern
from mlforge_sql.dialects.translation.time_formats import spark_pattern
from mlforge_sql.errors import Diagnostic, Location
from mlforge_sql.functions import called
from mlforge_sql.project.model import ResolvedFeature, ResolvedTrainingSet
from mlforge_sql.project.type_reader import TypeReader
from mlforge_sql.spec.feature import Aggregate, Feature, Rolling
from mlforge_sql.spec.source import Timestamp
from mlforge_sql.spec.specs import Located, Specs
from mlforge_sql.types import ColumnType, Kind


def check_databricks(
    specs: Specs,
    features: Iterable[ResolvedFeature],
    training_sets: Iterable[ResolvedTrainingSet],
    types: TypeReader,
    problems: list[Diagnostic],
) -> None:
    """Note everything of a project that Databricks would read differently, or cannot hold.

    Args:
        specs: The project as written.
        features: Its features, as far as they are understood.
        training_sets: Its training sets, as far as they are understood.
        types: Knows which patterns DuckDB can read.
        problems: Where problems go.
    """
    known = {item.location for item in problems}
    found = [
        *(item for feature in specs.features for item in _patterns(feature, types)),
        *_formats(specs),
        *(item for feature in features for item in _feature_types(feature)),
        *(item for training_set in training_sets for item in _label_types(training_set)),
    ]
    problems.extend(item for item in found if item.location not in known)


def _patterns(feature: Located[Feature], types: TypeReader) -> Iterator[Diagnostic]:
    for name, validators in feature.spec.validators.items():
        for index, validator in enumerate(validators):
            pattern = validator.pattern
            if pattern is None or types.pattern_problem(pattern):
                continue
            place = feature.origin.at("validators", name, index)
            yield from _said("MF071", java_pattern, pattern, place)


def _formats(specs: Specs) -> Iterator[Diagnostic]:
    stored: list[tuple[Timestamp | None, Location | None]] = [
        (item.spec.timestamp, item.origin.at("timestamp", "format")) for item in specs.sources
    ]
    stored += [
        (item.spec.timestamp, item.origin.at("timestamp", "format")) for item in specs.training_sets
    ]
    for timestamp, place in stored:
        if timestamp is not None and timestamp.format is not None:
            yield from _said("MF072", spark_pattern, timestamp.format, place)


def _said(
    code: str, translate: Callable[[str], str], text: str, place: Location | None
) -> Iterator[Diagnostic]:
    try:
        translate(text)
    except Untranslatable as error:
        yield Diagnostic(code, error.message, place, error.hint)


def _feature_types(feature: ResolvedFeature) -> Iterator[Diagnostic]:
    place = feature.origin.at
    for key in feature.keys:
        hint = "use another column, or cast it in a dbt model"
        yield from _held(f"join key `{key.name}`", key.type, place("entities"), hint)
    for latest in feature.latest:
        at = place("select", latest.name) if feature.spec.select else place("query")
        yield from _held(f"`{latest.name}`", latest.type, at, _cast_hint(latest.type))
    fields = {
        column.value.input.column_name: column.type
        for column in feature.windows
        if column.value is not None and column.function.function.keeps_type
    }
    for name, path in _aggregated(feature.spec):
        kind = _by_name(fields, name)
        if kind is not None:
            yield from _held(f"`{name}`", kind, place("metrics", *path), _cast_hint(kind))


def _aggregated(spec: Feature) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """The fields whose values are values of a feature too, and where they are."""
    for index, metric in enumerate(spec.metrics):
        if isinstance(metric, Aggregate) and called(metric.function).function.keeps_type:
            yield metric.field, (index, "field")
        elif isinstance(metric, Rolling):
            for field, functions in metric.aggregations.items():
                if any(called(function).function.keeps_type for function in functions):
                    yield field, (index, "aggregations", field)


def _by_name(fields: Mapping[str | None, ColumnType], name: str) -> ColumnType | None:
    wanted = name.casefold()
    found = (kind for field, kind in fields.items() if field and field.casefold() == wanted)
    return next(found, None)


def _label_types(training_set: ResolvedTrainingSet) -> Iterator[Diagnostic]:
    declared = training_set.spec.labels.columns
    for name, kind in training_set.columns.items():
        path = ("labels", "columns", name) if declared and name in declared else ("labels",)
        hint = "leave it out of the labels, or cast it there"
        yield from _held(
            f"column `{name}` of the labels", kind, training_set.origin.at(*path), hint
        )


def _held(what: str, kind: ColumnType, place: Location | None, hint: str) -> Iterator[Diagnostic]:
    if not has_databricks_type(kind):
        message = f"{what} is {kind}, and Databricks has no such type"
        yield Diagnostic("MF073", message, place, hint)


def _cast_hint(kind: ColumnType) -> str:
    wanted = "bigint" if kind.family is Kind.INTEGER else "timestamp"
    return f"select `cast(... as {wanted})`"
