"""What training and serving must agree on: the features, and what a model sees of a transaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "model"
MODEL = FOLDER / "fraud_model.joblib"

FEATURES = [
    "customer_spend",
    "customer_velocity",
    "customer_latest_transaction:latest_amount",
    "merchant_spend",
    "customer_merchant_affinity",
]
"""From the feature store: what was known of customer and merchant before the transaction."""

KEYS = ["first_name", "last_name", "date_of_birth", "merchant_name"]
"""What a transaction says of who it is about; the store's join keys are computed from it."""

_NOT_INPUTS = {*KEYS, "transaction_id", "label_time", "transaction_time", "is_fraud"}


def inputs(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns that the model sees, from transactions with their features.

    Args:
        rows: The transaction's own columns, with those of ``FEATURES``.
    """
    found = rows.drop(columns=[name for name in rows.columns if name in _NOT_INPUTS])
    found = found.drop(columns=["merchant_category", "merchant_country"])
    found = found.astype("float64").assign(
        hour=rows["transaction_time"].dt.hour,
        amount_to_mean_30d=found["amount"] / found["customer_spend__amount_mean_30d"],
        amount_to_last=found["amount"] / found["customer_latest_transaction__latest_amount"],
    )
    return found[sorted(found.columns)]
