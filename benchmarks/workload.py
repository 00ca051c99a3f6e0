"""The events that both benchmarks read: a year of payments, spread evenly over customers.

Every value comes from a hash of the row's number, so the same sizes give the same events.
"""

from __future__ import annotations

from pathlib import Path

WINDOWS = (7, 30, 90)
"""Days."""

FUNCTIONS = ("sum", "mean", "count", "std", "min", "max")


def write_events(file: Path, *, events: int, customers: int) -> None:
    """Write ``customer_id``, ``transaction_time`` and ``amount`` to a parquet file."""
    import duckdb

    query = f"""
        select
            format('C{{:08d}}', cast(hash(range, 1) % {customers} as bigint)) as customer_id,
            timestamp '2024-01-01' + to_microseconds(cast(hash(range, 2) % 31536000000000 as bigint))
                as transaction_time,
            round(
                exp(
                    3.5
                    + 0.8
                    * sqrt(-2 * ln((hash(range, 3) % 1000000 + 1) / 1000001))
                    * cos(2 * pi() * (hash(range, 4) % 1000000) / 1000000)
                ),
                2
            ) as amount
        from range({events})
    """
    with duckdb.connect() as connection:
        connection.sql(query).write_parquet(str(file))


def customer_spend(*, from_columns: bool) -> dict[str, object]:
    """The spec of ``customer_spend``: 6 functions over 3 windows.

    Args:
        from_columns: Whether the key is a surrogate key, hashed from a column, as in the example.
    """
    entity: dict[str, object] = {"name": "customer", "join_key": "customer_id"}
    if from_columns:
        entity = {"name": "customer", "join_key": "customer_key", "from_columns": ["customer_id"]}
    return {
        "entities": [entity],
        "sources": [
            {"name": "transactions", "path": "events.parquet", "timestamp": "transaction_time"}
        ],
        "features": [
            {
                "name": "customer_spend",
                "source": "transactions",
                "entities": ["customer"],
                "interval": "1d",
                "metrics": [
                    {
                        "windows": [f"{days}d" for days in WINDOWS],
                        "aggregations": {"amount": list(FUNCTIONS)},
                    }
                ],
                "validators": {"amount": [{"greater_than_or_equal": 0}]},
            }
        ],
    }
