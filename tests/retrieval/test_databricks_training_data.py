"""Training data from a SQL warehouse: the same as from DuckDB, value by value and type by type."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import yaml
from click.testing import CliRunner
from purchases import LABEL_SCHEMA, LABELS, ROWS, SCHEMA, SPEC
from two_stores import build_both, config, login
from warehouse import Connection, Warehouse

import mlforge_sql as mlf
from mlforge_sql.cli import main
from mlforge_sql.retrieval.databricks import upload as uploads
from mlforge_sql.stores.databricks.session import Session

PLACE = "retrieval"
FEATURES = ["spend", "shop_spend", "last"]


@pytest.fixture(scope="module")
def connection(shared_warehouse: Warehouse) -> Connection:
    return shared_warehouse.connect("main", "default")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, connection: Connection) -> Path:
    root = tmp_path_factory.mktemp("databricks")
    sources = {"events": (SCHEMA, ROWS), "labels": (LABEL_SCHEMA, LABELS)}
    build_both(root, SPEC, sources, connection, PLACE)
    return root


@pytest.fixture(autouse=True)
def logged_in(shared_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    login(shared_warehouse, monkeypatch)


@pytest.fixture(scope="module")
def project(root: Path) -> Any:
    return mlf.load_project(root)


@pytest.fixture
def labels() -> pd.DataFrame:
    return pd.DataFrame(LABELS)


def both(project: Any, features: Any, labels: Any, time: Any, **more: Any) -> tuple[Any, Any]:
    """The same question to DuckDB and to the warehouse."""
    first, second = (labels() if callable(labels) else labels for _ in range(2))
    return (
        project.get_training_data(features, first, time, "dev", **more),
        project.get_training_data(features, second, time, "databricks", **more),
    )


def check_tables(left: pa.Table, right: pa.Table) -> None:
    assert right.schema.equals(left.schema), (left.schema, right.schema)
    assert right.equals(left)


def refused(call: Any) -> str:
    with pytest.raises(mlf.RetrievalError) as caught:
        call()
    return str(caught.value)


# The same from both


def test_pandas(project: Any, labels: pd.DataFrame) -> None:
    given = labels.assign(
        object=[{"a": 1}, [2], None] * 10,
        category=pd.Categorical(["x", "y"] * 15),
        mlforge_row="mine",
        mlforge_time="mine",
    ).set_index(pd.Index(range(60, 0, -2), name="mine"))
    before = given.copy(deep=True)
    left, right = both(project, FEATURES, given, "taken")
    pd.testing.assert_frame_equal(right, left)
    pd.testing.assert_frame_equal(right[list(given)], before)
    assert str(right["shop_spend__shop_id_sum_2d"].dtype) == "Int64"
    assert right["spend__amount_sum_1d"].notna().any()
    assert right["spend__amount_sum_1d"].isna().any()


def test_local_times(project: Any, labels: pd.DataFrame) -> None:
    """Local labels and those of a query, in a zone, are those of UTC."""
    zone = "America/Chicago"
    shown = labels["taken"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    local = labels.assign(at=shown, text=shown.dt.strftime("%d.%m.%Y %H:%M:%S.%f"))
    text = mlf.Timestamp("text", format="%d.%m.%Y %H:%M:%S.%f")
    expected = project.get_training_data(FEATURES, labels, "taken", "dev")
    names = [name for name in expected if "__" in name]
    for stored in ("at", text):
        left, right = both(project, FEATURES, local, stored, timezone=zone)
        pd.testing.assert_frame_equal(right, left)
        pd.testing.assert_frame_equal(right[names], expected[names])
    rows = ", ".join(
        f"('{row['first_name']}', date '{row['born']}', {row['shop_id']}, timestamp '{at}')"
        for row, at in zip(LABELS, shown, strict=True)
    )
    query = f"select * from values {rows} as labels(first_name, born, shop_id, at)"
    found = project.get_training_data(
        ["shop_spend"], query, "at", "databricks", timezone=zone, output="pandas"
    )
    column = "shop_spend__amount_max_2d"
    assert sorted(found[column].dropna()) == sorted(expected[column].dropna())


@pytest.mark.parametrize("sign", ["", "-"])
def test_an_infinite_time_is_no_instant(project: Any, sign: str) -> None:
    row = LABELS[0]
    with duckdb.connect() as local:
        query = (
            f"select '{row['first_name']}' as first_name, date '{row['born']}' as born, "
            f"{row['shop_id']}::bigint as shop_id, timestamp '{sign}infinity' as at"
        )
        left, right = both(project, FEATURES, lambda: local.sql(query), "at", output="pyarrow")
    names = [name for name in left.column_names if "__" in name]
    assert right.select(names) == left.select(names)
    assert left["spend__amount_count_1d"].to_pylist() == [0]


def test_polars_and_lazy(project: Any, labels: pd.DataFrame) -> None:
    given = pl.from_pandas(labels)
    left, right = both(project, FEATURES, given, "taken")
    assert isinstance(right, pl.DataFrame)
    assert right.schema == left.schema
    assert right.equals(left)
    lazy = project.get_training_data(FEATURES, given.lazy(), "taken", "databricks")
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(left)


def test_pyarrow_and_streams(project: Any, labels: pd.DataFrame) -> None:
    given = pa.Table.from_pandas(labels)
    left, right = both(project, FEATURES, given, "taken")
    check_tables(left, right)
    left, right = both(project, FEATURES, lambda: given.to_reader(max_chunksize=7), "taken")
    assert isinstance(right, pa.RecordBatchReader)
    check_tables(left.read_all(), right.read_all())


def test_other_kinds_on_request(project: Any, labels: pd.DataFrame) -> None:
    given = duckdb.connect().from_df(labels)
    left, right = both(project, FEATURES, given, "taken", output="pyarrow")
    check_tables(left, right)
    left, right = both(project, FEATURES, labels, "taken", output="polars")
    assert right.schema == left.schema
    assert right.equals(left)
    said = refused(lambda: both(project, FEATURES, labels, "taken", output="relation"))
    assert said == (
        "error[MF052]: profile `databricks` is on Databricks, which gives no DuckDB relation; "
        'ask for output="reader" or output="pyarrow": DuckDB reads both'
    )


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_files(project: Any, tmp_path: Path, labels: pd.DataFrame, ending: str) -> None:
    file = tmp_path / f"it's.{ending}"
    wide = labels.assign(note="mine", taken=labels["taken"].where(labels.index != 3))
    duckdb.connect().from_df(wide).query("t", f"""copy t to '{str(file).replace("'", "''")}'""")
    check_tables(*both(project, FEATURES, str(file), "taken"))


