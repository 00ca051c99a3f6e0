"""Training data in Python: any labels in, the same kind back, wrong input named."""

from __future__ import annotations

import gc
import shutil
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from purchases import LABELS

import mlforge_sql as mlf
from mlforge_sql.errors import RetrievalError, SpecErrors

FEATURES = ["spend", "shop_spend"]
COLUMNS = [
    "spend__amount_sum_1d",
    "spend__amount_sum_7d",
    "spend__amount_count_1d",
    "spend__amount_count_7d",
    "shop_spend__amount_max_2d",
    "shop_spend__shop_id_sum_2d",
]


@pytest.fixture(scope="session")
def project(root: Path) -> Any:
    return mlf.load_project(root)


@pytest.fixture
def labels() -> pd.DataFrame:
    return pd.DataFrame(LABELS)


@pytest.fixture(scope="session")
def expected(root: Path) -> list[tuple[Any, ...]]:
    """What the compiled training set says, by label time; the oracle has checked it."""
    with duckdb.connect(str(root / "feature_store" / "features.duckdb"), read_only=True) as db:
        listed = ", ".join(COLUMNS)
        rows: list[tuple[Any, ...]] = db.execute(
            f"select taken, {listed} from train order by taken"
        ).fetchall()
    assert len(rows) == len(LABELS)
    assert any(row[1] is not None for row in rows)
    assert any(row[1] is None for row in rows)
    return rows


def rows_of(table: pa.Table, time: str = "taken") -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in (time, *COLUMNS)) for row in table.to_pylist()]


def problem(call: Any) -> str:
    with pytest.raises(RetrievalError) as caught:
        call()
    return str(caught.value)


# The same kind back


def test_pandas(project: Any, labels: pd.DataFrame, expected: list[tuple[Any, ...]]) -> None:
    found = project.get_training_data(FEATURES, labels, "taken")
    assert isinstance(found, pd.DataFrame)
    assert list(found) == [*labels, *COLUMNS]
    assert rows_of(pa.Table.from_pandas(found)) == expected


def test_polars(project: Any, labels: pd.DataFrame, expected: list[tuple[Any, ...]]) -> None:
    given = pl.from_pandas(labels)
    found = project.get_training_data(FEATURES, given, "taken")
    assert isinstance(found, pl.DataFrame)
    assert found.select(given.columns).equals(given)
    assert rows_of(found.to_arrow()) == expected


def test_a_lazy_polars_frame(
    project: Any, labels: pd.DataFrame, expected: list[tuple[Any, ...]]
) -> None:
    found = project.get_training_data(FEATURES, pl.from_pandas(labels).lazy(), "taken")
    assert isinstance(found, pl.LazyFrame)
    assert rows_of(found.collect().to_arrow()) == expected


def test_pyarrow(project: Any, labels: pd.DataFrame, expected: list[tuple[Any, ...]]) -> None:
    given = pa.Table.from_pandas(labels)
    found = project.get_training_data(FEATURES, given, "taken")
    assert isinstance(found, pa.Table)
    assert found.select(given.column_names).equals(given)
    assert rows_of(found) == expected


def test_a_record_batch_reader(
    project: Any, labels: pd.DataFrame, expected: list[tuple[Any, ...]]
) -> None:
    stream = pa.Table.from_pandas(labels).to_reader(max_chunksize=7)
    found = project.get_training_data(FEATURES, stream, "taken")
    assert isinstance(found, pa.RecordBatchReader)
    assert rows_of(found.read_all()) == expected


def test_a_duckdb_relation(
    project: Any, labels: pd.DataFrame, expected: list[tuple[Any, ...]]
) -> None:
    given = duckdb.connect().from_df(labels)
    found = project.get_training_data(FEATURES, given, "taken")
    assert isinstance(found, duckdb.DuckDBPyRelation)
    assert rows_of(found.to_arrow_table()) == expected
    assert rows_of(found.to_arrow_table()) == expected, "it can be read twice"


