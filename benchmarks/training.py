"""Time the join of a training set against the ways it is usually done, side by side.

    python benchmarks/training.py
    python benchmarks/training.py --labels 100000 --rows 800000 --rounds 1 --skip feast

Labels get the values that three features, 15 columns, had at their time. Each run is a process of its
own, and the contestants take turns. What is timed is the join, to a result in the contestant's own
form: DuckDB reads the tables of a database file, and writes a table to another; pandas and Polars
have frames in memory, and make one; Feast has the labels in memory, reads the features' parquet files,
as its file sources do, and makes an Arrow table. No result is put in order. All rows of all results
are compared before any time is printed. Times are printed, never judged.

Feast gets an environment of its own, `benchmarks/.venv-feast`, which is made when it is not there.
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
from pathlib import Path
from typing import Any

import click
from histories import (
    COUNTS,
    KEYS,
    VALUES,
    create_features,
    label_names,
    value_names,
    write_labels,
    write_spec,
)
from run import Measured, in_process

FOLDER = Path(__file__).parent
FEAST = "feast[duckdb,postgres]==0.67.0"
FEAST_PYTHON = FOLDER / ".venv-feast" / "bin" / "python"
FEAST_SECONDS = 300
STORE = "store.duckdb"
COMPILED = "compiled.sql"


# --- the contestants -----------------------------------------------------------------------------


def connected(root: Path) -> Any:
    """A connection to a new database file, and to the one with the tables."""
    import duckdb

    (root / "result.duckdb").unlink(missing_ok=True)
    connection = duckdb.connect(str(root / "result.duckdb"))
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(f"attach '{root / STORE}' as store (read_only)")
    return connection


def compiled_sql(root: Path) -> tuple[Any, str]:
    """(a) The model of the training set, as compiled."""
    return connected(root), (root / COMPILED).read_text(encoding="utf-8")


def raw_sql(root: Path) -> tuple[Any, str]:
    """(b) What one writes by hand."""
    values = ", ".join(
        f"coalesce({feature}.{name}, 0) as {feature}__{name}"
        if name in COUNTS
        else f"{feature}.{name} as {feature}__{name}"
        for feature in KEYS
        for name in VALUES
    )
    joins = " ".join(
        f"asof left join store.{feature} on labels.{key} = {feature}.{key}"
        f" and labels.label_time >= {feature}.feature_timestamp"
        for feature, key in KEYS.items()
    )
    return connected(root), f"select {label_names()}, {values} from store.labels {joins}"


def create_table(loaded: tuple[Any, str]) -> Any:
    """Write the rows to a table, and to the disk."""
    connection, query = loaded
    connection.execute(f"create table training as {query}")
    connection.execute("checkpoint")
    return connection


def write_table(connection: Any, file: Path) -> None:
    """Write a table's rows for the comparison."""
    connection.execute(f"copy training to '{file}' (format parquet)")


def frames(root: Path, read: Callable[[Path], Any]) -> dict[str, Any]:
    """The labels, and the features with the names that their columns get."""
    return {name: read(root / f"{name}.parquet") for name in ("labels", *KEYS)}


def pandas_frames(root: Path) -> dict[str, Any]:
    """(c) Frames in memory."""
    import pandas as pd

    found = frames(root, pd.read_parquet)
    for feature in KEYS:
        found[feature] = found[feature].rename(columns=_renamed(feature))
    return found


def pandas_join(found: dict[str, Any]) -> Any:
    """(c) `merge_asof` wants both sides in order of time."""
    import pandas as pd

    joined = found["labels"].sort_values("label_time")
    for feature, key in KEYS.items():
        joined = pd.merge_asof(
            joined,
            found[feature].sort_values("feature_timestamp"),
            left_on="label_time",
            right_on="feature_timestamp",
            by=key,
        ).drop(columns="feature_timestamp")
    counts = [f"{feature}__{name}" for feature in KEYS for name in COUNTS]
    return joined.assign(**{name: joined[name].fillna(0).astype("int64") for name in counts})


def pandas_write(joined: Any, file: Path) -> None:
    """Write the rows for the comparison."""
    joined.to_parquet(file, index=False)


def polars_frames(root: Path) -> dict[str, Any]:
    """(d) Frames in memory."""
    import polars as pl

    found = frames(root, pl.read_parquet)
    for feature in KEYS:
        found[feature] = found[feature].rename(_renamed(feature))
    return found


def polars_join(found: dict[str, Any]) -> Any:
    """(d) `join_asof` wants both sides in order of time within a key, as the features are stored."""
    import polars as pl

    joined = found["labels"].sort("label_time")
    for feature, key in KEYS.items():
        joined = joined.join_asof(
            found[feature],
            left_on="label_time",
            right_on="feature_timestamp",
            by=key,
            check_sortedness=False,
        ).drop("feature_timestamp")
    counts = [f"{feature}__{name}" for feature in KEYS for name in COUNTS]
    return joined.with_columns(pl.col(counts).fill_null(0))


def polars_write(joined: Any, file: Path) -> None:
    """Write the rows for the comparison."""
    joined.write_parquet(file)