def test_times(project: Any) -> None:
    moment = datetime(2024, 1, 5, 12, 0, 0, 1, tzinfo=UTC)
    times = [
        pa.array([moment] * 2, pa.timestamp("us", "Asia/Tokyo")),
        pa.array(["2024-01-05T14:00:00.000001+02:00", None]),
        pa.array([1704456000000001999, 0], pa.timestamp("ns")),
    ]
    for time_of in times:
        given = pa.table({"shop_id": [1, 0], "t": time_of})
        check_tables(*both(project, "shop_spend", given, "t"))
    given = pa.table({"shop_id": [1, None], "t": ["05.01.2024 12", "06.01.2024 00"]})
    check_tables(*both(project, "shop_spend", given, mlf.Timestamp("t", format="%d.%m.%Y %H")))


def test_now(project: Any) -> None:
    given = pl.DataFrame({"shop_id": [0, 7, None], "mlforge_time": [1, 2, 3]})
    left, right = both(project, "shop_spend", given, None)
    assert right.equals(left)
    assert right["shop_spend__amount_max_2d"].to_list() == [-1, -1, -1]
    stored = project.get_training_data("shop_spend", "labels", None, "databricks")
    assert set(stored["shop_spend__amount_max_2d"].to_pylist()) == {-1.0}
    assert stored.column_names[:4] == list(LABEL_SCHEMA)


