"""Write 20M labels with their features to a parquet file, under a 4 GB memory limit.

    python benchmarks/stream.py
    python benchmarks/stream.py --labels 1000000 --rows 8000000 --memory-limit 4GB

What is timed is what a user runs: `mlforge training-data labels.parquet ... --out out.parquet`, over
tables of features that are there already. The file must have every label once, in the labels' own
order, and the values of a sample must be those that a plain lookup finds. It exits with 1 if they are
not; it never judges a time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from histories import (
    COUNTS,
    KEYS,
    LABEL_COLUMNS,
    VALUES,
    create_features,
    write_labels,
    write_spec,
)
from run import in_process

if TYPE_CHECKING:
    import duckdb

MLFORGE = [sys.executable, "-m", "mlforge_sql.cli"]
SAMPLE = 2000
DATABASE = Path("feature_store") / "features.duckdb"


class StreamError(Exception):
    """A command that failed."""


@dataclass(frozen=True)
class Written:
    """What writing the file took."""

    seconds: float
    cpu: float
    peak_mb: int
    size_mb: int


def prepare(root: Path, labels: int, rows: int, memory_limit: str) -> None:
    """Write the project, the tables of the features, and the labels."""
    import duckdb

    write_spec(root, {"memory_limit": memory_limit})
    (root / DATABASE).parent.mkdir()
    with duckdb.connect(str(root / DATABASE)) as connection:
        create_features(connection, rows)
        write_labels(connection, root / "labels.parquet", labels=labels, rows=rows)


def write(root: Path) -> Written:
    """Run the command, and measure it.

    Raises:
        StreamError: It failed.
    """
    command = [*MLFORGE, "training-data", "labels.parquet", "--features", ",".join(KEYS)]
    command += ["--timestamp", "label_time", "--out", "out.parquet"]
    log = root / "mlforge.log"
    started = time.perf_counter()
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, cwd=root, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        shown = log.read_text(encoding="utf-8")[-4000:]
        raise StreamError(f"exit code {process.returncode}, after {seconds:.0f} s:\n{shown}")
    peak_mb = usage.ru_maxrss // (1024 if sys.platform != "darwin" else 1024 * 1024)
    size_mb = (root / "out.parquet").stat().st_size // 1024**2
    return Written(seconds, usage.ru_utime + usage.ru_stime, peak_mb, size_mb)


def check(root: Path) -> None:
    """Compare the file with the labels, row by row, and a sample of its values with a lookup."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"set memory_limit = '4GB'; set temp_directory = '{root / 'spill'}'")
        connection.execute(f"attach '{root / DATABASE}' as store (read_only)")
        connection.execute(f"create view labels as from '{root / 'labels.parquet'}'")
        connection.execute(f"create view written as from '{root / 'out.parquet'}'")
        labels, rows = (
            _one(connection, f"select count(*) from {name}") for name in ("labels", "written")
        )
        if rows != labels:
            raise click.ClickException(f"{rows:,} rows for {labels:,} labels")
        differs = " or ".join(f"w.{name} is distinct from l.{name}" for name in LABEL_COLUMNS)
        own = ", ".join(LABEL_COLUMNS)
        moved = _one(
            connection,
            f"select count(*) from (select {own} from written) as w"
            f" positional join (select {own} from labels) as l where {differs}",
        )
        _refuse(moved, "rows are not where their labels are")
        held = sum(_check_sample(connection, feature) for feature in KEYS)
    print(json.dumps({"held": held}))


def _check_sample(connection: duckdb.DuckDBPyConnection, feature: str) -> int:
    """Compare a sample with the latest of all rows until then; how many labels have one."""
    key = KEYS[feature]
    found = [
        f"coalesce(max_by(h.{name}, h.feature_timestamp), 0) as {name}"
        if name in COUNTS
        else f"arg_max_null(h.{name}, h.feature_timestamp) as {name}"
        for name in VALUES
    ]
    differs = " or ".join(
        f"sample.{feature}__{name} is distinct from found.{name}" for name in VALUES
    )
    connection.execute(
        f"create or replace temp table sample as from written"
        f" using sample reservoir({SAMPLE} rows) repeatable (1)"
    )
    connection.execute(
        f"create or replace temp table found as select labels.transaction_id,"
        f" count(h.feature_timestamp) as held, {', '.join(found)}"
        f" from sample as labels left join store.{feature} as h on labels.{key} = h.{key}"
        f" and h.feature_timestamp <= labels.label_time group by all"
    )
    joined = "sample join found using (transaction_id)"
    sampled = _one(connection, f"select count(*) from {joined}")
    _refuse(
        _one(connection, "select count(*) from sample") - sampled, "labels of a sample are lost"
    )
    wrong = _one(connection, f"select count(*) from {joined} where {differs}")
    _refuse(wrong, f"rows of a sample have other values of {feature} than a lookup")
    return _one(connection, "select count(*) from found where held > 0")


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _refuse(wrong: int, what: str) -> None:
    if wrong:
        raise click.ClickException(f"{wrong:,} {what}")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--labels", type=click.IntRange(1), default=20_000_000)
@click.option("--rows", type=click.IntRange(8), default=8_000_000, help="Of all three features.")
@click.option("--memory-limit", default="4GB", help="DuckDB's memory_limit.")
@click.option("--step", hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), hidden=True)
def main(labels: int, rows: int, memory_limit: str, step: str | None, folder: Path | None) -> None:
    """Write labels with their features to a parquet file, and print what it took."""
    if step and folder:
        if step == "prepare":
            prepare(folder, labels, rows, memory_limit)
        else:
            check(folder)
        return
    with tempfile.TemporaryDirectory(prefix="mlforge-stream-") as name:
        root = Path(name)
        sizes = (f"--labels={labels}", f"--rows={rows}", f"--memory-limit={memory_limit}")
        in_process("prepare", root, *sizes, script=__file__)
        labels_mb = (root / "labels.parquet").stat().st_size // 1024**2
        try:
            written = write(root)
        except StreamError as error:
            click.echo(f"mlforge training-data failed: {error}", err=True)
            sys.exit(1)
        held = json.loads(in_process("check", root, script=__file__))["held"]
    print(f"mlforge training-data: {labels:,} labels, {rows:,} rows of 3 features,")
    print(f"memory_limit {memory_limit}, to parquet in the labels' order\n")
    print(f"{'seconds':>9}{'CPU s':>8}{'us/label':>10}{'peak MB':>9}{'labels MB':>11}{'out MB':>8}")
    print(
        f"{written.seconds:>9.1f}{written.cpu:>8.1f}{written.seconds / labels * 1e6:>10.2f}"
        f"{written.peak_mb:>9,}{labels_mb:>11,}{written.size_mb:>8,}"
    )
    print("\nEvery row is where its label is. The values of a sample are those that a lookup")
    print(f"finds ({min(labels, SAMPLE) * len(KEYS):,} of them, {held:,} with a row that holds).")
    print("The limit is DuckDB's own; the peak is the whole process, Python with it.")
    print("One run on one machine: other work on it moves these numbers by tens of percent.")


if __name__ == "__main__":
    main()
