"""``mlforge training-data``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mlforge_sql.cli._options import Settings, pass_settings, profile_option, split
from mlforge_sql.cli._progress import step
from mlforge_sql.cli._render import print_json, print_table, say

if TYPE_CHECKING:
    from mlforge_sql.retrieval.export import Summary
    from mlforge_sql.retrieval.training import TrainingData


@click.command("training-data")
@click.argument("labels")
@click.option(
    "--features",
    "names",
    multiple=True,
    callback=split,
    metavar="NAME[:COLUMN][,...]",
    help="Features, all their columns or one. Required; can be repeated.",
)
@click.option(
    "--timestamp",
    metavar="COLUMN",
    help="Column with the label's time. Without it: the values as of now.",
)
@click.option(
    "--timestamp-format",
    metavar="STRFTIME",
    help="How the time is written, when it is text other than ISO 8601.",
)
@click.option(
    "--timestamp-unit",
    type=click.Choice(["s", "ms", "us", "ns", "d"]),
    help="What the time counts since 1970 in UTC, when it is an integer.",
)
@click.option(
    "--timezone",
    metavar="ZONE",
    help="Zone of local times, such as Europe/Berlin; UTC without it.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write: .parquet, .csv or .json. Without it: CSV on stdout.",
)
@profile_option
@click.option(
    "--dry-run", is_flag=True, help="Write nothing; list the columns that would be added."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON; needs --out.")
@pass_settings
def training_data(  # noqa: PLR0913, PLR0917 - click gives an argument to each option
    settings: Settings,
    labels: str,
    names: tuple[str, ...],
    timestamp: str | None,
    timestamp_format: str | None,
    timestamp_unit: str | None,
    timezone: str | None,
    out: Path | None,
    profile: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Join features to LABELS, each as of the label's own time.

    LABELS is a parquet, csv or json file, the name of a table of the profile's
    store or, on Databricks, a query: "select ...". It has the join keys, or
    the columns they are computed from. --features takes names and
    `feature:column`. Every label is kept, in the order of the file; feature
    columns are called <feature>__<column>.

    \b
    mlforge training-data labels.parquet --timestamp label_time \\
        --features customer_spend,merchant_spend:amount_sum_7d --out train.parquet
    """  # noqa: D301 - click's mark for a paragraph that is not filled
    from mlforge_sql.api.project import load
    from mlforge_sql.retrieval.export import write_training_data
    from mlforge_sql.retrieval.label_times import label_timestamp

    if not names:
        raise click.UsageError("name at least one feature, such as --features customer_spend")
    if as_json and out is None:
        raise click.UsageError("--json needs --out: the rows themselves go to stdout")
    said = {"format": timestamp_format, "unit": timestamp_unit, "timezone": timezone}
    options = ("--timestamp-format", "--timestamp-unit", "--timezone")
    for option, value in zip(options, said.values(), strict=True):
        if value is not None and timestamp is None:
            raise click.UsageError(f"{option} needs --timestamp")
    started = time.perf_counter()
    column = label_timestamp(timestamp, **said)
    data = load(settings.root).training_data(names, labels, column, profile)
    if data.local_sources and not settings.quiet:
        zones = ", ".join(
            f"source `{name}` is in {zone}" for name, zone in data.local_sources.items()
        )
        say(f"note: label times without an offset are read as UTC; {zones}: --timezone?")
    if dry_run:
        _show_columns(data, out, settings, as_json=as_json)
        return
    features = {feature for feature, _ in data.names.values()}
    many = f"{len(features)} feature{'s' if len(features) != 1 else ''}"
    mixed = out is None and sys.stdout.isatty()  # rows and progress on one terminal
    with step(f"joining {many} to {labels}", quiet=settings.quiet or as_json or mixed):
        summary = write_training_data(data, out, sys.stdout.buffer)
    seconds = time.perf_counter() - started
    if as_json:
        print_json(_as_json(summary, out, seconds))
    if not settings.quiet:
        _show(summary, out, timestamp, seconds)


def _show_columns(
    data: TrainingData, out: Path | None, settings: Settings, *, as_json: bool
) -> None:
    """Say what would be added to the labels, once all has been checked."""
    data.close()
    rows = [(name, feature, column) for name, (feature, column) in data.names.items()]
    if as_json:
        columns = [dict(zip(("name", "feature", "column"), row, strict=True)) for row in rows]
        print_json({"version": 1, "dry_run": True, "out": str(out), "columns": columns})
        return
    print_table(("column", "feature", "its column"), rows)
    if not settings.quiet:
        say(f"nothing was written{f' to {out}' if out else ''}")


def _as_json(summary: Summary, out: Path | None, seconds: float) -> dict[str, Any]:
    features = [
        {
            "feature": item.feature,
            "columns": item.columns,
            "null_share": round(item.share, 6),
            "worst_column": item.worst,
            "worst_null_share": round(item.worst_share, 6),
        }
        for item in summary.features
    ]
    return {
        "version": 1,
        "out": str(out),
        "rows": summary.rows,
        "seconds": round(seconds, 3),
        "features": features,
    }


def _show(summary: Summary, out: Path | None, timestamp: str | None, seconds: float) -> None:
    rows = f"{summary.rows:,} row{'s' if summary.rows != 1 else ''}"
    where = f" in {out}" if out else ""
    when = f"as of `{timestamp}`" if timestamp else "as of now"
    say(f"{rows}{where}, features {when}, {seconds:.1f} s")
    if timestamp is None:
        text = "no --timestamp: every row has the values of this moment, not those of its own time"
        say(text, style="yellow")
    longest = max((len(item.feature) for item in summary.features), default=0)
    for item in summary.features:
        columns = f"{item.columns} column{'s' if item.columns != 1 else ''}"
        text = f"  {item.feature:<{longest}}  {columns:<11} {item.share:7.2%} NULL"
        most = f", most in {item.worst} ({item.worst_share:.2%})" if item.columns > 1 else ""
        say(text + (most if item.worst_share else ""))
