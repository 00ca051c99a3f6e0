"""What happens to items."""

from __future__ import annotations

import mlforge_sql as mlf

events = mlf.Source("data/events.parquet")
stock = mlf.Source(path="data/stock-levels.csv")


@mlf.feature(
    keys=["item_id"],
    source=events,
    timestamp="seen_at",
    interval="1d",
    metrics=[mlf.Rolling(windows=["7d"], aggregations={"visitor_id": ["count"]})],
)
def item_popularity(df):
    return df.select("item_id", "seen_at", "visitor_id")


@mlf.feature(keys=["item_id"], source=stock, timestamp="counted_at")
def item_stock(df):
    return df.select("item_id", "counted_at", "pieces as pieces_left")