def test_keys_in_other_types_and_spellings(project: Any) -> None:
    at = datetime(2024, 1, 5)
    far = pa.table({"SHOP_ID": pa.array([1, 2**64 - 1], pa.uint64()), "Taken": [at, at]})
    check_tables(*both(project, "shop_spend", far, "taken"))
    keys = [mlf.surrogate_key("name 0", at.date()), "nobody", None]
    given = pa.table({"user_id": pa.array(keys, pa.string()), "taken": [at] * 3})
    check_tables(*both(project, "spend", given, "taken"))


def test_no_labels(project: Any, labels: pd.DataFrame) -> None:
    for empty in (labels.iloc[:0], pl.from_pandas(labels.iloc[:0])):
        left, right = both(project, FEATURES, empty, "taken")
        assert len(right) == 0
        assert list(right.columns) == list(left.columns)
        assert [str(kind) for kind in right.dtypes] == [str(kind) for kind in left.dtypes]
    check_tables(*both(project, FEATURES, labels.iloc[:0], "taken", output="pyarrow"))
    query = "select * from labels where false"
    stored = project.get_training_data(FEATURES, query, "taken", "databricks")
    assert stored.num_rows == 0
    assert stored.schema.equals(
        project.get_training_data(FEATURES, "int_train__labels", "taken", "dev").schema
    )


# Labels on the warehouse


@pytest.fixture(scope="module")
def expected(project: Any) -> pa.Table:
    """What DuckDB says of the labels, by their time."""
    found = project.get_training_data(FEATURES, pd.DataFrame(LABELS), "taken", "dev", output="pyarrow")  # fmt: skip
    return found.sort_by("taken")


@pytest.mark.parametrize(
    "named",
    [
        f"{PLACE}.labels",
        f"`main`.`{PLACE}`.LABELS",
        "select * from labels;",
        f"-- mine\nwith mine as (select * from main.{PLACE}.labels) select * from mine",
    ],
)
def test_tables_and_queries(project: Any, expected: pa.Table, named: str) -> None:
    found = project.get_training_data(FEATURES, named, "taken", "databricks")
    check_tables(expected, found.sort_by("taken"))


STORED_TIMES = {
    "timestamp_ntz": "cast(taken as timestamp_ntz)",
    "text with an offset": "date_format(taken + interval 2 hours, \"yyyy-MM-dd'T'HH:mm:ss\") || '+02:00'",
    "epoch": "unix_micros(taken)",
    "date": "cast(taken as date)",
    "nothing": "null",
}


@pytest.mark.parametrize("kind", STORED_TIMES)
def test_times_on_the_warehouse(project: Any, kind: str) -> None:
    query = f"select first_name, born, taken, {STORED_TIMES[kind]} as t from labels"
    time_of = mlf.Timestamp("t", unit="us") if kind == "epoch" else "t"
    found = project.get_training_data("spend", query, time_of, "databricks").sort_by("taken")
    given = pd.DataFrame(LABELS).assign(t=lambda frame: frame["taken"])
    if kind == "date":
        given["t"] = given["t"].dt.date
    elif kind == "nothing":
        given["t"] = None
    wanted = project.get_training_data("spend", given, "t", "dev", output="pyarrow")
    names = [name for name in wanted.column_names if name.startswith("spend__")]
    check_tables(wanted.sort_by("taken").select(names), found.select(names))


def test_a_format_on_the_warehouse(project: Any) -> None:
    query = "select shop_id, date_format(taken, 'dd.MM.yyyy HH') as t from labels order by taken"
    given = project.get_training_data("shop_spend", query, mlf.Timestamp("t", format="%d.%m.%Y %H"), "databricks")  # fmt: skip
    wanted = project.get_training_data("shop_spend", given.select(["shop_id", "t"]), mlf.Timestamp("t", format="%d.%m.%Y %H"), "dev")  # fmt: skip
    check_tables(wanted, given)
    odd = mlf.Timestamp("t", format="%d.%m.%Y %I")
    said = refused(lambda: project.get_training_data("shop_spend", query, odd, "databricks"))
    assert said.startswith("error[MF072]: ")


