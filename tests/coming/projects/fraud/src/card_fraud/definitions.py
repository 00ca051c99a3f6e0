"""The features of the store."""

from __future__ import annotations

import mlforge_sql as mlf
from card_fraud import features

defs = mlf.Definitions(
    name="Card fraud",
    features=[features],
    default_engine="polars",
)