def _renamed(feature: str) -> dict[str, str]:
    return {name: f"{feature}__{name}" for name in VALUES}


@dataclass(frozen=True)
class Contestant:
    """A way to join: what it has before the clock starts, what is timed, and its rows."""

    letter: str
    title: str
    module: str
    load: Callable[[Path], Any]
    join: Callable[[Any], Any]
    write: Callable[[Any, Path], None]


CONTESTANTS = {
    "a": Contestant(
        "a", "ours: training_set, as compiled", "duckdb", compiled_sql, create_table, write_table
    ),
    "b": Contestant(
        "b", "DuckDB, ASOF joins by hand", "duckdb", raw_sql, create_table, write_table
    ),
    "c": Contestant("c", "pandas, merge_asof", "pandas", pandas_frames, pandas_join, pandas_write),
    "d": Contestant("d", "Polars, join_asof", "polars", polars_frames, polars_join, polars_write),
}
TITLES = {letter: item.title for letter, item in CONTESTANTS.items()} | {
    "e": "Feast 0.67, DuckDB offline store"
}
NAMES = {"ours": "a", "raw": "b", "pandas": "c", "polars": "d", "feast": "e"}


def measure(letter: str, root: Path) -> None:
    """Run a contestant in this process and print what it took."""
    contestant = CONTESTANTS[letter]
    importlib.import_module(contestant.module)
    loaded = contestant.load(root)
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    joined = contestant.join(loaded)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak_mb = after.ru_maxrss // (1024 if sys.platform != "darwin" else 1024 * 1024)
    contestant.write(joined, root / f"{letter}.parquet")
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mb": peak_mb}))


# --- Feast, in an environment of its own ---------------------------------------------------------


class FeastError(Exception):
    """Feast could not be installed, or did not finish."""


def install_feast() -> None:
    """Make Feast's environment, when it is not there."""
    if FEAST_PYTHON.exists():
        imports = [str(FEAST_PYTHON), "-c", "import duckdb, feast, ibis, psycopg, psycopg_pool"]
        if subprocess.run(imports, capture_output=True, check=False).returncode == 0:
            return
    click.echo(f"installing {FEAST} into {FEAST_PYTHON.parents[1]} ...", err=True)
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    constraints = ["--constraint", str(FOLDER / "feast-constraints.txt")]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(FEAST_PYTHON.parents[1])],
        [str(FEAST_PYTHON), *pip, *constraints, FEAST],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise FeastError(f"Feast could not be installed:\n{done.stderr[-2000:]}")