def test_labels_on_the_warehouse_that_do_not_fit(project: Any, connection: Connection) -> None:
    def ask(features: Any, named: str, time_of: str = "taken") -> str:
        return refused(lambda: project.get_training_data(features, named, time_of, "databricks"))

    assert ask("spend", "int_train__label") == (
        f"error[MF063]: there is no file and, in `main.{PLACE}`, no table `int_train__label`; "
        "did you mean `int_train__labels`?; or name a parquet, csv or json file"
    )
    assert ask("spend", "main.nowhere.labels").startswith(
        "error[MF063]: cannot read `main.nowhere.labels`: "
    )
    assert ask("spend", "a.b.c.d") == (
        "error[MF063]: `a.b.c.d` is not the name of a table; write `catalog.schema.table`, each "
        "part in backticks where it has a point"
    )
    said = ask("spend", "select * frm labels")
    assert said.startswith("error[MF063]: the query of the labels cannot run: ")
    assert "Syntax error at or near 'labels'" in said
    assert "select *" not in said
    said = ask("spend", "select 1 as a; drop table labels")
    assert said.startswith("error[MF063]: the query of the labels cannot run: ")
    assert connection.sql(f"select count(*) from main.{PLACE}.labels") == [(30,)]
    assert ask("spend", "labels", "takn") == (
        "error[MF060]: the labels have no column `takn`, their timestamp; did you mean `taken`?"
    )
    assert ask("shop_spend", "select taken, '1' as shop_id from labels") == (
        "error[MF061]: column `shop_id` of the labels is text, the feature's is bigint; "
        "cast it to bigint: keys of different types are never silently converted"
    )
    assert ask("shop_spend", "select *, 1 as shop_spend__amount_max_2d from labels").startswith(
        "error[MF062]"
    )
    said = ask("spend", "select *, 'yesterday' as t from labels", "t")
    assert said.startswith("error[MF063]: ")
    assert said.endswith("`t` must be ISO text, such as 2024-01-31T12:00:00+02:00")


# The same checks


def test_tables_that_are_not_built(
    root: Path, connection: Connection, labels: pd.DataFrame, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    (copy / "features").mkdir(parents=True)
    (copy / "data").symlink_to(root / "data")
    spec = (root / "features" / "spec.yml").read_text()
    (copy / "features" / "spec.yml").write_text(spec)
    (copy / "mlforge.yaml").write_text(yaml.safe_dump(config("half_built")))
    place = "main.half_built"
    connection.sql(f"drop schema if exists {place} cascade")
    connection.sql(f"create schema {place}")
    table = f"main.{PLACE}.spend"
    connection.sql(f"create table {place}.spend as select * except (amount_sum_1d) from {table}")
    connection.sql(f"create table {place}.last as select * from main.{PLACE}.last")
    connection.sql(
        f"create table {place}._mlforge_metadata as select 'last' as feature, 'old' as spec_hash, "
        "current_timestamp() as built_at"
    )
    project = mlf.load_project(copy)
    said = refused(lambda: project.get_training_data(FEATURES, labels, "taken", "databricks"))
    hint = "; run `mlforge build --profile databricks`"
    assert said.splitlines() == [
        "error[MF064]: the table of feature `spend` has no column `amount_sum_1d` yet" + hint,
        "error[MF064]: feature `shop_spend` is not built in profile `databricks`" + hint,
        "error[MF064]: the table of feature `last` was built from an older definition of it" + hint,
    ]


@pytest.mark.parametrize(
    ("change", "time_of"),
    [
        ({"shop_id": "1"}, "taken"),
        ({"taken": 1.5}, "taken"),
        ({}, "takn"),
        ({"SPEND__amount_sum_1d": 1}, "taken"),
        ({"taken": "yesterday"}, "taken"),
        ({"shop_id": [1, "a"] * 15}, "taken"),
    ],
    ids=["key", "time", "no time", "collision", "no text of a time", "mixed types"],
)
def test_local_labels_that_do_not_fit(
    project: Any, labels: pd.DataFrame, change: Mapping[str, Any], time_of: str
) -> None:
    given = labels.assign(**change)
    ask = project.get_training_data
    left, right = (
        refused(lambda name=name: ask(FEATURES, given, time_of, name))
        for name in ("dev", "databricks")
    )
    assert left == right


# What goes to the warehouse, and what stays of it


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Mapping[str, Any]]]:
    """Every statement without a result, and its parameters."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    run = Session.run

    def noted(self: Session, text: str, parameters: Mapping[str, Any] | None = None) -> None:
        found.append((text, parameters or {}))
        run(self, text, parameters)

    monkeypatch.setattr(Session, "run", noted)
    return found


def test_only_keys_and_times_leave_this_machine(
    project: Any, labels: pd.DataFrame, sent: list[tuple[str, Mapping[str, Any]]]
) -> None:
    given = labels.assign(secret="my own")
    project.get_training_data(["spend", "last"], given, "taken", "databricks", output="pandas")
    text = json.dumps(sent)
    assert "my own" not in text
    assert "name 0" not in text, "of a name there is only the key"
    assert str(mlf.surrogate_key("name 0", LABELS[0]["born"])) in text
    created = next(text for text, _ in sent if text.startswith("create"))
    assert "(`mlforge_row` bigint, `user_id` string, `mlforge_time` timestamp)" in created


def leftovers(connection: Connection, place: str = PLACE) -> list[str]:
    found = connection.sql(f"show tables in main.{place} like 'mlforge_labels_*'")
    return [row[1] for row in found]


@pytest.fixture(scope="module")
def scratched(root: Path, connection: Connection, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same project, whose labels go through a schema of their own."""
    copy = tmp_path_factory.mktemp("scratched")
    (copy / "features").symlink_to(root / "features")
    (copy / "data").symlink_to(root / "data")
    settings = config(PLACE, scratch_schema="retrieval_scratch")
    (copy / "mlforge.yaml").write_text(yaml.safe_dump(settings))
    connection.sql("create schema if not exists main.retrieval_scratch")
    return copy


