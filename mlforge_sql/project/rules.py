"""Validators of a feature: columns that exist, values that fit their types."""

from __future__ import annotations

from datetime import date, datetime

from mlforge_sql.errors import Diagnostic, reading, suggest, written
from mlforge_sql.project.bounds import with_plain_bounds
from mlforge_sql.project.scope import Columns
from mlforge_sql.project.type_reader import TypeReader
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.specs import Located
from mlforge_sql.spec.validators import Validator
from mlforge_sql.types import ColumnType, Kind


def resolve_rules(
    feature: Located[Feature],
    columns: Columns,
    types: TypeReader,
    problems: list[Diagnostic],
    *,
    databricks: bool = False,
) -> tuple[tuple[str, Validator], ...]:
    """The validators of a feature by input column, spelled as declared.

    Args:
        feature: The feature as written.
        columns: The columns of its input.
        types: Knows which patterns DuckDB can read.
        problems: Where problems go.
        databricks: Whether they run on Databricks too.
    """
    found: list[tuple[str, Validator]] = []
    for name, validators in feature.spec.validators.items():
        place = feature.origin.key("validators", name)
        if name not in columns:
            hint = suggest(name, columns.names)
            problems.append(Diagnostic("MF022", f"unknown column `{name}`", place, hint))
            continue
        kind = columns.type(name)
        for index, validator in enumerate(validators):
            pattern = types.pattern_problem(validator.pattern) if validator.pattern else None
            if pattern:
                message = f"`{validator.pattern}` is not a regular expression: {pattern}"
                place = feature.origin.at("validators", name, index)
                hint = "write one that DuckDB can read"
                problems.append(Diagnostic("MF012", message, place, hint))
                continue
            wrong = _misfit(validator, kind)
            if wrong:
                problems.append(
                    Diagnostic(
                        "MF032",
                        f"`{validator.test}` on `{name}`: {wrong}",
                        feature.origin.at("validators", name, index),
                        _quotes(feature, name, index, validator, kind) or f"`{name}` is {kind}",
                    )
                )
            else:
                said = with_plain_bounds(validator, kind, databricks=databricks)
                found.append((columns.spelling(name), said))
    return tuple(found)


def _quotes(
    feature: Located[Feature], name: str, index: int, validator: Validator, kind: ColumnType
) -> str | None:
    """That a bound of text needs quotes, where YAML has taken it for something else."""
    if kind.family is not Kind.TEXT:
        return None
    place = ("validators", name, index, validator.test)
    for number, value in enumerate(validator.values or (validator.value,)):
        for path in ((*place, number), (*place, "values", number), place, (*place, "value")):
            unquoted = feature.origin.unquoted(*path)
            if unquoted is not None:
                return reading(unquoted, value)
    return None


def _misfit(validator: Validator, kind: ColumnType) -> str | None:
    if validator.test == "matches_regex":
        return None if kind.family is Kind.TEXT else "only text can match a pattern"
    bounds = [validator.value, validator.min, validator.max, *(validator.values or ())]
    for bound in bounds:
        if bound is not None and not _comparable(bound, kind):
            return f"`{written(bound)}` does not compare with the column"
    return None


def _comparable(value: bool | int | float | str, kind: ColumnType) -> bool:
    if isinstance(value, bool):
        return kind.family is Kind.BOOLEAN
    if isinstance(value, (int, float)):
        return kind.is_numeric
    if kind.family in {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}:
        return _is_instant(value)
    return kind.family is Kind.TEXT


def _is_instant(text: str) -> bool:
    for parse in (date.fromisoformat, datetime.fromisoformat):
        try:
            parse(text)
        except ValueError:
            continue
        return True
    return False
