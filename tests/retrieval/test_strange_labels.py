"""Labels that DuckDB reads without a word, and wrongly: each is right, or refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from harness import compile_and_run, write_parquet, write_project
from purchases import LABEL_SCHEMA, LABELS, ROWS, SCHEMA, SPEC, build

import mlforge_sql as mlf
from mlforge_sql.workflows.compile import compile_project


@pytest.fixture(scope="module")
def project(root: Path) -> Any:
    return mlf.load_project(root)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(mlf.RetrievalError) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("ending", ["parquet", "csv", "json"])
def test_a_folder_does_not_replace_a_column(project: Any, tmp_path: Path, ending: str) -> None:
    plain = tmp_path / f"labels.{ending}"
    hive = tmp_path / "shop_id=7" / "taken=2020-01-01" / "x=1" / plain.name
    hive.parent.mkdir(parents=True)
    for file in (plain, hive):
        duckdb.connect().from_df(pd.DataFrame(LABELS)).query("t", f"copy t to '{file}'")
    expected = project.get_training_data("shop_spend", plain, "taken")
    assert project.get_training_data("shop_spend", hive, "taken").equals(expected)


@pytest.mark.parametrize("ending", ["parquet", "csv", "json"])
def test_a_name_that_is_there_is_no_glob(project: Any, tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "it[s]"
    folder.mkdir()
    for name, rows in (("a[1]", LABELS), ("a1", LABELS[:1]), ("b", LABELS[:2])):
        file = folder / f"{name}.{ending}"
        duckdb.connect().from_df(pd.DataFrame(rows)).query("t", f"copy t to '{file}'")
    many = {
        name: len(project.get_training_data("shop_spend", folder / f"{name}.{ending}", "taken"))
        for name in ("a[1]", "a1", "[b]")
    }
    assert many == {"a[1]": len(LABELS), "a1": 1, "[b]": 2}


def test_decimals_that_would_be_read_as_doubles(project: Any, tmp_path: Path) -> None:
    wide = pa.array([Decimal("1.25")] * len(LABELS), pa.decimal256(39, 2))
    table = pa.Table.from_pylist(LABELS).append_column("x", wide)
    pq.write_table(table, tmp_path / "labels.parquet")
    said = refused(
        lambda: project.get_training_data("shop_spend", tmp_path / "labels.parquet", "taken")
    )
    assert "column `x` is a decimal of more than 38 digits" in said
    assert project.get_training_data("shop_spend", table, "taken")["x"].to_pylist() == [
        Decimal("1.25")
    ] * len(LABELS)


def test_an_output_in_such_a_folder(project: Any, root: Path, tmp_path: Path) -> None:
    from mlforge_sql.retrieval.export import write_training_data

    out = tmp_path / "shop_id=7" / "rows.csv"
    out.parent.mkdir()
    data = project.training_data("shop_spend", str(root / "data/labels.parquet"), "taken")
    with (tmp_path / "stdout").open("wb") as stdout:
        write_training_data(data, out, stdout)
    found = pd.read_csv(out)
    assert found["shop_id"].tolist() == [row["shop_id"] for row in LABELS]
    assert "mlforge_row" not in found


def test_a_folder_does_not_replace_a_column_of_a_source(tmp_path: Path) -> None:
    write_project(tmp_path, SPEC)
    spec = tmp_path / "features" / "spec.yml"
    spec.write_text(spec.read_text().replace("data/events.parquet", "data/*/events.parquet"))
    write_parquet(tmp_path / "data" / "at=2020-01-01" / "events.parquet", SCHEMA, ROWS)
    write_parquet(tmp_path / "data" / "labels.parquet", LABEL_SCHEMA, LABELS)
    found = compile_and_run(tmp_path).rows("train", "taken")
    plain = compile_and_run(build(tmp_path / "plain")).rows("train", "taken")
    assert found == plain


def test_files_whose_columns_differ_in_type(project: Any, tmp_path: Path) -> None:
    write_parquet(tmp_path / "l1.parquet", {"shop_id": "BIGINT", "taken": "DATE"}, [{"shop_id": 1, "taken": date(2024, 1, 5)}])  # fmt: skip
    write_parquet(tmp_path / "l2.parquet", {"shop_id": "BIGINT", "taken": "TIMESTAMP"}, [{"shop_id": 1, "taken": datetime(2024, 1, 5, 23)}])  # fmt: skip
    said = refused(
        lambda: project.get_training_data("shop_spend", str(tmp_path / "l*.parquet"), "taken")
    )
    assert "column `taken` is " in said
    write_project(tmp_path, SPEC)
    write_parquet(tmp_path / "data" / "events.parquet", SCHEMA, ROWS)
    spec = tmp_path / "features" / "spec.yml"
    spec.write_text(spec.read_text().replace("data/labels.parquet", "l*.parquet"))
    with pytest.raises(mlf.SpecErrors, match=r"MF112.*`taken` does not have the same type"):
        compile_project(tmp_path)


def test_nested_columns_are_no_such_thing(project: Any, tmp_path: Path) -> None:
    file = tmp_path / "nested.parquet"
    duckdb.execute(
        f"copy (select 1::bigint as shop_id, timestamp '2024-01-05' as taken, [1] as a, ['x'] as b, "
        f"{{'A': 1, 'shop_id': 'x'}} as s) to '{file}'"
    )
    found = project.get_training_data("shop_spend:amount_max_2d", file, "taken")
    assert found["shop_spend__amount_max_2d"].to_pylist() == [13.0]


TWICE = {"Taken": [datetime(2030, 1, 1)], "shop_id": [1], "taken": [datetime(2024, 1, 5)]}


@pytest.mark.parametrize(
    "labels",
    [
        pd.DataFrame(TWICE),
        pl.DataFrame(TWICE),
        pa.table(TWICE),
        pa.table(TWICE).to_reader(),
    ],
    ids=["pandas", "polars", "pyarrow", "reader"],
)
def test_columns_that_differ_by_case_alone(project: Any, labels: Any) -> None:
    said = refused(lambda: project.get_training_data("shop_spend", labels, "taken"))
    assert said.startswith("error[MF063]: columns `Taken` and `taken` of the labels differ by case")


def test_such_columns_in_a_file(project: Any, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    file = tmp_path / "twice.parquet"
    pq.write_table(pa.table(TWICE), file)
    said = refused(lambda: project.get_training_data("shop_spend", file, "taken"))
    assert "two columns differ from `taken` by case alone" in said


def test_other_columns_may_differ_by_case(project: Any) -> None:
    given = pd.DataFrame({"shop_id": [1], "taken": [datetime(2024, 1, 5)], "X": [1], "x": [2]})
    found = project.get_training_data("shop_spend:amount_max_2d", given, "taken")
    assert found.iloc[0].tolist()[2:] == [1, 2, 13.0]


@pytest.mark.parametrize("ending", ["csv", "json"])
@pytest.mark.parametrize(
    ("key", "right"),
    [("1", 13.0), ("1.0", 13.0), ("0.6", None), ("1e0", None), ("one", None)],
)
def test_text_that_is_no_key(
    project: Any, tmp_path: Path, ending: str, key: str, right: float | None
) -> None:
    file = tmp_path / f"labels.{ending}"
    if ending == "csv":
        file.write_text(f"shop_id,taken\n{key},2024-01-05\n")
    else:
        file.write_text(f'{{"shop_id": "{key}", "taken": "2024-01-05"}}')

    def ask() -> Any:
        return project.get_training_data("shop_spend:amount_max_2d", file, "taken")

    if right is None:
        said = refused(ask)
        assert said == "error[MF063]: column `shop_id` has a value that is no bigint"
    else:
        assert ask()["shop_spend__amount_max_2d"].to_pylist() == [right]


def test_integers_as_times_in_a_csv(project: Any, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("shop_id,t\n1,1704412800\n")
    found = project.get_training_data(
        "shop_spend:amount_max_2d", file, mlf.Timestamp("t", unit="s")
    )
    assert found.to_pylist() == [{"shop_id": 1, "t": 1704412800, "shop_spend__amount_max_2d": 13.0}]


def test_dates_and_times_of_day_in_one_column(project: Any) -> None:
    taken = pd.Series([date(2024, 1, 5), datetime(2024, 1, 5, 12)], dtype=object)
    given = pd.DataFrame({"shop_id": [1, 1], "taken": taken})
    said = refused(lambda: project.get_training_data("shop_spend", given, "taken"))
    assert said.startswith("error[MF061]: column `taken` of the labels has dates and times of day")


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        (pd.DataFrame({"shop_id": [1], "taken": [datetime(2024, 1, 5)], 0: [1]}), "MF063"),
        (pd.DataFrame({"shop_id": [2**70], "taken": [datetime(2024, 1, 5)]}), "MF061"),
    ],
    ids=["names that are not text", "a number too large"],
)
def test_a_message_and_no_traceback(project: Any, labels: Any, code: str) -> None:
    assert refused(lambda: project.get_training_data("shop_spend", labels, "taken")).startswith(f"error[{code}]")  # fmt: skip


def test_a_time_of_nulls_in_another_spelling(project: Any) -> None:
    given = pd.DataFrame({"shop_id": [1], "Taken": [None]})
    found = project.get_training_data("shop_spend:amount_max_2d", given, "taken")
    assert found["shop_spend__amount_max_2d"].tolist() == [-1]


def test_settings_of_a_profile_do_not_take_the_place_of_the_pins(tmp_path: Path) -> None:
    settings = {
        "default_order": "ascending",
        "preserve_insertion_order": 1,
        "TimeZone": "Etc/UTC",
        "memory_limit": "1GB",
    }
    config = {
        "name": "test_project",
        "profiles": {
            "dev": {
                "offline_store": {"KIND": "local", "path": "./feature_store", "settings": settings}
            }
        },
    }
    root = build(tmp_path)
    (root / "mlforge.yaml").write_text(yaml.safe_dump(config))
    output = yaml.safe_load(compile_project(root).files[Path("profiles.yml")])  # type: ignore[index]  # paths compare
    found = output["test_project"]["outputs"]["dev"]["settings"]
    assert found["default_order"] == "ASC"
    assert found["TimeZone"] == "UTC"
    assert found["memory_limit"] == "1GB"
    rows = mlf.load_project(root).get_training_data(
        ["spend", "shop_spend"], pd.DataFrame(LABELS), "taken"
    )
    plain = mlf.load_project(build(tmp_path / "plain")).get_training_data(
        ["spend", "shop_spend"], pd.DataFrame(LABELS), "taken"
    )
    pd.testing.assert_frame_equal(rows, plain)
