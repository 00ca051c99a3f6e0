"""What happens on accounts, by the day it is booked and by the day it counts."""

from __future__ import annotations

from datetime import timedelta

import mlforge_sql as mlf

bookings = mlf.Source("data/bookings.parquet")
account = mlf.Entity(name="account", join_key="account_id")


@mlf.feature(
    source=bookings,
    entities=account,
    timestamp=mlf.Timestamp("booked_at"),
    interval=timedelta(days=1),
    metrics=[
        mlf.Rolling(windows=[timedelta(days=30)], aggregations={"amount": ["sum", "min", "max"]})
    ],
)
def account_booked(df):
    return df.select("account_id", "booked_at", "amount").where("not cancelled")


@mlf.feature(
    source=bookings,
    entities=[account],
    timestamp="valued_at",
    interval=timedelta(days=1),
    metrics=[mlf.Rolling(windows=["30d"], aggregations={"amount": ["sum"]})],
)
def account_valued(df):
    return df.select("account_id", "valued_at", "amount")


@mlf.feature(source=bookings, entities=[account], timestamp="valued_at")
def not_defined(df):
    """In no Definitions, so in no project."""
    return df.select("amount as last_amount")
