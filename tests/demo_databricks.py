"""What `make demo-databricks` runs: the example project on Databricks SQL, on this machine.

The real dbt-databricks adapter and SQL connector against the local warehouse (Spark and Delta
Lake), with the profile `databricks` of the example as it is. Its online store is a Postgres on loopback.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from online_setup import set_up_online
from postgres_server import postgres_binaries, start_postgres
from warehouse import Warehouse, ensure_environment, start_warehouse

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
HTTPS = 443


def run(environment: Mapping[str, str], folder: Path, *command: str) -> None:
    """Run a command and show it; stop when it fails."""
    print(f"\n$ {' '.join(command)}", flush=True)
    program = [sys.executable] if command[0] == "python" else [str(BIN / command[0])]
    done = subprocess.run(
        [*program, *command[1:]], cwd=folder, env={**os.environ, **environment}, check=False
    )
    if done.returncode:
        raise SystemExit(done.returncode)


def show(warehouse: Warehouse, title: str, query: str) -> None:
    """Print the rows of a query."""
    print(f"\n{title}")
    connection = warehouse.connect()
    found = connection.arrow(query)
    connection.close()
    rows = [[_text(value) for value in row.values()] for row in found.to_pylist()]
    table = [found.column_names, *rows]
    widths = [max(len(row[at]) for row in table) for at in range(found.num_columns)]
    for row in [found.column_names, ["-" * size for size in widths], *rows]:
        print("  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip())


def _text(value: object) -> str:
    return "NULL" if value is None else str(value).removesuffix("+00:00")


def load(warehouse: Warehouse, data: Path) -> None:
    """Make the sample data the tables that the example's sources name."""
    warehouse.sql("create schema main.raw")
    for name in ("transactions", "labels"):
        file = data / f"{name}.parquet"
        warehouse.sql(f"create table main.raw.{name} as select * from parquet.`{file}`")


def demonstrate(warehouse: Warehouse, example: Path) -> None:
    """Build the example on the warehouse, and look at it."""
    login = warehouse.login()
    shown = " ".join(
        f"{name}={login[name]}" for name in ("DATABRICKS_HOST", "DATABRICKS_HTTP_PATH")
    )
    print(f"\n{shown} DATABRICKS_TOKEN=...")
    run(login, example, "mlforge", "compile")
    print("\nThe setup of the online store, once: dbt/setup/online_databricks.sql")
    set_up_online(example / "dbt" / "setup" / "online_databricks.sql", warehouse)
    run(login, example, "mlforge", "doctor", "--profile", "databricks")
    run(login, example, "mlforge", "build", "--profile", "databricks")
    command = ("dbt", "run", "--target", "databricks", "--profiles-dir", ".", "--quiet")
    run(login, example / "dbt", *command)
    show(
        warehouse,
        "main.ml_features.customer_spend: the step function of one customer.",
        """
        select
            left(customer_id, 8) || '...' as customer_id,
            feature_timestamp,
            amount_count_7d as count_7d,
            round(amount_sum_7d, 2) as sum_7d,
            round(amount_std_90d, 2) as std_90d
        from main.ml_features.customer_spend
        where customer_id = (select min(customer_id) from main.ml_features.customer_spend)
        order by feature_timestamp
        limit 6
        """,
    )
    show(
        warehouse,
        "main.ml_features.fraud_training: labels with the features as of their time.",
        """
        select
            transaction_id,
            label_time,
            is_fraud,
            customer_velocity__velocity_7d as velocity_7d,
            round(customer_spend__amount_mean_30d, 2) as mean_30d
        from main.ml_features.fraud_training
        order by label_time desc, transaction_id
        limit 6
        """,
    )
    show(
        warehouse,
        "main.ml_features._mlforge_metadata: what the last run built.",
        """
        select feature, spec_hash, row_count, delta_version
        from main.ml_features._mlforge_metadata
        where built_at = (select max(built_at) from main.ml_features._mlforge_metadata)
        order by feature
        """,
    )


def main() -> None:
    """Run the demo."""
    environment = ensure_environment(ROOT / ".cache" / "warehouse")
    if environment is None:
        raise SystemExit("the local warehouse cannot run here (see above)")
    if postgres_binaries() is None:
        raise SystemExit("the online store needs a Postgres, which is not here (see above)")
    with tempfile.TemporaryDirectory() as name:
        example = Path(name) / "example_project"
        ignored = shutil.ignore_patterns("data", "dbt", "feature_store")
        shutil.copytree(ROOT / "example_project", example, ignore=ignored)
        size = ("--rows", "5000", "--customers", "200", "--merchants", "40")
        run({}, example, "python", "generate_data.py", *size)
        print("\nStarting a Databricks SQL warehouse on this machine (Spark, Delta Lake) ...")
        port = HTTPS if os.geteuid() == 0 else 0
        folder = Path(name) / "warehouse"
        with (
            start_postgres() as postgres,
            start_warehouse(environment, folder, port=port, postgres=postgres.dsn()) as warehouse,
        ):
            load(warehouse, example / "data")
            demonstrate(warehouse, example)


if __name__ == "__main__":
    main()