def run_feast(root: Path, labels: int) -> Measured:
    """Run Feast for the first labels.

    Raises:
        FeastError: It failed.
        subprocess.TimeoutExpired: It took too long.
    """
    command = [str(FEAST_PYTHON), str(FOLDER / "feast_training.py"), str(root), str(labels)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=FEAST_SECONDS
    )
    if done.returncode != 0:
        raise FeastError(f"Feast failed:\n{done.stderr[-2000:]}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def feast_within_limits(root: Path, labels: int) -> tuple[Measured, int]:
    """Run Feast for all labels, or for a tenth of them while that takes too long.

    Raises:
        FeastError: It failed, or is too slow for any number of labels.
    """
    count = labels
    while count:
        try:
            return run_feast(root, count), count
        except subprocess.TimeoutExpired:
            click.echo(f"Feast: {count:,} labels took more than {FEAST_SECONDS} s", err=True)
            count //= 10
    raise FeastError("Feast did not finish for any number of labels")


# --- running and checking ------------------------------------------------------------------------


def prepare(root: Path, labels: int, rows: int) -> None:
    """Write the project, a database file with the tables, and the same rows as parquet files."""
    import duckdb

    from mlforge_sql.dbt.macros import Macros
    from mlforge_sql.workflows.compile import compile_project

    write_spec(root, {})
    files = compile_project(root).files
    macros = Macros(files, "duckdb", lambda name: f'"store"."main"."{name}"')  # dbt's `ref`
    model = next(text for path, text in files.items() if path.name == "fraud_training.sql")
    (root / COMPILED).write_text(macros.render(model), encoding="utf-8")
    with duckdb.connect(str(root / STORE)) as connection:
        create_features(connection, rows)
        write_labels(connection, root / "labels.parquet", labels=labels, rows=rows)
        connection.execute(f"create table labels as from '{root / 'labels.parquet'}'")
        for feature in KEYS:
            connection.execute(f"copy {feature} to '{root / feature}.parquet' (format parquet)")


def check(root: Path, letters: str) -> None:
    """Compare every row of every result with the row of ours, exactly."""
    import duckdb

    names = ["customer_key", "merchant_key", "is_fraud", "amount", *value_names()]
    differs = " or ".join(f"a.{name} is distinct from other.{name}" for name in names)
    counts = {}
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for letter in letters:
            connection.execute(f"create view {letter} as from '{root / letter}.parquet'")
            counts[letter] = _one(connection, f"select count(*) from {letter}")
        labels = _one(connection, f"select count(*) from '{root / 'labels.parquet'}'")
        _refuse(labels - counts["a"], "labels are not in (a)")
        held = _one(connection, "select count(customer_spend__amount_mean_30d) from a")
        _refuse(int(held == 0), "result is empty: (a) has no value at all")
        for other in letters[1:]:
            joined = f"a join {other} as other using (transaction_id)"
            same = _one(connection, f"select count(*) from {joined}")
            _refuse(counts[other] - same, f"rows of ({other}) are not in (a), or are there twice")
            if other != "e":
                _refuse(labels - same, f"labels are not in ({other})")
            moment = "epoch_us(a.label_time) <> epoch_us(other.label_time)"
            wrong = _one(connection, f"select count(*) from {joined} where {moment} or {differs}")
            _refuse(wrong, f"rows of (a) and ({other}) differ")
    print(json.dumps(counts))


def _one(connection: Any, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _refuse(wrong: int, what: str) -> None:
    if wrong:
        raise click.ClickException(f"{wrong:,} {what}")


def report(runs: dict[str, list[Measured]], counts: dict[str, int]) -> None:
    """Print the medians side by side."""
    print(f"{'':38}{'seconds':>13}{'':>7}{'CPU':>7}{'peak':>8}")
    print(f"{'':38}{'median':>7}{'best':>6}{'/(a)':>7}{'s':>7}{'MB':>8}")
    ours = _median(runs["a"], "seconds") / counts["a"]
    for letter, found in runs.items():
        seconds = _median(found, "seconds")
        print(
            f"({letter}) {TITLES[letter]:34}{seconds:>7.2f}"
            f"{min(run.seconds for run in found):>6.2f}{seconds / counts[letter] / ours:>7.2f}"
            f"{_median(found, 'cpu'):>7.2f}{max(run.peak_mb for run in found):>8,}"
        )
    if "e" in runs:
        rate = _median(runs["e"], "seconds") / counts["e"] * 1e6
        if counts["e"] < counts["a"]:
            print(
                f"\n(e) joined only {counts['e']:,} labels, and its /(a) is for each label:", end=""
            )
            print(f"\n{rate:.1f} microseconds a label, and {ours * 1e6:.2f} of (a).")


def _median(found: list[Measured], name: str) -> float:
    return float(statistics.median(getattr(run, name) for run in found))


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--labels", type=click.IntRange(1), default=1_000_000)
@click.option("--rows", type=click.IntRange(8), default=8_000_000, help="Of all three features.")
@click.option("--rounds", type=click.IntRange(1), default=3)
@click.option("--skip", multiple=True, type=click.Choice(list(NAMES)[1:]), show_default=False)
@click.option("--step", hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), hidden=True)
def main(
    labels: int,
    rows: int,
    rounds: int,
    skip: tuple[str, ...],
    step: str | None,
    folder: Path | None,
) -> None:
    """Time the join of a training set against the ways it is usually done."""
    if step and folder:
        if step == "prepare":
            prepare(folder, labels, rows)
        elif step.startswith("check-"):
            check(folder, step.removeprefix("check-"))
        else:
            measure(step, folder)
        return
    letters = [letter for name, letter in NAMES.items() if name not in skip]
    problem = None
    with tempfile.TemporaryDirectory(prefix="mlforge-training-") as name:
        root = Path(name)
        in_process("prepare", root, f"--labels={labels}", f"--rows={rows}", script=__file__)
        if "e" in letters:
            try:
                install_feast()
            except FeastError as error:
                problem, letters = error, letters[:-1]
        runs, counts, failed = take_turns(root, letters, labels, rounds)
    print(f"Training set: {labels:,} labels, {rows:,} rows of 3 features, median of {rounds}")
    print("All rows of all results agree.\n")
    report(runs, counts)
    print("\nTimed is the join. DuckDB reads tables of a database file and writes a table to")
    print("another; pandas and Polars start from frames in memory. Feast starts from labels")
    print("in memory and reads the features' files. Peaks are those of the whole process.")
    print("Other work on the machine moves seconds by tens of percent, CPU seconds less.")
    for error in filter(None, (problem, failed)):
        click.secho(f"\nFEAST IS MISSING ABOVE. {error}", fg="red", err=True)


def take_turns(
    root: Path, letters: list[str], labels: int, rounds: int
) -> tuple[dict[str, list[Measured]], dict[str, int], FeastError | None]:
    """Run everyone in turn; compare the results of the first round.

    Returns:
        What each took, the labels that each joined, and why Feast is not among them.
    """
    runs: dict[str, list[Measured]] = {letter: [] for letter in letters}
    counts: dict[str, int] = {}
    failed, feast_labels = None, labels
    for _ in range(rounds):
        for letter in list(runs):
            if letter != "e":
                printed = in_process(letter, root, script=__file__)
                runs[letter].append(Measured(**json.loads(printed)))
                continue
            try:
                measured, feast_labels = feast_within_limits(root, feast_labels)
                runs[letter].append(measured)
            except FeastError as error:
                failed = error
                del runs[letter]
        step = f"check-{''.join(runs)}"
        counts = counts or json.loads(in_process(step, root, script=__file__))
    return runs, counts, failed


if __name__ == "__main__":
    main()
