"""Time customer_spend against the ways it is usually built, side by side.

    python benchmarks/run.py
    python benchmarks/run.py --events 1000000 --customers 10000 --repeat 3

6 functions (sum mean count std min max) over 3 windows (7d 30d 90d) with an interval of 1d. Every
contestant reads the same parquet file, with a plain key, and writes a parquet file; each run is a
process of its own, timed from the first read to the last write, and the contestants take turns.
Results are compared before any time is printed. Times are printed, never judged.
"""

from __future__ import annotations

import importlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import TYPE_CHECKING

import click
import yaml
from workload import WINDOWS, customer_spend, write_events

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from mlforge_sql.dbt.macros import Macros

TOLERANCE = 1e-9
DAY_US = 86_400_000_000
PARQUET = "(format parquet, compression snappy)"
VALUES = [
    f"amount_{function}_{days}d"
    for function in ("sum", "mean", "count", "std", "min", "max")
    for days in WINDOWS
]
COLUMNS = ["customer_id", "feature_timestamp", *VALUES]


# --- the contestants: read events.parquet, write one parquet file --------------------------------


def dbt_models(root: Path, output: Path) -> None:
    """(a) Our dbt models, as compiled."""
    import duckdb

    with duckdb.connect() as connection:
        macros = _macros(root, connection)
        models = sorted((root / "dbt" / "models").rglob("*.sql"), key=_layer)
        for model in models:
            if model.stem == "customer_spend_current":
                continue
            sql = macros.render(model.read_text(encoding="utf-8"))
            if model.stem == "customer_spend":
                connection.execute(f"copy ({sql}) to '{output}' {PARQUET}")
            else:
                kind = "table" if model.stem.endswith("_tiles") else "view"
                connection.execute(f'create {kind} "{model.stem}" as {sql}')


def _layer(model: Path) -> tuple[int, str]:
    return ("staging", "intermediate", "features").index(model.parent.name), model.stem


def _macros(root: Path, connection: duckdb.DuckDBPyConnection) -> Macros:
    """The project's macros, with what dbt would fill in: `ref`, `source`, and queries before a model."""
    from mlforge_sql.dbt.macros import Macros

    def run_query(query: str) -> SimpleNamespace:
        return SimpleNamespace(rows=connection.execute(query).fetchall())

    folder = root / "dbt"
    files = {
        PurePosixPath(file.relative_to(folder).as_posix()): file.read_text(encoding="utf-8")
        for file in (folder / "macros").rglob("*.sql")
    }
    context = {
        "source": lambda *_: f"'{root / 'events.parquet'}'",
        "var": lambda _, default=None: default,
        "load_relation": lambda relation: relation,
        "run_query": run_query,
        "log": lambda *_, **__: "",
    }
    return Macros(files, "duckdb", lambda name: f'"{name}"', context=context)


def naive_spine(root: Path, output: Path) -> None:
    """(b) A date spine for each customer, joined to the events once for each window."""
    import duckdb

    joined = "\n".join(_naive_window(days) for days in WINDOWS)
    names = ", ".join(VALUES)
    joins = " ".join(
        f"left join window_{days}d using (customer_id, feature_timestamp)" for days in WINDOWS[1:]
    )
    query = f"""
        with events as (select * from '{root / "events.parquet"}'),
        bounds as (
            select
                customer_id,
                date_trunc('day', min(transaction_time)) as first_day,
                date_trunc('day', max(transaction_time)) as last_day
            from events
            group by customer_id
        ),
        spine as (
            select
                customer_id,
                unnest(
                    generate_series(
                        first_day + interval 1 day, last_day + interval 1 day, interval 1 day
                    )
                ) as feature_timestamp
            from bounds
        ),
        {joined}
        final as (
            select customer_id, feature_timestamp, {names}
            from window_{WINDOWS[0]}d {joins}
        )
        select * from final
    """
    with duckdb.connect() as connection:
        connection.execute(f"copy ({query}) to '{output}' {PARQUET}")


def _naive_window(days: int) -> str:
    return f"""
        window_{days}d as (
            select
                spine.customer_id,
                spine.feature_timestamp,
                sum(events.amount) as amount_sum_{days}d,
                avg(events.amount) as amount_mean_{days}d,
                count(events.amount) as amount_count_{days}d,
                stddev_samp(events.amount) as amount_std_{days}d,
                min(events.amount) as amount_min_{days}d,
                max(events.amount) as amount_max_{days}d
            from spine
            left join events
                on events.customer_id = spine.customer_id
                and events.transaction_time >= spine.feature_timestamp - interval {days} day
                and events.transaction_time < spine.feature_timestamp
            group by spine.customer_id, spine.feature_timestamp
        ),
    """


