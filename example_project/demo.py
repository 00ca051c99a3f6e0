"""What `make demo` runs: sample data, compile, build, and a look at the result."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb

HERE = Path(__file__).resolve().parent
DATABASE = HERE / "feature_store" / "features.duckdb"


def run(*command: str) -> None:
    """Run a command in the example project; stop when it fails."""
    print(f"\n$ {' '.join(command)}", flush=True)
    tools = Path(sys.executable).parent
    program = [sys.executable] if command[0] == "python" else [str(tools / command[0])]
    code = subprocess.run([*program, *command[1:]], cwd=HERE, check=False).returncode
    if code:
        raise SystemExit(code)


def show(title: str, query: str) -> None:
    """Print the rows of a query."""
    print(f"\n{title}")
    with duckdb.connect(str(DATABASE), read_only=True) as connection:
        found = connection.execute(query)
        names = [item[0] for item in found.description or []]
        rows = [
            ["NULL" if value is None else str(value) for value in row] for row in found.fetchall()
        ]
    widths = [max(len(row[at]) for row in [names, *rows]) for at in range(len(names))]
    for row in [names, ["-" * size for size in widths], *rows]:
        print("  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip())


def main() -> None:
    """Run the demo."""
    run("python", "generate_data.py")
    run("mlforge", "compile")
    run("mlforge", "build")
    show(
        "customer_spend: the step function of one customer. A row holds from its\n"
        "feature_timestamp until the next row; it changes when transactions enter a\n"
        "window and when they leave it.",
        """
        select
            left(customer_id, 8) || '...' as customer_id,
            feature_timestamp,
            amount_count_7d as count_7d,
            round(amount_sum_7d, 2) as sum_7d,
            round(amount_mean_30d, 2) as mean_30d,
            round(amount_std_90d, 2) as std_90d
        from customer_spend
        where customer_id = (
            select customer_id from customer_spend
            group by customer_id
            having count(*) >= 8
            order by count(*), customer_id
            limit 1
        )
        order by feature_timestamp
        limit 8
        """,
    )
    show(
        "fraud_training: labels with the features as they were at each label's time.\n"
        "Fraud comes in bursts; the transaction itself is never in its own features.",
        """
        select
            transaction_id,
            label_time,
            is_fraud,
            round(customer_latest_transaction__latest_amount, 2) as latest_amount,
            customer_velocity__velocity_7d as velocity_7d,
            round(customer_spend__amount_mean_30d, 2) as mean_30d,
            customer_merchant_affinity__amount_count_90d as at_merchant_90d
        from fraud_training
        where label_time >= (select min(label_time) from fraud_training where is_fraud)
        order by label_time, transaction_id
        limit 6
        """,
    )
    show(
        "_mlforge_metadata: what the last run built.",
        """
        select feature, version, spec_hash, row_count, built_at
        from _mlforge_metadata
        where run_id = (
            select run_id from _mlforge_metadata order by built_at desc, run_id limit 1
        )
        order by feature
        """,
    )
    run("python", "train.py")
    run("python", "serve.py")
    print(
        "\nTry next, in example_project/ (the environment is ../.venv):\n"
        "  ../.venv/bin/mlforge inspect feature customer_spend\n"
        "  ../.venv/bin/mlforge training-data data/labels.parquet --timestamp label_time \\\n"
        "      --features customer_spend,customer_velocity:velocity_7d --out train.parquet\n"
        "  ../.venv/bin/mlforge build --tags core -- --vars '{as_of: 2024-06-01}'\n"
        "  cat dbt/models/features/customer_velocity.sql"
    )


if __name__ == "__main__":
    main()
