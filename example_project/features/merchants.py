"""Features of a merchant, and of a customer at a merchant, written in Python.

Python says the same as YAML and both can be mixed: the entities and the source named here are
declared in entities.yml and sources.yml. A function receives the source as a sqlglot `Select` and
returns the rows that go into its feature. It runs when the project is compiled, never on data.

The selection lists what metrics and validators use. Join keys and the timestamp are always kept.
"""

from __future__ import annotations

from datetime import timedelta

import mlforge_sql as mlf


@mlf.feature(
    source="transactions",
    entities=["merchant"],
    description="Merchant revenue patterns over rolling windows",
    interval=timedelta(days=1),
    tags=["merchant", "spending", "core"],
    metrics=[
        mlf.Rolling(
            windows=["7d", "30d", timedelta(days=90)],
            aggregations={"amount": ["sum", "mean", "count", "std", "min", "max"]},
        )
    ],
    validators={
        "transaction_id": [mlf.not_null(), mlf.unique()],
        "merchant_id": [mlf.not_null()],
        "merchant_category": [mlf.matches_regex(pattern="^[a-z]+(_[a-z]+)*$")],
        "merchant_country": [
            mlf.is_in(values=["BR", "CA", "DE", "FR", "GB", "JP", "MX", "US"]),
        ],
        "amount": [mlf.greater_than(value=0), mlf.less_than_or_equal(value=50_000)],
    },
)
def merchant_spend(df):
    """What a merchant takes in."""
    return df.select(
        "transaction_id",
        "transaction_time",
        "merchant_category",
        "merchant_country",
        "amount",
    )


@mlf.feature(
    source="transactions",
    entities=["customer_merchant"],
    description="How much and how often a customer buys at this merchant; nothing for a stranger",
    interval=timedelta(days=1),
    tags=["customer", "merchant", "affinity"],
    metrics=[
        mlf.Rolling(
            windows=["30d", "90d"],
            aggregations={"amount": ["sum", "count", "mean"]},
        )
    ],
    validators={
        "amount": [mlf.in_range(min=0.01, max=100_000)],
        "customer_id": [mlf.not_null()],
        "merchant_id": [mlf.not_null()],
    },
)
def customer_merchant_affinity(df):
    """What one customer spends at one merchant."""
    return df.select("transaction_time", "amount")
