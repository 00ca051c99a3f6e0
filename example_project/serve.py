"""Score transactions with online features: what the model would have said as they came in.

    python serve.py                             # after train.py: six transactions of the sample
    python serve.py --transaction-id T00000042
    python serve.py --now                       # as of this moment, as a service would

A service calls ``Scorer.score`` with each transaction. The features are those of `train.py`, looked
up at the transaction's time instead of joined: the values are the same.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click
import fraud_model
import joblib
import pandas as pd

import mlforge_sql as mlf


class Scorer:
    """A model with the feature store that it was trained on."""

    def __init__(self, profile: str | None = None) -> None:
        self._project = mlf.load_project(fraud_model.HERE)
        self._model = joblib.load(fraud_model.MODEL)
        self._profile = profile

    def score(self, transaction: Mapping[str, Any], at: datetime | None = None) -> float:
        """The chance, 0 to 1, that a transaction is fraud.

        Args:
            transaction: Its columns, as it came.
            at: The instant to look from; now if None.
        """
        row = self._project.get_online_features(
            fraud_model.FEATURES, dict(transaction), self._profile, at=at
        )
        chances = self._model.predict_proba(fraud_model.inputs(pd.DataFrame([row])))
        return float(chances[0, 1])


def sample(transaction_id: str | None) -> pd.DataFrame:
    """Some transactions of the last months: three ordinary ones and three frauds, or the named one."""
    rows = pd.read_parquet(fraud_model.HERE / "data" / "transactions.parquet")
    rows["transaction_time"] = pd.to_datetime(rows["transaction_time"])
    if transaction_id is not None:
        found = rows[rows["transaction_id"] == transaction_id]
        if found.empty:
            raise click.ClickException(f"there is no transaction `{transaction_id}`")
        return found
    late = rows[rows["transaction_time"] >= "2024-12-01"].sort_values(
        ["transaction_time", "transaction_id"]
    )
    picked = [late[late["is_fraud"] == fraud].head(3) for fraud in (False, True)]
    return pd.concat(picked).sort_values("transaction_time")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--transaction-id", metavar="ID", help="Score this transaction of the sample.")
@click.option("--now", is_flag=True, help="Look from this moment, not from the transaction's time.")
@click.option("--profile", metavar="NAME", help="Profile of mlforge.yaml to look features up in.")
def main(transaction_id: str | None, now: bool, profile: str | None) -> None:
    """Score transactions of the sample data with online features."""
    if not fraud_model.MODEL.is_file():
        raise click.ClickException("there is no model yet: run `python train.py`")
    scorer = Scorer(profile)
    print("transaction_id  at                   amount    was fraud  score  milliseconds")
    for row in sample(transaction_id).to_dict("records"):
        transaction = {name: value for name, value in row.items() if name != "is_fraud"}
        at = None if now else row["transaction_time"].to_pydatetime()
        started = time.perf_counter()
        score = scorer.score(transaction, at)
        spent = (time.perf_counter() - started) * 1000
        print(
            f"{row['transaction_id']:<15} {row['transaction_time']}  {row['amount']:>8.2f}  "
            f"{'yes' if row['is_fraud'] else 'no':<9}  {score:5.3f}  {spent:8.1f}"
        )


if __name__ == "__main__":
    main()
