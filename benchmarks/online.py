"""Time lookups of current values, side by side, against one Postgres with a million entities.

    python benchmarks/online.py
    python benchmarks/online.py --entities 100000 --rounds 1 --feast 0

Three features, 15 values, of customers and merchants, are loaded into a Postgres server of the
benchmark's own with `mlforge online sync`: for each entity the row that holds, and one that begins to
hold in the future. Then values of 1, 10 and 100 entities are looked up:

(a) `get_online_features`, a mapping or a list of them in and out;
(b) a bare `select` of the 5 values of one entity and one feature by primary key, prepared, with the
    same driver: what no lookup in this database can be faster than;
(c) Feast's `get_online_features(...).to_dict()`, from its own tables in the same server.

Each contestant is a process of its own, and they take turns. What they find is compared first. With
16 clients a process has 16 threads. Times are printed, never judged.

Feast gets an environment of its own, `benchmarks/.venv-feast`, and the first entities only, `--feast`:
through its API more would take too long to load. Smaller tables can only help it.
"""

from __future__ import annotations

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import yaml
from histories import COUNTS, DOUBLES, KEYS, VALUES, write_spec
from run import in_process
from training import FEAST_PYTHON, FeastError, install_feast

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent / "tests"))

DSN = "MLFORGE_POSTGRES_DSN"
DATABASE = Path("feature_store") / "features.duckdb"
SINCE, UNTIL = "2024-01-01", "2100-01-01"
SIZES = {1: 2000, 10: 600, 100: 150}
"""Entities of a lookup, and how many lookups are timed."""

CLIENTS = 16
SAMPLE = 500
"""Entities whose values are compared."""

TITLES = {"a": "mlforge", "b": "bare select, 5 values", "c": "Feast 0.67"}
Lookup = Callable[[list[int]], Any]


# --- the data ------------------------------------------------------------------------------------


def customer_key(number: int) -> str:
    """The key of a customer; a sha256 in hex, as surrogate keys are."""
    import hashlib

    return hashlib.sha256(f"customer {number}".encode()).hexdigest()


def entity(number: int) -> dict[str, Any]:
    """The entity of a number."""
    return {"customer_key": customer_key(number), "merchant_key": number}


def prepare(root: Path, entities: int) -> None:
    """Write the project and its feature tables: two rows of every entity."""
    import duckdb

    write_spec(root, {"memory_limit": "2GB"})
    config = yaml.safe_load((root / "mlforge.yaml").read_text("utf-8"))
    offline = config["profiles"]["dev"]["offline_store"]
    config["profiles"]["pg"] = {"offline_store": offline, "online_store": {"KIND": "postgres"}}
    (root / "mlforge.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (root / DATABASE).parent.mkdir()
    with duckdb.connect(str(root / DATABASE)) as connection:
        for number, (feature, key) in enumerate(KEYS.items(), start=1):
            value = "sha256('customer ' || i)" if key == "customer_key" else "cast(i as bigint)"
            doubles = ", ".join(
                f"cast(hash(i, {number}, {index}, t) % 1000000 as double) / 100 as {name}"
                for index, name in enumerate(DOUBLES)
            )
            counts = ", ".join(
                f"cast(hash(i, {number}, {index}, t) % 50 as bigint) as {name}"
                for index, name in enumerate(COUNTS, start=len(DOUBLES))
            )
            connection.execute(
                f"create table {feature} as select {value} as {key}, t as feature_timestamp, "
                f"{doubles}, {counts} from range({entities}) as numbers (i), "
                f"(values (timestamp '{SINCE}'), (timestamp '{UNTIL}')) as times (t)"
            )


def sync(root: Path) -> None:
    """Load the tables with `mlforge online sync`; print what it took."""
    from mlforge_sql.cli import main as mlforge

    started = time.perf_counter()
    arguments = ["-q", "--project-dir", str(root), "online", "sync", "--profile", "pg"]
    mlforge([*arguments, "--as-of", "2025-01-01"], standalone_mode=False)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mb = peak // (1024 if sys.platform != "darwin" else 1024 * 1024)
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb}))


# --- the contestants -----------------------------------------------------------------------------


def ours(root: Path) -> Lookup:
    """(a) `get_online_features`."""
    import mlforge_sql as mlf

    project = mlf.load_project(root)
    features = list(KEYS)

    def lookup(numbers: list[int]) -> Any:
        if len(numbers) == 1:
            return project.get_online_features(features, entity(numbers[0]), "pg")
        return project.get_online_features(features, [entity(item) for item in numbers], "pg")

    return lookup


def bare(_root: Path) -> Lookup:
    """(b) What one writes by hand for one entity and feature."""
    import psycopg

    since = datetime.fromisoformat(SINCE)
    query = (
        f"select {', '.join(VALUES)} from mlforge_online.customer_spend "
        "where customer_key = $1 and feature_timestamp = $2"
    )
    local = threading.local()

    def lookup(numbers: list[int]) -> Any:
        if not hasattr(local, "cursor"):
            local.cursor = psycopg.RawCursor(psycopg.connect(os.environ[DSN], autocommit=True))
        key = customer_key(numbers[0])
        local.cursor.execute(query, (key, since), prepare=True, binary=True)
        return local.cursor.fetchone()

    return lookup


