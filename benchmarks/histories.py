"""Labels, and histories of features to join to them, for `training.py` and `stream.py`.

Three step functions: two of customers, with a sha256 in hex as their key, and one of merchants, with
a number. Each has 5 values, of which 2 are counts; where no row holds, a count is 0 and everything
else is null. A tenth of the doubles are null anyway. A label's customer or merchant may be unknown,
its time may be before the first row, or the very instant at which a row begins to hold.

Every value comes from a hash of the row's number, so the same sizes give the same rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    import duckdb

KEYS = {
    "customer_spend": "customer_key",
    "customer_habits": "customer_key",
    "merchant_sales": "merchant_key",
}
"""The features, and their keys."""

LABEL_COLUMNS = {
    "transaction_id": "bigint",
    "customer_key": "varchar",
    "merchant_key": "bigint",
    "label_time": "timestamp",
    "is_fraud": "boolean",
    "amount": "double",
}
DOUBLES = ("amount_sum_30d", "amount_mean_30d", "amount_max_30d")
COUNTS = ("amount_count_30d", "items_count_30d")
VALUES = (*DOUBLES, *COUNTS)

SHARES = {"customer_spend": 3, "customer_habits": 3, "merchant_sales": 2}
"""Eighths of all rows."""

ROWS_OF_A_KEY = 30


def rows_of(feature: str, rows: int) -> int:
    """How many of all rows are those of a feature."""
    return max(1, rows * SHARES[feature] // 8)


def write_spec(root: Path, settings: dict[str, object]) -> None:
    """Write a project with the three features, without data: only types are read when compiling."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(
            "copy (select '' as customer_key, cast(1 as bigint) as merchant_key,"
            " timestamp '2024-01-01' as paid_at, cast(1 as double) as amount,"
            f" cast(1 as bigint) as items) to '{root / 'payments.parquet'}' (format parquet)"
        )
    store = {"KIND": "local", "path": "./feature_store", "settings": settings}
    config = {"name": "bench", "profiles": {"dev": {"offline_store": store}}}
    (root / "mlforge.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (root / "features").mkdir()
    text = yaml.safe_dump(_spec(), sort_keys=False)
    (root / "features" / "payments.yml").write_text(text, encoding="utf-8")


def _spec() -> dict[str, object]:
    aggregations = {"amount": ["sum", "mean", "max", "count"], "items": ["count"]}
    metrics = [{"windows": ["30d"], "aggregations": aggregations}]
    return {
        "entities": [
            {"name": "customer", "join_key": "customer_key"},
            {"name": "merchant", "join_key": "merchant_key"},
        ],
        "sources": [{"name": "payments", "path": "payments.parquet", "timestamp": "paid_at"}],
        "features": [
            {
                "name": feature,
                "source": "payments",
                "entities": [key.removesuffix("_key")],
                "interval": "1d",
                "metrics": metrics,
            }
            for feature, key in KEYS.items()
        ],
        "training_sets": [
            {
                "name": "fraud_training",
                "labels": {"model": "labels", "columns": LABEL_COLUMNS},
                "timestamp": "label_time",
                "features": list(KEYS),
            }
        ],
    }


def create_features(connection: duckdb.DuckDBPyConnection, rows: int) -> None:
    """Create the tables of the features: rows of a key together and in order of time."""
    for number, (feature, key) in enumerate(KEYS.items(), start=1):
        count = rows_of(feature, rows)
        every = 360 // ROWS_OF_A_KEY
        doubles = ", ".join(
            f"case when hash(i, {number}, {index}) % 10 > 0"
            f" then cast(hash(i, {number}, {index}) % 1000000 as double) / 100 end as {name}"
            for index, name in enumerate(DOUBLES)
        )
        counts = ", ".join(
            f"cast(hash(i, {number}, {index}) % 50 as bigint) as {name}"
            for index, name in enumerate(COUNTS, start=len(DOUBLES))
        )
        connection.execute(
            f"""
            create table {feature} as
            select
                {_key(key, f"i // {ROWS_OF_A_KEY}")} as {key},
                timestamp '2024-01-01' + to_days(
                    cast(i % {ROWS_OF_A_KEY} * {every} + hash(i, {number}) % {every} as integer)
                ) as feature_timestamp,
                {doubles},
                {counts}
            from range({count}) as numbers (i)
            """
        )


def write_labels(
    connection: duckdb.DuckDBPyConnection, file: Path, *, labels: int, rows: int
) -> None:
    """Write labels in no particular order; one in fifty is of a customer that has no rows."""
    customers = max(1, rows_of("customer_spend", rows) // ROWS_OF_A_KEY)
    merchants = max(1, rows_of("merchant_sales", rows) // ROWS_OF_A_KEY)
    customer = f"hash(i, 102) % {customers + 1 + customers // 50}"
    merchant = f"hash(i, 103) % {merchants + 1 + merchants // 50}"
    connection.execute(
        f"""
        copy (
            select
                cast(hash(i, 101) // 2 as bigint) as transaction_id,
                {_key("customer_key", customer)} as customer_key,
                {_key("merchant_key", merchant)} as merchant_key,
                timestamp '2023-12-25' + case
                    when hash(i, 104) % 100 = 0
                    then to_days(cast(hash(i, 105) % 370 as integer))
                    else to_microseconds(cast(hash(i, 105) % (370 * 86400000000) as bigint))
                end as label_time,
                hash(i, 106) % 50 = 0 as is_fraud,
                cast(hash(i, 107) % 100000 as double) / 100 as amount
            from range({labels}) as numbers (i)
        ) to '{file}' (format parquet)
        """
    )


def _key(key: str, number: str) -> str:
    if key == "customer_key":
        return f"sha256('customer ' || ({number}))"
    return f"cast({number} as bigint)"


def label_names() -> str:
    """The labels' columns, for a select."""
    return ", ".join(f"labels.{name}" for name in LABEL_COLUMNS)


def value_names() -> dict[str, str]:
    """The columns of a training set that are not the labels' own, and their features."""
    return {f"{feature}__{name}": feature for feature in KEYS for name in VALUES}
