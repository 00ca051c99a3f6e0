"""What visitors do."""

from __future__ import annotations

import mlforge_sql as mlf


@mlf.feature(
    keys=["visitor_id"],
    source="data/events.parquet",
    timestamp="seen_at",
    interval="1d",
    metrics=[
        mlf.Aggregate(
            field="viewed",
            function="sum",
            windows=["1d", "7d"],
            name="views",
            description="Pages seen",
        ),
        mlf.Aggregate(field="bought", function="sum", windows=["7d"], name="purchases"),
    ],
)
def visitor_engagement(df):
    return df.select(
        "visitor_id",
        "seen_at",
        "cast(kind = 'view' as integer) as viewed",
        "cast(kind = 'buy' as integer) as bought",
    )


@mlf.feature(
    keys=["visitor_id", "item_id"],
    source="data/events.parquet",
    timestamp="seen_at",
    metrics=[mlf.Rolling(windows=["7d"], aggregations={"*": ["count"]})],
    tags="pairs",
)
def visitor_item(df):
    return df
