"""Build customer_spend with dbt at 1M and 10M events under a 4 GB memory limit.

    python benchmarks/scale.py
    python benchmarks/scale.py --events 1000000 --events 10000000 --memory-limit 4GB

What is built is what a user gets: specs are compiled, then `dbt build` runs every model and every
test, with surrogate keys and contracts. It exits with 1 if a build fails; it never judges a time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import yaml
from workload import customer_spend

from mlforge_sql.workflows.compile import compile_project, write_project

EVENTS_PER_CUSTOMER = 100
DBT = [sys.executable, "-c", "from dbt.cli.main import cli; cli()"]


class BuildError(Exception):
    """A build that failed, with what dbt said."""


@dataclass(frozen=True)
class Build:
    """What one `dbt build` took."""

    events: int
    seconds: float
    nodes: dict[str, float]
    rows: int
    peak_mb: int

    @property
    def work(self) -> float:
        """Seconds in models and tests, without the start-up of dbt."""
        return sum(self.nodes.values())

    @property
    def per_million(self) -> float:
        """Seconds of work per million events."""
        return self.work / self.events * 1e6


@contextmanager
def project(events: int, settings: dict[str, object]) -> Iterator[Path]:
    """A folder with the events and the specs."""
    with tempfile.TemporaryDirectory(prefix="mlforge-scale-") as name:
        root = Path(name)
        (root / "features").mkdir()
        store = {"KIND": "local", "path": "./feature_store", "settings": settings}
        config = {"name": "scale", "profiles": {"dev": {"offline_store": store}}}
        (root / "mlforge.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        spec = yaml.safe_dump(customer_spend(from_columns=True), sort_keys=False)
        (root / "features" / "customers.yml").write_text(spec, encoding="utf-8")
        customers = max(1, events // EVENTS_PER_CUSTOMER)
        file = root / "events.parquet"
        call = f"write_events(Path({str(file)!r}), events={events}, customers={customers})"
        _python(f"from pathlib import Path; from workload import write_events; {call}")
        yield root


def _python(code: str) -> str:
    """Run Python in another process: a build counts its parent's memory into its own peak."""
    command = [sys.executable, "-c", code]
    folder = Path(__file__).parent
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def build(root: Path, events: int) -> Build:
    """Compile and build, and measure the build."""
    write_project(compile_project(root))
    (root / "feature_store").mkdir(exist_ok=True)
    folder, log = root / "dbt", root / "dbt.log"
    environment = {**os.environ, "MLFORGE_PROJECT_DIR": str(root)}
    started = time.perf_counter()
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [*DBT, "build", "--profiles-dir", "."],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise BuildError(log.read_text(encoding="utf-8")[-4000:])
    results = json.loads((folder / "target" / "run_results.json").read_text(encoding="utf-8"))
    nodes = {item["unique_id"]: item["execution_time"] for item in results["results"]}
    database = root / "feature_store" / "features.duckdb"
    count = "from customer_spend select count(*)"
    rows = _python(
        f"import duckdb; print(duckdb.connect({str(database)!r}).execute({count!r}).fetchone()[0])"
    )
    peak_mb = usage.ru_maxrss // (1024 if sys.platform != "darwin" else 1024 * 1024)
    return Build(events, seconds, nodes, int(rows), peak_mb)


def report(builds: list[Build]) -> None:
    """Print the builds, the slowest nodes of the last, and how the time grows."""
    print(
        f"{'events':>11} {'rows':>11} {'build s':>8} {'models+tests s':>15} {'s/1M':>6} {'peak MB':>8}"
    )
    for item in builds:
        print(
            f"{item.events:>11,} {item.rows:>11,} {item.seconds:>8.1f} {item.work:>15.1f}"
            f" {item.per_million:>6.2f} {item.peak_mb:>8,}"
        )
    last = builds[-1]
    print(f"\nSlowest at {last.events:,} events:")
    for name, seconds in sorted(last.nodes.items(), key=lambda item: -item[1])[:6]:
        print(f"{seconds:>8.1f} s  {'.'.join(name.split('.')[::2][:2])[:64]}")
    if len(builds) > 1:
        ratio = last.per_million / builds[0].per_million
        print(
            f"\nSeconds per million events, last to first: {ratio:.2f} (linear is 1, the aim 1.5)."
        )
    print("One run on one machine: other work on it moves these numbers by tens of percent.")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--events", multiple=True, type=click.IntRange(1), default=(1_000_000, 10_000_000))
@click.option("--memory-limit", default="4GB", help="DuckDB's memory_limit.")
def main(events: tuple[int, ...], memory_limit: str) -> None:
    """Build customer_spend at growing sizes and print what it took."""
    builds = []
    for count in events:
        with project(count, {"memory_limit": memory_limit}) as root:
            try:
                builds.append(build(root, count))
            except BuildError as error:
                click.echo(f"dbt build failed at {count:,} events:\n{error}", err=True)
                sys.exit(1)
    print(f"customer_spend, dbt build, memory_limit {memory_limit}\n")
    report(builds)


if __name__ == "__main__":
    main()