@pytest.mark.parametrize("ending", ["parquet", "csv", "json"])
def test_files(
    project: Any,
    tmp_path: Path,
    labels: pd.DataFrame,
    expected: list[tuple[Any, ...]],
    ending: str,
) -> None:
    file = tmp_path / f"it's.{ending}"
    duckdb.connect().from_df(labels).query("t", f"""copy t to '{str(file).replace("'", "''")}'""")
    for given in (file, str(file)):
        found = project.get_training_data(FEATURES, given, "taken")
        assert isinstance(found, pa.Table)
        kept = [row[1:] for row in rows_of(found)]
        assert kept == [row[1:] for row in expected]


def test_a_table_of_the_store(project: Any, expected: list[tuple[Any, ...]]) -> None:
    for name in ("int_train__labels", "main.int_train__labels"):
        found = project.get_training_data(FEATURES, name, "taken")
        assert sorted(rows_of(found)) == expected


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("pandas", pd.DataFrame),
        ("polars", pl.DataFrame),
        ("pyarrow", pa.Table),
        ("relation", duckdb.DuckDBPyRelation),
        ("reader", pa.RecordBatchReader),
    ],
)
def test_another_kind_on_request(
    project: Any, labels: pd.DataFrame, expected: list[tuple[Any, ...]], output: str, kind: type
) -> None:
    found = project.get_training_data(FEATURES, labels, "taken", output=output)
    assert isinstance(found, kind)
    readers: dict[type, Any] = {
        pd.DataFrame: pa.Table.from_pandas,
        pl.DataFrame: pl.DataFrame.to_arrow,
        pa.Table: lambda table: table,
        duckdb.DuckDBPyRelation: duckdb.DuckDBPyRelation.to_arrow_table,
        pa.RecordBatchReader: pa.RecordBatchReader.read_all,
    }
    table = readers[kind](found)
    assert table.column_names == [*labels, *COLUMNS]
    assert rows_of(table) == expected


def test_an_output_that_does_not_exist(project: Any, labels: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="output is one of same, pandas"):
        project.get_training_data(FEATURES, labels, "taken", output="excel")


# Nothing of the labels changes


def test_pandas_columns_and_index_are_untouched(project: Any) -> None:
    moments = [datetime(2024, 1, 5), datetime(2024, 1, 3), datetime(2024, 1, 5)]
    given = pd.DataFrame(
        {
            "shop_id": pd.array([1, None, 0], dtype="Int64"),
            "taken": pd.DatetimeIndex(moments).tz_localize("Europe/Berlin"),
            "nanos": pd.to_datetime([1, 2, 3]),
            "object": [{"a": 1}, [2], None],
            "category": pd.Categorical(["x", "y", "x"]),
            "small": np.array([1, 2, 3], dtype=np.int8),
            "float32": np.array([0.1, np.nan, -0.0], dtype=np.float32),
            "decimal": [Decimal("1.10"), None, Decimal("2.20")],
            "feature_timestamp": ["a", "b", "c"],
            "shop_id_sum_2d": [7, 8, 9],
            "shop_spend": [1, 1, 1],
            "labels": [2, 2, 2],
            "mlforge_row": [3, 3, 3],
        },
        index=pd.Index([9, 9, 4], name="mine"),
    )
    before = given.copy(deep=True)
    found = project.get_training_data("shop_spend:shop_id_sum_2d", given, "taken")
    pd.testing.assert_frame_equal(given, before)
    pd.testing.assert_frame_equal(found[list(given)], before)
    assert found.index.equals(before.index)
    assert found.index.name == "mine"
    assert found["shop_spend__shop_id_sum_2d"].isna().tolist() == [False, True, False]


def test_integers_with_nulls_stay_integers(project: Any) -> None:
    given = pd.DataFrame({"shop_id": [0, 99], "taken": [datetime(2024, 1, 9)] * 2})
    found = project.get_training_data(
        "last", given.assign(first_name="x", born=date.today()), "taken"
    )
    assert found["last__where_"].isna().all()
    found = project.get_training_data("shop_spend", given, "taken")
    assert str(found["shop_spend__shop_id_sum_2d"].dtype) == "Int64"
    assert found["shop_spend__shop_id_sum_2d"].tolist() == [0, pd.NA]
    assert found["shop_spend__amount_max_2d"].tolist()[1] == -1


