"""Compiled Databricks SQL on a local Spark: busy entities, and how cost grows with events.

    python benchmarks/databricks.py
    python benchmarks/databricks.py --events 200000 --grow 100000 --grow 1000000 --grow 3000000

1. Busy entities. Spark reads a sliding window frame anew for every row, so one entity with all the
   events would take quadratic time. The same events are given to one entity and to 10,000; each
   function is timed on both, in turns, and the ratio is printed.
2. Growth. The example's customer_spend (6 functions, 3 windows, 1d) over more and more events of
   100 each per customer: seconds, and bytes through shuffles, for each event.

Spark runs in the warehouse's environment with two cores; times are printed, never judged.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from harness import write_project
from warehouse import ensure_environment
from warehouse_harness import CONFIG, warehouse_macros
from workload import customer_spend, write_events

from mlforge_sql.workflows.compile import compile_project

FUNCTIONS: dict[str, dict[str, list[str]]] = {
    "count": {"*": ["count"]},
    "sum, mean of integers": {"quantity": ["sum", "mean"]},
    "sum, mean of doubles": {"amount": ["sum", "mean"]},
    "min, max": {"amount": ["min", "max"]},
    "std": {"amount": ["std"]},
}
ENTITIES = 10_000
SCHEMA = "benchmark"


@dataclass(frozen=True)
class Timing:
    """What one query took, as a median."""

    seconds: float
    bytes: int
    records: int


def run(
    environment: Path,
    root: Path,
    sources: Mapping[str, Path],
    timed: Mapping[str, str],
    repeat: int,
) -> dict[str, Timing]:
    """Compile a project and time some of its models on Spark.

    Args:
        environment: The warehouse's environment.
        root: Folder of the project.
        sources: Parquet files by source.
        timed: Models by label.
        repeat: How often each is timed.
    """
    compiled = compile_project(root)
    macros = warehouse_macros(compiled, SCHEMA, datetime(2030, 1, 1))
    views = [(name, f"select * from parquet.`{file}`") for name, file in sources.items()]
    plan = compiled.plan
    for node in (*plan.stagings, *plan.inputs, *plan.tiles, *plan.features):
        path = next(item for item in compiled.files if item.name == f"{node.name}.sql")
        sql = macros.render(compiled.files[path]).replace(f"{SCHEMA}.`", "`")
        views.append((node.name, sql))
    request = {
        "memory": "6g",
        "views": views,
        "timed": [(label, f"select * from `{model}`") for label, model in timed.items()],
        "repeat": repeat,
    }
    done = subprocess.run(
        [str(environment / "bin" / "python"), str(HERE / "spark_worker.py")],
        input=json.dumps(request),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for result in json.loads(done.stdout):
        found.setdefault(result["label"], []).append(result)
    return {label: _median(results) for label, results in found.items()}


def _median(results: Sequence[Mapping[str, Any]]) -> Timing:
    return Timing(
        statistics.median(item["seconds"] for item in results),
        int(results[0]["bytes"]),
        int(results[0]["records"]),
    )


def busy(environment: Path, folder: Path, events: int, repeat: int) -> None:
    """Time one busy entity beside many quiet ones."""
    import duckdb

    file = folder / "busy.parquet"
    query = f"""
        select
            'one' as one_id,
            'e' || (hash(range, 1) % {ENTITIES}) as many_id,
            timestamp '2024-01-01' + to_microseconds(cast(hash(range, 2) % 2592000000000 as bigint)) as at,
            round(exp(2.5 + (hash(range, 3) % 2000) / 1000.0), 2) as amount,
            cast(hash(range, 4) % 1000 as bigint) as quantity
        from range({events})
    """
    with duckdb.connect() as connection:
        connection.sql(query).write_parquet(str(file))
    names = {name: f"feature_{number}" for number, name in enumerate(FUNCTIONS)}
    spec = {
        "entities": [{"name": name, "join_key": f"{name}_id"} for name in ("one", "many")],
        "sources": [
            {"name": "events", "path": file.name, "table": "a.b.events", "timestamp": "at"}
        ],
        "features": [
            {
                "name": f"{names[name]}_{entity}",
                "source": "events",
                "entities": [entity],
                "metrics": [{"windows": ["7d", "60d"], "aggregations": aggregations}],
            }
            for name, aggregations in FUNCTIONS.items()
            for entity in ("one", "many")
        ],
    }
    root = write_project(folder, spec, CONFIG)
    timed = {
        f"{name} ({entity})": f"{names[name]}_{entity}"
        for name in FUNCTIONS
        for entity in ("one", "many")
    }
    found = run(environment, root, {"events": file}, timed, repeat)
    click.echo(f"\nBusy entities: {events:,} events, continuous windows of 7d and 60d")
    click.echo(f"{'':24}{'1 entity':>12}{f'{ENTITIES:,}':>12}{'ratio':>8}")
    for name in FUNCTIONS:
        one, many = found[f"{name} (one)"].seconds, found[f"{name} (many)"].seconds
        click.echo(f"{name:24}{one:10.1f} s{many:10.1f} s{one / many:8.2f}")


def growth(environment: Path, folder: Path, sizes: Sequence[int], repeat: int) -> None:
    """Time customer_spend over more and more events."""
    click.echo("\nGrowth: customer_spend, 6 functions x 3 windows, interval 1d, from raw events")
    click.echo(f"{'events':>12}{'seconds':>10}{'us/event':>10}{'shuffled MB':>13}{'B/event':>9}")
    for events in sizes:
        root = folder / str(events)
        root.mkdir()
        write_events(root / "events.parquet", events=events, customers=max(events // 100, 1))
        spec = customer_spend(from_columns=False)
        source = {**spec["sources"][0], "table": "a.b.transactions"}  # type: ignore[index]  # our own spec
        write_project(root, {**spec, "sources": [source]}, CONFIG)
        sources = {"transactions": root / "events.parquet"}
        found = run(environment, root, sources, {"spend": "customer_spend"}, repeat)["spend"]
        click.echo(
            f"{events:>12,}{found.seconds:>10.1f}{found.seconds / events * 1e6:>10.1f}"
            f"{found.bytes / 1e6:>13.1f}{found.bytes / events:>9.1f}"
        )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--events", default=200_000, show_default=True, help="Events of the busy entity.")
@click.option("--grow", multiple=True, type=int, default=(100_000, 1_000_000, 3_000_000))
@click.option("--repeat", default=3, show_default=True, help="Timed runs of each query.")
def main(events: int, grow: tuple[int, ...], repeat: int) -> None:
    """Measure compiled Databricks SQL on a local Spark."""
    environment = ensure_environment(HERE.parent / ".cache" / "warehouse")
    if environment is None:
        raise click.ClickException("Spark cannot run here (see above)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "busy").mkdir()
        busy(environment, folder / "busy", events, repeat)
        growth(environment, folder, grow, repeat)


if __name__ == "__main__":
    main()