def polars_rolling(root: Path, output: Path) -> None:
    """(c) Hand-written Polars, `.rolling(group_by=)`: rows at entries and exits."""
    import polars as pl

    timeline, customers = _polars_timeline(root)
    amount = pl.col("amount")
    parts = [timeline.select("customer", "tick", "is_change_point")]
    for days in WINDOWS:
        rolled = timeline.rolling("tick", period=f"{days}i", closed="right", group_by="customer")
        aggregates = {
            "sum": amount.sum(),
            "mean": amount.mean(),
            "count": amount.count().cast(pl.Int64),
            "std": amount.std(),
            "min": amount.min(),
            "max": amount.max(),
        }
        named = [value.alias(f"amount_{name}_{days}d") for name, value in aggregates.items()]
        parts.append(rolled.agg(named).drop("customer", "tick"))
    _polars_write(pl.concat(parts, how="horizontal"), customers, output)


def polars_rolling_by(root: Path, output: Path) -> None:
    """(c) Hand-written Polars, `rolling_*_by().over()`: rows at entries and exits."""
    import polars as pl

    timeline, customers = _polars_timeline(root)
    amount, ones = pl.col("amount"), pl.col("amount").is_not_null().cast(pl.Int64)
    named = []
    for days in WINDOWS:
        frame = {"by": "tick", "window_size": f"{days}i", "closed": "right"}
        aggregates = {
            "sum": amount.rolling_sum_by(**frame),
            "mean": amount.rolling_mean_by(**frame),
            "count": ones.rolling_sum_by(**frame),
            "std": amount.rolling_std_by(**frame),
            "min": amount.rolling_min_by(**frame),
            "max": amount.rolling_max_by(**frame),
        }
        named += [
            value.over("customer").alias(f"amount_{name}_{days}d")
            for name, value in aggregates.items()
        ]
    _polars_write(timeline.with_columns(named), customers, output)