def test_row_order_duplicates_and_nulls(project: Any) -> None:
    ids = [5, 1, 0, 1, None, 0, 1] * 3000
    times = [datetime(2024, 1, 1) + timedelta(hours=(7919 * n) % 300) for n in range(len(ids))]
    given = pl.DataFrame({"shop_id": ids, "taken": times})
    found = project.get_training_data("shop_spend:amount_max_2d", given, "taken")
    assert found.select("shop_id", "taken").equals(given)
    alone = {
        (key, time): value for key, time, value in found.unique(maintain_order=True).iter_rows()
    }
    assert len(alone) == found.select("shop_id", "taken").unique().height, "one value for each"
    streamed = project.get_training_data(
        "shop_spend:amount_max_2d", given, "taken", output="reader"
    )
    assert pl.from_arrow(streamed.read_all()).equals(found)


# Times


MOMENT = datetime(2024, 1, 5, 12, 0, 0, 1)
SAME_MOMENT = [
    ("naive", pa.array([MOMENT], pa.timestamp("us"))),
    ("UTC", pa.array([MOMENT.replace(tzinfo=UTC)], pa.timestamp("us", "UTC"))),
    (
        "zone",
        pa.array(
            [MOMENT.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=9)))],
            pa.timestamp("us", "Asia/Tokyo"),
        ),
    ),
    ("text", pa.array(["2024-01-05 12:00:00.000001"])),
    ("text with Z", pa.array(["2024-01-05T12:00:00.000001Z"])),
    ("text with offset", pa.array(["2024-01-05T14:00:00.000001+02:00"])),
    ("nanoseconds", pa.array([1704456000000001999], pa.timestamp("ns"))),
    ("nanoseconds in a zone", pa.array([1704456000000001999], pa.timestamp("ns", "Asia/Tokyo"))),
]