CONTESTANTS: dict[str, Callable[[Path], Lookup]] = {"a": ours, "b": bare}


@dataclass(frozen=True)
class Timing:
    """Lookups of one size.

    Attributes:
        p50: Median, in microseconds.
        p99: The slowest hundredth, in microseconds.
        alone: Lookups a second of one client.
        together: Lookups a second of all clients.
    """

    p50: float
    p99: float
    alone: float
    together: float


def measure(lookup: Lookup, entities: int, seed: int, sizes: dict[int, int]) -> dict[int, Any]:
    """Time lookups of every size: alone, and by several clients at once."""
    chance = random.Random(seed)
    found: dict[int, Any] = {}
    for size, count in sizes.items():
        batches = [[chance.randrange(entities) for _ in range(size)] for _ in range(count)]
        for batch in batches[: count // 10]:
            lookup(batch)
        times: list[float] = []
        for batch in batches:
            started = time.perf_counter()
            lookup(batch)
            times.append(time.perf_counter() - started)
        cuts = statistics.quantiles(times, n=100)
        together = _together(lookup, batches)
        found[size] = [cuts[49] * 1e6, cuts[98] * 1e6, count / sum(times), together]
    return found


def _together(lookup: Lookup, batches: list[list[int]]) -> float:
    """Lookups a second of several clients; every one has connected before the clock starts."""
    ready, go = threading.Barrier(CLIENTS + 1), threading.Event()

    def client(number: int) -> None:
        lookup(batches[number])
        ready.wait()
        go.wait()
        for batch in batches[number::CLIENTS]:
            lookup(batch)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for item in clients:
        item.start()
    ready.wait()
    started = time.perf_counter()
    go.set()
    for item in clients:
        item.join()
    return len(batches) / (time.perf_counter() - started)


def values_of(lookup: Lookup, numbers: list[int]) -> list[list[Any]]:
    """The values that a contestant finds, in the order of `VALUES`, for comparison."""
    rows = lookup(numbers)
    return [[row[f"{feature}__{name}"] for feature in KEYS for name in VALUES] for row in rows]


# --- Feast, in an environment of its own ---------------------------------------------------------


def feast(step: str, root: Path, entities: int, seed: int, dsn: str) -> Any:
    """Run a step of `feast_online.py`.

    Raises:
        FeastError: It failed.
    """
    command = [str(FEAST_PYTHON), str(FOLDER / "feast_online.py"), step, str(root)]
    done = subprocess.run(
        [*command, str(entities), str(seed)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, DSN: dsn},
    )
    if done.returncode != 0:
        raise FeastError(f"Feast failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def export(root: Path, entities: int) -> None:
    """Write the values that hold now as parquet, for Feast."""
    import duckdb

    with duckdb.connect(str(root / DATABASE), read_only=True) as connection:
        for feature in KEYS:
            connection.execute(
                f"copy (select * from {feature} where feature_timestamp = '{SINCE}' "
                f"limit {entities}) to '{root / feature}.parquet' (format parquet)"
            )


# --- the run -------------------------------------------------------------------------------------


@contextmanager
def server() -> Iterator[Any]:
    """A Postgres server with room for the tables in memory."""
    from postgres_server import start_postgres

    settings = {"shared_buffers": "1GB", "max_wal_size": "4GB", "maintenance_work_mem": "256MB"}
    with start_postgres(settings) as running:
        yield running


def report(runs: dict[str, list[dict[str, Any]]]) -> None:
    """Print the medians of the rounds, and how they compare with (a)."""
    print(f"{'':30}{'microseconds':>18}{'/(a)':>12}{'lookups a second':>24}")
    print(f"{'':30}{'p50':>9}{'p99':>9}{'p50':>6}{'p99':>6}{'1 client':>10}{CLIENTS:>6} clients")
    for size in SIZES:
        print(f"{size} {'entities' if size > 1 else 'entity'} x 3 features")
        ours = _timing(runs["a"], size)
        for letter, found in runs.items():
            if str(size) in found[0]:
                item = _timing(found, size)
                print(
                    f"  ({letter}) {TITLES[letter]:24}{item.p50:>9,.0f}{item.p99:>9,.0f}"
                    f"{item.p50 / ours.p50:>6.1f}{item.p99 / ours.p99:>6.1f}"
                    f"{item.alone:>10,.0f}{item.together:>14,.0f}"
                )
    ours, base = _timing(runs["a"], 1), _timing(runs["b"], 1)
    print(f"\nA lookup of one entity takes {ours.p50 / base.p50:.1f} times the bare select", end="")
    print(f" at the median, {ours.p99 / base.p99:.1f} times at p99.")


def _timing(found: list[dict[str, Any]], size: int) -> Timing:
    columns = zip(*(run[str(size)] for run in found), strict=True)
    return Timing(*(statistics.median(column) for column in columns))


@dataclass(frozen=True)
class Plan:
    """What to run.

    Attributes:
        entities: Entities in the store.
        feast: Entities that Feast has; 0 to leave it out.
        rounds: How often each contestant is timed.
    """

    entities: int
    feast: int
    rounds: int


def run(plan: Plan, root: Path, dsn: str) -> dict[str, list[dict[str, Any]]]:
    """Load everything, compare what is found, and time it; what each contestant took.

    Raises:
        FeastError: Feast does not work.
    """
    size = f"--entities={plan.entities}"
    in_process("prepare", root, size, script=__file__)
    loaded = json.loads(in_process("sync", root, script=__file__))
    rows = 2 * len(KEYS) * plan.entities
    print(f"Loaded {rows:,} rows of {plan.entities:,} entities x {len(KEYS)} features", end="")
    print(f" in {loaded['seconds']:.0f} s, peak {loaded['peak_mb']:,} MB\n", flush=True)
    runs: dict[str, list[dict[str, Any]]] = {"a": [], "b": []}
    if plan.feast:
        in_process("export", root, f"--entities={plan.feast}", script=__file__)
        feast("load", root, plan.feast, 0, dsn)
        runs["c"] = []
    check(root, runs, plan.feast or plan.entities, dsn)
    for turn in range(plan.rounds):
        for letter, found in runs.items():
            if letter == "c":
                found.append(feast("measure", root, plan.feast, turn, dsn))
            else:
                options = (size, f"--seed={turn}")
                found.append(json.loads(in_process(letter, root, *options, script=__file__)))
    return runs


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--entities", type=click.IntRange(1000), default=1_000_000)
@click.option("--feast", "feast_entities", type=int, default=100_000, help="0 leaves Feast out.")
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--step", hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), hidden=True)
@click.option("--seed", default=0, hidden=True)
def main(entities: int, feast_entities: int, rounds: int, **step: Any) -> None:
    """Time lookups of current values, side by side."""
    if step["step"]:
        run_step(step["step"], step["folder"], entities, step["seed"])
        return
    plan, problem = Plan(entities, min(feast_entities, entities), rounds), None
    try:
        if plan.feast:
            install_feast()
    except FeastError as error:
        plan, problem = Plan(entities, 0, rounds), error
    with tempfile.TemporaryDirectory(prefix="mlforge-online-") as name, server() as running:
        os.environ[DSN] = running.dsn()
        runs = run(plan, Path(name), running.dsn())
    print(f"Lookups, medians of {rounds} rounds. All contestants find the same values.\n")
    report(runs)
    if plan.feast:
        print(f"Feast has {plan.feast:,} entities in its tables.")
    print("Client and server share the machine. Other work on it moves p99 most.")
    if problem:
        click.secho(f"\nFEAST IS MISSING ABOVE. {problem}", fg="red", err=True)


def run_step(step: str, root: Path, entities: int, seed: int) -> None:
    """Do one step in this process; print what it found as JSON."""
    if step == "prepare":
        prepare(root, entities)
    elif step == "sync":
        sync(root)
    elif step == "export":
        export(root, entities)
    elif step == "values":
        print(json.dumps(values_of(ours(root), sampled(entities))))
    else:
        sizes = SIZES if step == "a" else {1: SIZES[1]}
        print(json.dumps(measure(CONTESTANTS[step](root), entities, seed, sizes)))


def sampled(entities: int) -> list[int]:
    """The entities whose values are compared."""
    return random.Random(7).sample(range(entities), SAMPLE)


def check(root: Path, runs: dict[str, Any], entities: int, dsn: str) -> None:
    """Compare what (a) finds with the feature tables, and with what Feast finds."""
    import duckdb

    found = json.loads(in_process("values", root, f"--entities={entities}", script=__file__))
    names = ", ".join(f"{feature}.{name}" for feature in KEYS for name in VALUES)
    joins = " ".join(
        f"join {feature} on {feature}.{key} = {'key' if key == 'customer_key' else 'number'} "
        f"and {feature}.feature_timestamp = '{SINCE}'"
        for feature, key in KEYS.items()
    )
    with duckdb.connect(str(root / DATABASE), read_only=True) as connection:
        connection.execute("create temp table wanted (number bigint, key varchar, place bigint)")
        connection.executemany(
            "insert into wanted values (?, ?, ?)",
            [(item, customer_key(item), place) for place, item in enumerate(sampled(entities))],
        )
        rows = connection.execute(f"select {names} from wanted {joins} order by place").fetchall()
    if found != [list(row) for row in rows] or len(rows) != SAMPLE:
        raise click.ClickException("(a) does not find what the feature tables hold")
    if "c" in runs and feast("values", root, entities, 0, dsn) != found:
        raise click.ClickException("(a) and (c) do not find the same values")


if __name__ == "__main__":
    main()
