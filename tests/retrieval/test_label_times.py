"""Label times in a time zone, in two columns, as integers and at infinity: one answer, however they are given."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from local_times import columns as stored
from purchases import LABELS

import mlforge_sql as mlf
from mlforge_sql.cli import main
from mlforge_sql.errors import RetrievalError

ZONE = "America/Chicago"
FEATURES = ["spend", "shop_spend"]
FORMAT = "%d.%m.%Y %H:%M:%S.%f"


@pytest.fixture(scope="session")
def project(root: Path) -> Any:
    return mlf.load_project(root)


@pytest.fixture(scope="session")
def expected(project: Any) -> list[tuple[Any, ...]]:
    """The values at the labels' times in UTC."""
    return values(project.get_training_data(FEATURES, pa.Table.from_pylist(LABELS), "taken"))


def values(table: pa.Table) -> list[tuple[Any, ...]]:
    names = [name for name in table.column_names if "__" in name]
    return [tuple(row.values()) for row in table.select(names).to_pylist()]


@pytest.fixture(scope="session")
def local() -> pa.Table:
    """The labels with what clocks in the zone showed, in all ways to store it."""
    return pa.Table.from_pylist([{**item, **local_columns(item["taken"])} for item in LABELS])


def local_columns(instant: datetime) -> dict[str, Any]:
    shown = instant.replace(tzinfo=UTC).astimezone(ZoneInfo(ZONE)).replace(tzinfo=None)
    epoch = instant - datetime(1970, 1, 1)
    return {
        **stored(shown),
        "at_iso": shown.isoformat(sep=" "),
        "at_offset": f"{instant.isoformat()}Z",
        "at_us": epoch.days * 86_400_000_000 + epoch.seconds * 1_000_000 + epoch.microseconds,
    }


WAYS = {
    "timestamp": mlf.Timestamp("at"),
    "format": mlf.Timestamp("at_text", format=FORMAT),
    "iso": mlf.Timestamp("at_iso"),
    "offset": mlf.Timestamp("at_offset"),
    "date_and_time": mlf.Timestamp(date="day", time="clock"),
    "two_texts": mlf.Timestamp(date="day_text", time="clock_text", format=FORMAT),
    "date_and_text": mlf.Timestamp(date="day", time="clock_text"),
}


@pytest.mark.parametrize("way", WAYS)
def test_local_times_of_a_frame(project: Any, local: pa.Table, expected: Any, way: str) -> None:
    found = project.get_training_data(FEATURES, local, WAYS[way], timezone=ZONE)
    assert found.select(local.column_names) == local
    assert values(found) == expected


@pytest.mark.parametrize("ending", ["parquet", "csv", "json"])
@pytest.mark.parametrize("way", WAYS)
def test_local_times_of_a_file(
    project: Any, local: pa.Table, expected: Any, way: str, ending: str, tmp_path: Path
) -> None:
    file = tmp_path / f"labels.{ending}"
    with duckdb.connect() as connection:
        connection.register("labels", local)
        connection.execute(f"copy (from labels) to '{file}'")
    assert values(project.get_training_data(FEATURES, file, WAYS[way], timezone=ZONE)) == expected


def test_a_group_of_features_has_a_time_zone_too(
    root: Path, local: pa.Table, expected: Any
) -> None:
    group = mlf.Definitions(name="group", project_dir=root)
    assert values(group.get_training_data(FEATURES, local, "at", timezone=ZONE)) == expected


@pytest.mark.parametrize(
    "options",
    [
        ("at", "--timezone", ZONE),
        ("at_text", "--timezone", ZONE, "--timestamp-format", FORMAT),
        ("at_us", "--timestamp-unit", "us"),
    ],
)
def test_the_command(
    root: Path, local: pa.Table, expected: Any, options: tuple[str, ...], tmp_path: Path
) -> None:
    file, out = tmp_path / "labels.parquet", tmp_path / "train.parquet"
    with duckdb.connect() as connection:
        connection.register("labels", local)
        connection.execute(f"copy (from labels) to '{file}'")
    start = ["--project-dir", str(root), "training-data", str(file), "--out", str(out)]
    listed = [*start, "--features", ",".join(FEATURES), "--timestamp", *options]
    result = CliRunner().invoke(main, listed)
    assert result.exit_code == 0, result.stderr
    with duckdb.connect() as connection:
        assert values(connection.sql(f"from '{out}'").to_arrow_table()) == expected


