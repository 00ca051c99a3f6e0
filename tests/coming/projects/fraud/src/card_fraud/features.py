"""What is known of a payment before it."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

import mlforge_sql as mlf
from card_fraud.entities import card, holder, shop

payments = mlf.Source("data/payments.parquet")

paid_at = mlf.Timestamp(column="paid_at", format="%Y-%m-%d %H:%M:%S")

spending = [
    mlf.Aggregate(field="amount", function="sum", windows=["1d", "7d"], name="spent"),
    mlf.Aggregate(field="amount", function="mean", windows=["1d", "7d"], name="usual"),
    mlf.Aggregate(field="amount", function="count", windows=["1d", "7d"], name="payments"),
    mlf.Aggregate(field="amount", function="std", windows=["7d"], name="spread"),
]


@mlf.feature(
    source=payments,
    entities=[holder],
    timestamp=paid_at,
    interval=timedelta(days=1),
    metrics=spending,
    validators={"amount": [mlf.greater_than_or_equal(value=0)]},
    tags=["holder", "spending"],
)
def holder_spend(df: pl.DataFrame) -> pl.DataFrame:
    """What a holder spends."""
    return df.select("holder_id", "paid_at", "amount")


@mlf.feature(
    source=payments,
    entities=[shop],
    timestamp=paid_at,
    interval=timedelta(days=1),
    metrics=spending,
    tags=["shop"],
)
def shop_spend(df: pl.DataFrame) -> pl.DataFrame:
    return df.select(["shop_id", "paid_at", "amount"])


@mlf.feature(
    source=payments,
    entities=[card],
    timestamp=paid_at,
    interval="1h",
    metrics=[
        mlf.Rolling(windows=["1h", timedelta(hours=6)], aggregations={"amount": ["count", "max"]})
    ],
    engine="polars",
)
def card_velocity(df: pl.DataFrame) -> pl.DataFrame:
    return df.select(pl.col("card_no"), pl.col("paid_at"), pl.col("amount"))


@mlf.feature(
    source=payments,
    entities=[card],
    timestamp=paid_at,
    description="Where a card was used last",
)
def card_last(df: pl.DataFrame) -> pl.DataFrame:
    return df.select(
        "card_no", "paid_at", pl.col("amount").alias("last_amount"), "shop_kind as last_kind"
    )