def test_labels_through_a_schema_of_their_own(
    scratched: Path, connection: Connection, labels: pd.DataFrame, expected: pa.Table
) -> None:
    project = mlf.load_project(scratched)
    found = project.get_training_data(FEATURES, labels, "taken", "databricks", output="pyarrow")
    assert found.sort_by("taken").equals(expected)
    assert leftovers(connection, "retrieval_scratch") == []


def test_nothing_is_left_after_a_failure(
    scratched: Path,
    connection: Connection,
    labels: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = mlf.load_project(scratched)
    pages = Session.pages
    seen: list[list[str]] = []

    def broken(self: Session, _text: str) -> Any:
        seen.append(leftovers(connection, "retrieval_scratch"))
        return pages(self, "select raise_error('broken')")

    monkeypatch.setattr(Session, "pages", broken)
    said = refused(lambda: project.get_training_data("spend", labels, "taken", "databricks"))
    assert said.startswith("error[MF096]: the SQL warehouse says: broken")
    assert len(seen[0]) == 1
    assert leftovers(connection, "retrieval_scratch") == []


def test_a_reader_that_is_dropped_or_read_to_its_end(
    scratched: Path, connection: Connection, labels: pd.DataFrame
) -> None:
    project = mlf.load_project(scratched)

    def reader() -> pa.RecordBatchReader:
        found = project.get_training_data("spend", labels, "taken", "databricks", output="reader")
        assert isinstance(found, pa.RecordBatchReader)
        assert len(leftovers(connection, "retrieval_scratch")) == 1
        return found

    assert reader().read_all().num_rows == 30
    assert leftovers(connection, "retrieval_scratch") == []
    reader()
    gc.collect()
    assert leftovers(connection, "retrieval_scratch") == []


KILLED = """
import os, signal, sys
import pandas as pd
import mlforge_sql as mlf
from mlforge_sql.stores.databricks.session import Session
from purchases import LABELS

def killed(self, text):
    os.kill(os.getpid(), signal.SIGKILL)

Session.pages = killed
mlf.load_project(sys.argv[1]).get_training_data("spend", pd.DataFrame(LABELS), "taken", "databricks")
"""


def test_what_a_killed_run_leaves_goes_a_day_later(
    scratched: Path,
    connection: Connection,
    labels: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(scratched)],
        env={**os.environ, "PYTHONPATH": path},
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    left = leftovers(connection, "retrieval_scratch")
    assert len(left) == 1
    project = mlf.load_project(scratched)
    project.get_training_data("spend", labels, "taken", "databricks")
    assert leftovers(connection, "retrieval_scratch") == left, "somebody may be reading it"
    monkeypatch.setattr(uploads, "STALE", timedelta(0))
    project.get_training_data("spend", labels, "taken", "databricks")
    assert leftovers(connection, "retrieval_scratch") == []


def test_a_hundred_thousand_labels(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 100_000
    start = datetime(2024, 1, 1)
    given = pl.DataFrame(
        {
            "first_name": [f"name {number % 4}" for number in range(count)],
            "born": [start.date()] * count,
            "taken": [start + timedelta(seconds=13 * number) for number in range(count)],
        }
    )
    sizes, peaks = [], []
    run, pages = Session.run, Session.pages

    def measured(self: Session, text: str, parameters: Mapping[str, Any] | None = None) -> None:
        sizes.append(sum(len(str(item)) for item in (parameters or {}).values()))
        run(self, text, parameters)

    def noted(self: Session, text: str) -> Any:
        peaks.append(tracemalloc.get_traced_memory()[1])
        return pages(self, text)

    monkeypatch.setattr(Session, "run", measured)
    monkeypatch.setattr(Session, "pages", noted)
    logging.getLogger("databricks.sql.unsafe").setLevel(logging.WARNING)  # pytest keeps all of it
    begun = time.monotonic()
    tracemalloc.start()
    right = project.get_training_data("spend", given, "taken", "databricks")
    tracemalloc.stop()
    seconds = time.monotonic() - begun
    left = project.get_training_data("spend", given, "taken", "dev")
    assert right.equals(left)
    sizes = [size for size in sizes if size]
    assert len(sizes) >= count // uploads.BATCH_ROWS
    assert max(sizes) < 1_100_000
    assert peaks[0] < 25_000_000, "Python holds a batch and its copies, not all of them"
    assert seconds < 300


# On the command line


def command(root: Path, *arguments: str | Path) -> Any:
    listed = ["--project-dir", str(root), "training-data", *map(str, arguments)]
    return CliRunner().invoke(main, listed)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_file_is_the_same(root: Path, tmp_path: Path, ending: str) -> None:
    said = []
    for profile in ("dev", "databricks"):
        out = tmp_path / f"{profile}.{ending}"
        wanted = ("--features", "spend,shop_spend", "--timestamp", "taken", "--profile", profile)
        result = command(root, root / "data" / "labels.parquet", *wanted, "--out", out)
        assert result.exit_code == 0, result.stderr
        assert result.stdout == ""
        said.append([line.split(", features")[-1].split(",")[0] for line in result.stderr.splitlines()])  # fmt: skip
    assert said[0] == said[1]
    left, right = (tmp_path / f"{name}.{ending}" for name in ("dev", "databricks"))
    if ending == "parquet":
        read = duckdb.connect().sql
        check_tables(*(read(f"from '{file}'").to_arrow_table() for file in (left, right)))
    else:
        assert left.read_text() == right.read_text()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_table_to_stdout_and_no_file_after_a_failure(root: Path, tmp_path: Path) -> None:
    wanted = ("--features", "shop_spend:amount_max_2d", "--timestamp", "taken")
    query = "select shop_id, taken from labels where taken < '2024-01-02'"
    result = command(root, query, *wanted, "--profile", "databricks")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0] == "shop_id,taken,shop_spend__amount_max_2d"
    assert len(result.stdout.splitlines()) == 4
    out = tmp_path / "out.parquet"
    broken = f"{query} and raise_error('broken') is null"
    result = command(root, broken, *wanted, "--profile", "databricks", "--out", out)
    assert result.exit_code == 1
    assert "broken" in result.stderr
    assert list(tmp_path.iterdir()) == []