@pytest.mark.parametrize(
    "option", ["--timestamp-unit=s", "--timezone=UTC", "--timestamp-format=%Y"]
)
def test_the_command_needs_the_column(root: Path, option: str) -> None:
    start = ["--project-dir", str(root), "training-data", "labels.csv", "--features", "spend"]
    result = CliRunner().invoke(main, [*start, option])
    assert result.exit_code == 2
    assert f"{option.partition('=')[0]} needs --timestamp" in result.stderr


@pytest.mark.parametrize(
    ("timestamp", "zone", "said"),
    [
        ("at", "CET", "error[MF116]: `CET` is not the IANA name of a time zone; write the zone of a place, such as `Europe/Berlin` or `America/Chicago`, or `UTC`"),
        (None, "UTC", "error[MF115]: `timezone` is for a label time, and none is named; name its column as `timestamp`, or leave it out for the values as of now"),
        (mlf.Timestamp("at_us", unit="us"), ZONE, "error[MF115]: an integer counts from 1970 in UTC, so `timezone` has nothing to say; remove `timezone`"),
        ("zoned", ZONE, "error[MF115]: timestamp column `zoned` is timestamp_tz: its instants are known; remove `timezone`"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(
    project: Any, local: pa.Table, timestamp: Any, zone: str, said: str
) -> None:
    zoned = pa.array([item["taken"].replace(tzinfo=UTC) for item in LABELS])
    labels = local.append_column("zoned", zoned)
    with pytest.raises(RetrievalError) as caught:
        project.get_training_data(FEATURES, labels, timestamp, timezone=zone)
    assert str(caught.value) == said


INFINITE = {
    "timestamp": "timestamp '{}infinity'",
    "timestamptz": "timestamptz '{}infinity'",
    "timestamp_ns": "timestamp_ns '{}infinity'",
    "timestamp_s": "timestamp_s '{}infinity'",
    "date": "date '{}infinity'",
    "text": "'{}infinity'",
}


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("kind", INFINITE)
def test_infinity_is_no_instant(project: Any, kind: str, sign: str, zone: str | None) -> None:
    """The empty values, from a relation as from an Arrow table."""
    if kind == "timestamptz" and zone is not None:
        pytest.skip("its instants are known")
    row = LABELS[0]
    with duckdb.connect() as connection:
        labels = connection.sql(
            f"select '{row['first_name']}' as first_name, date '{row['born']}' as born, "
            f"{row['shop_id']}::bigint as shop_id, {INFINITE[kind].format(sign)} as at"
        )
        found = project.get_training_data(FEATURES, labels, "at", timezone=zone, output="pyarrow")
        arrow = labels.to_arrow_table()
    copied = project.get_training_data(FEATURES, arrow, "at", timezone=zone, output="pyarrow")
    missing = pa.Table.from_pylist([{**row, "at": None}])
    empty = project.get_training_data(FEATURES, missing, "at", output="pyarrow")
    assert values(found) == values(copied) == values(empty)
    assert values(empty)[0][2] == 0


def test_a_null_in_either_column_is_no_time(project: Any, local: pa.Table) -> None:
    times = mlf.Timestamp(date="day", time="clock")
    frame = local.select(["first_name", "born", "shop_id", "day", "clock"]).slice(0, 2).to_pylist()
    frame[0]["day"], frame[1]["clock"] = None, None
    empty = project.get_training_data(
        FEATURES, pd.DataFrame([{**LABELS[0], "taken": None}]), "taken", output="pyarrow"
    )
    rows = [*frame, {**frame[0], "day": None, "clock": None}]
    for part in (rows, rows[:1], rows[1:2], rows[2:]):  # a column may be nothing but NULLs
        found = project.get_training_data(FEATURES, pa.Table.from_pylist(part), times)
        sums = [row[:4] for row in values(found)]
        assert sums == [values(empty)[0][:4]] * len(part)
