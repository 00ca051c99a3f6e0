"""Features in Python: they say the same as YAML, and both can be mixed in one project.

The entities and sources named here are declared in the YAML files beside this one. The function gets
the source as a sqlglot `Select` and returns the rows that go into its feature. It runs when the
project is compiled, never on data.
"""

from __future__ import annotations

import mlforge_sql as mlf


@mlf.feature(
    source="orders",
    entities=["product"],
    description="How often a product is ordered, in all and in large orders",
    interval="1d",
    tags=["product"],
    metrics=[
        mlf.Aggregate(field="*", function="count", windows=["7d", "28d"], name="orders"),
        mlf.Aggregate(
            field="*", function="count", windows=["28d"], name="large_orders", where="amount >= 50"
        ),
    ],
    validators={"product_id": [mlf.not_null()]},
)
def product_demand(df):
    """How often a product is ordered."""
    return df.select("ordered_at", "amount")