def _polars_timeline(root: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events and change points in order, customers as numbers: strings are slow to sort."""
    import polars as pl

    tick = (pl.col("transaction_time").dt.epoch("us") // DAY_US + 1).cast(pl.Int32)
    events = (
        pl.scan_parquet(root / "events.parquet")
        .drop_nulls(["customer_id", "transaction_time"])
        .select("customer_id", tick.alias("tick"), "amount")
        .collect()
    )
    customers = events.select("customer_id").unique().sort("customer_id").with_row_index("customer")
    events = events.join(customers, on="customer_id").select("customer", "tick", "amount")
    ticks = events.select("customer", "tick").unique()
    points = pl.concat(
        [ticks.select("customer", pl.col("tick") + shift) for shift in (0, *WINDOWS)]
    ).unique()
    timeline = pl.concat(
        [
            points.with_columns(amount=pl.lit(None, pl.Float64), is_change_point=pl.lit(True)),
            events.with_columns(is_change_point=pl.lit(False)),
        ]
    )
    return timeline.sort("customer", "tick"), customers


def _polars_write(frame: pl.DataFrame, customers: pl.DataFrame, output: Path) -> None:
    import polars as pl

    empty = {f"amount_sum_{days}d": pl.col(f"amount_count_{days}d") > 0 for days in WINDOWS}
    timestamp = pl.from_epoch(pl.col("tick").cast(pl.Int64) * 86_400, "s").dt.cast_time_unit("us")
    frame = (
        frame.filter("is_change_point")
        .join(customers, on="customer", how="left", maintain_order="left")
        .with_columns(
            timestamp.alias("feature_timestamp"),
            *[pl.when(some).then(pl.col(name)).alias(name) for name, some in empty.items()],
        )
        .select(COLUMNS)
    )
    frame.write_parquet(output, compression="snappy")


def floor(root: Path, output: Path) -> None:
    """(d) The floor: read the finished output, sort it, write it."""
    import duckdb

    with duckdb.connect() as connection:
        query = f"select * from '{root / 'a.parquet'}' order by customer_id, feature_timestamp"
        connection.execute(f"copy ({query}) to '{output}' {PARQUET}")


@dataclass(frozen=True)
class Contestant:
    """A way to build the table."""

    letter: str
    shown: str
    title: str
    build: Callable[[Path, Path], None]


CONTESTANTS = [
    Contestant("a", "a", "dbt models, as compiled", dbt_models),
    Contestant("b", "b", "naive date spine, range joins", naive_spine),
    Contestant("c", "c", "Polars, rolling(group_by=)", polars_rolling),
    Contestant("e", "c", "Polars, rolling_*_by().over()", polars_rolling_by),
    Contestant("d", "d", "floor: sort and write the rows", floor),
]


# --- running and checking ------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """One run of a contestant."""

    seconds: float
    cpu: float
    peak_mb: int


def measure(letter: str, root: Path) -> None:
    """Run a contestant in this process and print what it took."""
    contestant = next(item for item in CONTESTANTS if item.letter == letter)
    importlib.import_module("polars" if contestant.title.startswith("Polars") else "duckdb")
    importlib.import_module("mlforge_sql.dbt.macros")
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    contestant.build(root, root / f"{letter}.parquet")
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak_mb = after.ru_maxrss // (1024 if sys.platform != "darwin" else 1024 * 1024)
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mb": peak_mb}))


def in_process(step: str, root: Path, *options: str, script: str = __file__) -> str:
    """Run a step in a process of its own, and return what it printed.

    All steps that need memory do: a process counts its parent's memory into its own peak.
    """
    command = [sys.executable, script, "--step", step, "--folder", str(root), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise click.ClickException(f"step {step} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def check(root: Path) -> None:
    """Compare the results, and print the rows of each.

    The step functions must agree row by row; the spine has a row for each day, so it is compared
    with the row of ours that holds on that day.
    """
    import duckdb

    with duckdb.connect() as connection:
        for letter in "abcde":
            connection.execute(f"create view {letter} as select * from '{root / letter}.parquet'")
        rows = {letter: _one(connection, f"select count(*) from {letter}") for letter in "abcde"}
        for other in "ce":
            wrong = _one(
                connection,
                f"select count(*) from a full join {other} using (customer_id, feature_timestamp)"
                f" where a.amount_count_7d is null or {other}.amount_count_7d is null"
                f" or {_differs('a', other)}",
            )
            _refuse(wrong, f"rows of (a) and ({other}) differ")
        wrong = _one(
            connection,
            "select count(*) from b asof left join a on a.customer_id = b.customer_id"
            f" and a.feature_timestamp <= b.feature_timestamp where {_differs('a', 'b')}",
        )
        _refuse(wrong, "days of the spine differ from the row of (a) that holds")
    print(json.dumps(rows))


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _differs(left: str, right: str) -> str:
    return " or ".join(
        f"({left}.{name} is null) <> ({right}.{name} is null)"
        f" or abs({left}.{name} - {right}.{name}) > {TOLERANCE} * (1 + abs({left}.{name}))"
        for name in VALUES
    )


def _refuse(wrong: int, what: str) -> None:
    if wrong:
        raise click.ClickException(f"{wrong:,} {what}")


def report(runs: dict[str, list[Measured]], rows: dict[str, int]) -> None:
    """Print the medians side by side."""
    medians = {letter: _median(found, "seconds") for letter, found in runs.items()}
    faster = min("ce", key=lambda letter: medians[letter])
    print(f"{'':34}{'seconds':>13}{'':>7}{'CPU':>7}{'peak':>7}")
    print(f"{'':34}{'median':>7}{'best':>6}{'/(a)':>7}{'s':>7}{'MB':>7}{'rows':>11}")
    for item in CONTESTANTS:
        found = runs[item.letter]
        mark = "*" if item.letter == faster else " "
        print(
            f"({item.shown}){mark}{item.title:30}{medians[item.letter]:>7.2f}"
            f"{min(run.seconds for run in found):>6.2f}{medians[item.letter] / medians['a']:>7.2f}"
            f"{_median(found, 'cpu'):>7.2f}{max(run.peak_mb for run in found):>7,}"
            f"{rows[item.letter]:>11,}"
        )
    print(f"\n(a) is {medians['b'] / medians['a']:.1f} times as fast as the naive spine (b)")
    print(f"and takes {medians['a'] / medians[faster]:.2f} times as long as the faster Polars (*).")


def _median(found: list[Measured], name: str) -> float:
    return float(statistics.median(getattr(run, name) for run in found))


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--events", type=click.IntRange(1), default=1_000_000)
@click.option("--customers", type=click.IntRange(1), default=10_000)
@click.option("--repeat", type=click.IntRange(1), default=3)
@click.option("--step", hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), hidden=True)
def main(events: int, customers: int, repeat: int, step: str | None, folder: Path | None) -> None:
    """Time customer_spend against the ways it is usually built."""
    if step and folder:
        if step == "prepare":
            prepare(folder, events, customers)
        elif step == "check":
            check(folder)
        else:
            measure(step, folder)
        return
    runs: dict[str, list[Measured]] = {item.letter: [] for item in CONTESTANTS}
    with tempfile.TemporaryDirectory(prefix="mlforge-bench-") as name:
        root = Path(name)
        in_process("prepare", root, f"--events={events}", f"--customers={customers}")
        rows = {}
        for _ in range(repeat):
            for item in CONTESTANTS:
                runs[item.letter].append(Measured(**json.loads(in_process(item.letter, root))))
            rows = rows or json.loads(in_process("check", root))
    print(f"customer_spend: {events:,} events, {customers:,} customers, median of {repeat}")
    print("All rows of (a) and (c) agree, and (b) on every day of its spine.\n")
    report(runs, rows)
    print("\nOther work on the machine moves seconds by tens of percent, CPU seconds less:")
    print("compare only contestants that took turns, as these did.")


def prepare(root: Path, events: int, customers: int) -> None:
    """Write the events, and the dbt project."""
    from mlforge_sql.workflows.compile import compile_project, write_project

    write_events(root / "events.parquet", events=events, customers=customers)
    store = {"offline_store": {"KIND": "local", "path": "./feature_store"}}
    config = {"name": "bench", "profiles": {"dev": store}}
    (root / "mlforge.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (root / "features").mkdir()
    spec = yaml.safe_dump(customer_spend(from_columns=False), sort_keys=False)
    (root / "features" / "customers.yml").write_text(spec, encoding="utf-8")
    write_project(compile_project(root))


if __name__ == "__main__":
    main()
