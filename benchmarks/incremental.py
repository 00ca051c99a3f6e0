"""Incremental builds beside the full one, on DuckDB: shares of its CPU seconds, step by step.

A year of events of 10,000 customers, and what a next build costs: one more day, a late event, 1% of the rows
updated, nothing at all. The models run as dbt-duckdb runs them, without dbt's own time.

    python benchmarks/incremental.py
    python benchmarks/incremental.py 5000000
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from harness import CONFIG, write_project
from small_dbt import SmallDbt

from mlforge_sql.workflows.compile import compile_project

CUSTOMERS = 10_000
SPEC: dict[str, Any] = {
    "entities": [{"name": "customer", "join_key": "customer_id"}],
    "sources": [
        {"name": "transactions", "path": "data/*.parquet", "timestamp": "transaction_time"}
    ],
    "features": [
        {
            "name": "customer_spend",
            "source": "transactions",
            "entities": ["customer"],
            "interval": "1d",
            "metrics": [
                {
                    "windows": ["7d", "30d", "90d"],
                    "aggregations": {"amount": ["sum", "mean", "count", "std", "min", "max"]},
                }
            ],
        }
    ],
}


def events(first: int, last: int, start: str, days: int) -> str:
    """SQL of events: amounts in cents, customers and times as if at random, the same in every run."""
    return f"""
        select
            format('C{{:08d}}', cast(hash(range, 1) % {CUSTOMERS} as bigint)) as customer_id,
            timestamp '{start}' + to_microseconds(
                cast(hash(range, 2) % {days * 86_400_000_000} as bigint)
            ) as transaction_time,
            round(exp(3.5 + 0.8 * sqrt(-2 * ln((hash(range, 3) % 1000000 + 1) / 1000001))
                * cos(2 * pi() * (hash(range, 4) % 1000000) / 1000000)), 2) as amount
        from range({first}, {last})
    """


class Steps(SmallDbt):
    """Counts the CPU seconds of each model."""

    seconds: dict[str, float]

    def _build(self, name: str) -> bool:
        before = time.process_time()
        found = super()._build(name)
        self.seconds[name] = time.process_time() - before
        return found


@contextmanager
def project(count: int) -> Iterator[tuple[Path, Steps]]:
    """A compiled project with a year of events, and its database on disk."""
    with tempfile.TemporaryDirectory() as folder:
        root = write_project(Path(folder), SPEC, {**CONFIG, "incremental": True})
        (root / "data").mkdir()
        add(root, "a", events(0, count, "2024-01-01", 365))
        path = str(root / "features.duckdb")
        with duckdb.connect(path, config={"threads": 2}) as connection:
            dbt = Steps(compile_project(root), root, connection)
            yield root, dbt


def add(root: Path, name: str, sql: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"copy ({sql}) to '{root}/data/{name}.parquet' (format parquet)")


def build(dbt: Steps, what: str, **options: Any) -> dict[str, Any]:
    """Build; what each step cost, and how many rows came."""
    dbt.seconds = {}
    started = time.perf_counter()
    dbt.build(**options)
    wall = time.perf_counter() - started
    ledger, tiles = (item.name for item in (*dbt.compiled.plan.ledgers, *dbt.compiled.plan.tiles))
    feature, current = "customer_spend", "customer_spend_current"
    number = dbt.connection.execute(f'select max(mlforge_build) from "{ledger}"').fetchone()
    changed = dbt.connection.execute(
        f'select count(*), count(distinct customer_id) from "{ledger}" where mlforge_build = ?',
        number,
    ).fetchone()
    rows = dbt.connection.execute(f"select count(*) from {feature}").fetchone()
    seconds = {
        word: round(dbt.seconds[name], 2)
        for word, name in (
            ("ledger", ledger),
            ("tiles", tiles),
            ("feature", feature),
            ("current", current),
        )
    }
    return {
        "what": what,
        **seconds,
        "wall": round(wall, 1),
        "days": changed and changed[0],
        "rows": rows and rows[0],
    }


def main(count: int) -> None:
    day = count // 365
    with project(count) as (root, dbt):
        models = dbt.models
        found = [build(dbt, "first build")]
        add(root, "b", events(count, count + day, "2024-12-31", 1))
        found.append(build(dbt, "one more day"))
        add(root, "c", events(count + day, count + day + 1, "2024-11-01", 1))
        found.append(build(dbt, "a late event, 60 days old"))
        found.append(build(dbt, "nothing changed"))
        change = "case when hash(customer_id, transaction_time) % 100 = 0 then amount + 1 else amount end"
        file = root / "data" / "a.parquet"
        sql = f"select * replace ({change} as amount) from read_parquet('{file}')"
        add(root, "new", sql)
        (root / "data" / "new.parquet").replace(file)
        found.append(build(dbt, "1% of the rows updated"))
        full = build(dbt, "full build", full=models)
        whole = full["tiles"] + full["feature"]
        for item in [*found, full]:
            item["share"] = round((item["ledger"] + item["tiles"] + item["feature"]) / whole, 3)
            print(json.dumps(item), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
