"""The spec models by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlforge_sql.spec.config import ProjectConfig
from mlforge_sql.spec.entity import Entity
from mlforge_sql.spec.feature import Aggregate, Feature, Rolling
from mlforge_sql.spec.pivot import By
from mlforge_sql.spec.source import Dedupe, Freshness, Source, Timestamp
from mlforge_sql.spec.training_set import FeatureSpec, Labels, Owner, TrainingSet
from mlforge_sql.spec.validators import Validator

if TYPE_CHECKING:
    from pydantic import BaseModel

MODELS: dict[str, type[BaseModel]] = {
    model.__name__: model
    for model in (
        Aggregate,
        By,
        Dedupe,
        Entity,
        Feature,
        FeatureSpec,
        Freshness,
        Labels,
        Owner,
        ProjectConfig,
        Rolling,
        Source,
        Timestamp,
        TrainingSet,
        Validator,
    )
}