@pytest.fixture(scope="session")
def at_moment(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A project with a feature that changes at MOMENT itself, and not a microsecond before."""
    from harness import compile_and_run, write_parquet, write_project

    root = tmp_path_factory.mktemp("moment")
    document = {
        "entities": [{"name": "u", "join_key": "u"}],
        "sources": [{"name": "e", "timestamp": "at", "path": "data/e.parquet"}],
        "features": [{"name": "f", "source": "e", "entities": ["u"], "select": {"x": "x"}}],
    }
    write_project(root, document)
    rows = [{"u": 1, "at": MOMENT - timedelta(microseconds=1), "x": 1}]
    write_parquet(
        root / "data/e.parquet", {"u": "INTEGER", "at": "TIMESTAMP", "x": "INTEGER"}, rows
    )
    (root / "feature_store").mkdir()
    with duckdb.connect(str(root / "feature_store" / "features.duckdb")) as connection:
        compile_and_run(root, connection=connection)
    return mlf.load_project(root)


@pytest.mark.parametrize(
    "times", [item[1] for item in SAME_MOMENT], ids=[i[0] for i in SAME_MOMENT]
)
def test_a_time_is_an_instant_however_it_is_stored(at_moment: Any, times: pa.Array) -> None:
    given = pa.table({"u": pa.array([1], pa.int64()), "t": times})
    assert at_moment.get_training_data("f", given, "t")["f__x"].to_pylist() == [1]


@pytest.mark.parametrize(
    "times",
    [
        pa.array([MOMENT - timedelta(microseconds=1)], pa.timestamp("us")),
        pa.array([1704456000000000999], pa.timestamp("ns")),
        pa.array([1704456000000000999], pa.timestamp("ns", "Asia/Tokyo")),
        pa.array(["2024-01-05T12:00:00.000000Z"]),
        pa.array([date(2024, 1, 5)]),
    ],
    ids=["microseconds", "nanoseconds", "nanoseconds in a zone", "text", "date"],
)
def test_the_instant_before_sees_nothing(at_moment: Any, times: pa.Array) -> None:
    given = pa.table({"u": pa.array([1], pa.int64()), "t": times})
    assert at_moment.get_training_data("f", given, "t")["f__x"].to_pylist() == [None]


def test_other_text_and_integers_with_their_format(at_moment: Any) -> None:
    given = pa.table({"u": pa.array([1]), "t": pa.array(["06.01.2024 00:00"]), "s": pa.array([0])})
    time = mlf.Timestamp("t", format="%d.%m.%Y %H:%M")
    assert at_moment.get_training_data("f", given, time)["f__x"].to_pylist() == [1]
    time = mlf.Timestamp("s", unit="s")
    assert at_moment.get_training_data("f", given, time)["f__x"].to_pylist() == [None]


def test_without_a_time_the_values_of_now(project: Any, root: Path, tmp_path: Path) -> None:
    with_years = shutil.copytree(root, tmp_path / "copy")
    spec = with_years / "features" / "spec.yml"
    spec.write_text(spec.read_text().replace("ttl: 1d", "ttl: 30000d"))
    given = pl.DataFrame({"shop_id": [0, 7]})
    found = project.get_training_data("shop_spend", given)
    assert found["shop_spend__amount_max_2d"].to_list() == [-1, -1], "all windows are empty by now"
    given = pd.DataFrame(LABELS[:2])[["first_name", "born"]]
    years = mlf.load_project(with_years).get_training_data("last:amount", given)
    assert years["last__amount"].tolist() == [39.0, 37.0], "the last events of all"


def test_the_ttl(project: Any) -> None:
    last = LABELS[0] | {"first_name": "name 0", "taken": datetime(2024, 1, 12, 9, 0, 0, 1)}
    late = last | {"taken": last["taken"] + timedelta(days=1)}
    later = late | {"taken": late["taken"] + timedelta(microseconds=1)}
    found = project.get_training_data("last:amount", pl.DataFrame([last, late, later]), "taken")
    assert found["last__amount"].to_list() == [39.0, 39.0, None]


# Empty and strange labels


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_no_labels(project: Any, labels: pd.DataFrame, kind: str) -> None:
    empty: Any = labels.iloc[:0]
    empty = pl.from_pandas(empty) if kind == "polars" else empty
    empty = pa.Table.from_pandas(empty) if kind == "pyarrow" else empty
    found = project.get_training_data(FEATURES, empty, "taken")
    assert len(found) == 0
    assert set(COLUMNS) <= set(found.columns if kind != "pyarrow" else found.column_names)


def test_an_empty_pandas_frame_has_no_types(project: Any) -> None:
    empty = pd.DataFrame({"shop_id": [], "taken": []})
    assert len(project.get_training_data("shop_spend", empty, "taken")) == 0


def test_only_nulls(project: Any) -> None:
    given = pd.DataFrame({"shop_id": [None, None], "taken": [None, None]})
    found = project.get_training_data("shop_spend", given, "taken")
    assert found["shop_spend__amount_max_2d"].tolist() == [-1, -1]


def test_entities_that_do_not_exist(project: Any) -> None:
    given = pl.DataFrame({"shop_id": [123], "taken": [datetime(2024, 1, 5)]})
    found = project.get_training_data("shop_spend", given, "taken")
    assert found.row(0)[2:] == (-1.0, None)


def test_columns_are_found_without_regard_to_case(project: Any) -> None:
    given = pl.DataFrame({"SHOP_ID": [1], "Taken": [datetime(2024, 1, 5)]})
    found = project.get_training_data("shop_spend", given, "taken")
    assert found.columns[:2] == ["SHOP_ID", "Taken"]
    assert found.row(0)[2] is not None


def test_categories_are_their_values(project: Any, labels: pd.DataFrame) -> None:
    given = labels.assign(first_name=labels["first_name"].astype("category"))
    plain = project.get_training_data("spend", labels, "taken")
    found = project.get_training_data("spend", given, "taken")
    pd.testing.assert_frame_equal(
        found.drop(columns="first_name"), plain.drop(columns="first_name")
    )


def test_the_join_key_itself(project: Any, labels: pd.DataFrame) -> None:
    keys = [mlf.surrogate_key(row["first_name"], row["born"]) for row in LABELS]
    given = labels.assign(user_id=keys)[["user_id", "taken"]]
    plain = project.get_training_data("spend", labels, "taken")
    found = project.get_training_data("spend", given, "taken")
    pd.testing.assert_frame_equal(found[COLUMNS[:4]], plain[COLUMNS[:4]])


# Which features


def test_requests(project: Any, labels: pd.DataFrame) -> None:
    wanted = [
        "spend:amount_sum_7d",
        mlf.FeatureSpec("shop_spend", columns=["amount_max_2d"]),
        "spend:amount_sum_1d",
        "spend:amount_sum_7d",
    ]
    found = project.get_training_data(wanted, labels, "taken")
    assert list(found)[len(labels.columns) :] == [
        "spend__amount_sum_7d",
        "spend__amount_sum_1d",
        "shop_spend__amount_max_2d",
    ]


def test_definitions_find_their_project(root: Path, labels: pd.DataFrame, tmp_path: Path) -> None:
    spend = mlf.Feature(
        name="spend", source="events", entities=("user",), select={"amount": "amount"}
    )
    group = mlf.Definitions(name="group", features=[spend], project_dir=root)
    found = group.get_training_data(None, labels, "taken")
    assert list(found)[-4:] == COLUMNS[:4]
    script = root / "features" / "group.txt"
    module: dict[str, Any] = {"__name__": "user_code", "__file__": str(script)}
    exec("import mlforge_sql as mlf\ngroup = mlf.Definitions(name='group')", module)
    assert Path(module["group"].project_dir) == root / "features"
    nowhere = mlf.Definitions(name="group", project_dir=tmp_path)
    with pytest.raises(SpecErrors, match="MF004"):
        nowhere.get_training_data("spend", labels, "taken")


# Wrong input: said before anything runs

WRONG: list[tuple[str, Any, dict[str, Any], str | None, str]] = [
    (
        "unknown feature",
        "spnd",
        {},
        "taken",
        "error[MF051]: unknown feature `spnd`; did you mean `spend`?",
    ),
    (
        "unknown column of a feature",
        "spend:amount_sum_7",
        {},
        "taken",
        "error[MF022]: feature `spend` has no column `amount_sum_7`; did you mean `amount_sum_7d`?",
    ),
    ("no features", [], {}, "taken", "error[MF051]: no features are asked for; name at least one"),
    (
        "not a feature",
        [7],
        {},
        "taken",
        "error[MF051]: a feature cannot be a int; name it, or give a FeatureSpec",
    ),
    (
        "unknown time",
        "spend",
        {},
        "takn",
        "error[MF060]: the labels have no column `takn`, their timestamp; did you mean `taken`?",
    ),
    (
        "wrong key",
        "shop_spend",
        {"rename": {"shop_id": "shopid"}},
        "taken",
        (
            "error[MF060]: the labels have no column `shop_id`, a key of feature `shop_spend`; "
            "did you mean `shopid`?"
        ),
    ),
    (
        "a part of a key",
        "spend",
        {"rename": {"born": "borm"}},
        "taken",
        (
            "error[MF060]: the labels have no column `user_id`, a key of feature `spend`, "
            "nor `born` to compute it from; did you mean `borm`?"
        ),
    ),
    (
        "a key of another type",
        "shop_spend",
        {"assign": {"shop_id": "1"}},
        "taken",
        (
            "error[MF061]: column `shop_id` of the labels is text, the feature's is bigint; "
            "cast it to bigint: keys of different types are never silently converted"
        ),
    ),
    (
        "integers that pandas made floats",
        "shop_spend",
        {"assign": {"shop_id": [1.0, *[None] * 29]}},
        "taken",
        (
            "error[MF061]: column `shop_id` of the labels is double, the feature's is bigint; "
            "cast it to bigint: keys of different types are never silently converted"
        ),
    ),
    (
        "a time that is none",
        "spend",
        {"assign": {"taken": 1.5}},
        "taken",
        (
            "error[MF038]: timestamp column `taken` is double; "
            "use a timestamp, date, integer or text column"
        ),
    ),
    (
        "the name of a feature column",
        "spend",
        {"assign": {"SPEND__amount_sum_1d": 1}},
        "taken",
        (
            "error[MF062]: the labels have a column `SPEND__amount_sum_1d`, as the feature has; "
            "rename the column of the labels, or do not ask for the feature's"
        ),
    ),
]


@pytest.mark.parametrize(
    ("features", "change", "time", "said"), [item[1:] for item in WRONG], ids=[i[0] for i in WRONG]
)
def test_wrong_input(
    project: Any,
    labels: pd.DataFrame,
    features: Any,
    change: dict[str, Any],
    time: str,
    said: str,
) -> None:
    given = labels.rename(columns=change.get("rename", {})).assign(**change.get("assign", {}))
    assert problem(lambda: project.get_training_data(features, given, time)) == said


def test_mixed_types_in_a_key(project: Any, labels: pd.DataFrame) -> None:
    given = labels.assign(shop_id=[1, "a"] * 15)
    said = problem(lambda: project.get_training_data("shop_spend", given, "taken"))
    assert said.startswith(
        "error[MF061]: column `shop_id` of the labels cannot be read as one type"
    )


def test_text_that_is_no_time(project: Any, labels: pd.DataFrame) -> None:
    given = labels.assign(taken="yesterday")
    said = problem(lambda: project.get_training_data("spend", given, "taken"))
    assert said.startswith("error[MF063]: ")
    assert said.endswith("`taken` must be ISO text, such as 2024-01-31T12:00:00+02:00")


def test_labels_that_cannot_be_read(project: Any, tmp_path: Path) -> None:
    ask = project.get_training_data
    assert problem(lambda: ask("spend", [1], "t")) == (
        "error[MF063]: labels cannot be a list; "
        "give a pandas, polars or pyarrow frame, a path, or the name of a table"
    )
    said = problem(lambda: ask("spend", "int_train__label", "t"))
    assert "no table `int_train__label`; did you mean `int_train__labels`?" in said
    assert problem(lambda: ask("spend", "select * from train", "t")) == (
        "error[MF063]: profile `dev` is on DuckDB, where labels cannot be a query; "
        "give a relation, such as `duckdb.sql(...)`"
    )
    said = problem(lambda: ask("spend", tmp_path / "no.parquet", "t"))
    assert said == f"error[MF063]: there is no file `{tmp_path / 'no.parquet'}`; check the path"
    (tmp_path / "labels.csv").write_text("user_id,t\n")
    said = problem(lambda: ask("spend", tmp_path / "lables.csv", "t"))
    assert said.endswith(f"; did you mean `{tmp_path / 'labels.csv'}`?")
    said = problem(lambda: ask("spend", tmp_path / "labels.xls", "t"))
    assert said.endswith("use a file that ends in .parquet, .csv or .json")
    (tmp_path / "broken.parquet").write_text("no parquet")
    assert problem(lambda: ask("spend", tmp_path / "broken.parquet", "t")).startswith(
        "error[MF063]"
    )


def test_tables_that_are_not_built(root: Path, tmp_path: Path, labels: pd.DataFrame) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    file = copy / "feature_store" / "features.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("alter table spend drop column amount_sum_1d")
        connection.execute("drop table shop_spend")
    project = mlf.load_project(copy / "data")
    hint = "; run `mlforge build --profile dev`"
    said = problem(lambda: project.get_training_data(FEATURES, labels, "taken"))
    assert said.splitlines() == [
        "error[MF064]: the table of feature `spend` has no column `amount_sum_1d` yet" + hint,
        "error[MF064]: feature `shop_spend` is not built in profile `dev`" + hint,
    ]
    with duckdb.connect(str(file)):
        said = problem(lambda: project.get_training_data("last", labels, "taken"))
        assert said.startswith("error[MF064]: cannot open `features.duckdb` of profile `dev`")
    file.unlink()
    said = problem(lambda: project.get_training_data("spend", labels, "taken"))
    assert said == "error[MF064]: profile `dev` has no `features.duckdb` yet" + hint


def test_profiles(project: Any, labels: pd.DataFrame) -> None:
    with pytest.raises(SpecErrors, match=r"MF025.*unknown profile `prod`"):
        project.get_training_data("spend", labels, "taken", "prod")


def test_the_store_is_let_go(root: Path, project: Any, labels: pd.DataFrame) -> None:
    project.get_training_data("spend", labels, "taken")
    problem(lambda: project.get_training_data("spend", labels.assign(taken="x"), "taken"))
    gc.collect()  # relations and readers of other tests
    with duckdb.connect(str(root / "feature_store" / "features.duckdb")) as connection:
        connection.execute("create table free as select 1")
        connection.execute("drop table free")
