"""A SQL-first feature store that compiles to dbt."""

from __future__ import annotations

from mlforge_sql.api import Definitions, load_project
from mlforge_sql.errors import OnlineError, RetrievalError, SpecErrors
from mlforge_sql.functions.words import arg_max, arg_min, percentile, weighted_mean
from mlforge_sql.keys import surrogate_key
from mlforge_sql.loading.decorators import feature
from mlforge_sql.spec.entity import Entity
from mlforge_sql.spec.feature import Aggregate, Feature, Rolling
from mlforge_sql.spec.pivot import By
from mlforge_sql.spec.source import Dedupe, Source, Timestamp
from mlforge_sql.spec.training_set import FeatureSpec, Labels, TrainingSet
from mlforge_sql.spec.validators import (
    greater_than,
    greater_than_or_equal,
    in_range,
    is_in,
    less_than,
    less_than_or_equal,
    matches_regex,
    not_null,
    unique,
)

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Words of mlforge that are said otherwise here."""
    from mlforge_sql.api.foreign import foreign

    return foreign(name)


__all__ = [
    "Aggregate",
    "By",
    "Dedupe",
    "Definitions",
    "Entity",
    "Feature",
    "FeatureSpec",
    "Labels",
    "OnlineError",
    "RetrievalError",
    "Rolling",
    "Source",
    "SpecErrors",
    "Timestamp",
    "TrainingSet",
    "arg_max",
    "arg_min",
    "feature",
    "greater_than",
    "greater_than_or_equal",
    "in_range",
    "is_in",
    "less_than",
    "less_than_or_equal",
    "load_project",
    "matches_regex",
    "not_null",
    "percentile",
    "surrogate_key",
    "unique",
    "weighted_mean",
]
