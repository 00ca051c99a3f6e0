"""How csv and json labels are written: nothing is left out, renamed or read as something else without a word."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import mlforge_sql as mlf

TAKEN = "2024-01-05 00:00:00"
ROW = f"1,{TAKEN}"


@pytest.fixture(scope="module")
def project(root: Path) -> Any:
    return mlf.load_project(root)


def read(project: Any, path: Path) -> Any:
    return project.get_training_data("shop_spend:amount_max_2d", path, "taken", output="pyarrow")


def refused(project: Any, path: Path) -> str:
    with pytest.raises(mlf.RetrievalError) as caught:
        read(project, path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("shop_id,taken,x,x", "x"),
        ("shop_id,SHOP_ID,taken,x", "SHOP_ID"),
        ("shop_id,taken,taken,x", "taken"),
    ],
)
def test_columns_of_one_name_in_csv(project: Any, tmp_path: Path, header: str, name: str) -> None:
    """DuckDB renames the second, and joins the first."""
    file = tmp_path / "labels.csv"
    file.write_text(f"{header}\n1,2,2,4\n")
    said = refused(project, file)
    assert said.startswith("error[MF063]: ")
    assert f"`labels.csv` has two columns `{name}`, in whatever case" in said


@pytest.mark.parametrize("ending", ["json", "ndjson"])
def test_keys_that_differ_by_case_in_json(project: Any, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"labels.{ending}"
    file.write_text(f'{{"shop_id": 1, "taken": "{TAKEN}"}}\n{{"SHOP_ID": 1, "taken": "{TAKEN}"}}\n')
    assert "has two columns `shop_id`, in whatever case" in refused(project, file)


def test_a_key_twice_in_json(project: Any, tmp_path: Path) -> None:
    file = tmp_path / "labels.ndjson"
    file.write_text(f'{{"shop_id": 1, "taken": "{TAKEN}", "shop_id": 0}}\n')
    said = refused(project, file)
    assert "error[MF063]: `labels.ndjson` has a key twice in 1 row" in said


def test_json_keys_of_late_rows_and_files(project: Any, tmp_path: Path) -> None:
    """DuckDB looks at 20,480 rows and 32 files unless it is told to look at all."""
    plain = json.dumps({"shop_id": 1, "taken": TAKEN, "in": {"a": 1}}) + "\n"
    late = json.dumps({"shop_id": 1, "taken": TAKEN, "in": {"a": 1, "b": 2}, "late": 7}) + "\n"
    many = tmp_path / "many.ndjson"
    many.write_text(plain * 30_000 + late)
    for number in range(40):
        (tmp_path / f"{number:02}.json").write_text(late if number == 39 else plain)
    for path in (many, tmp_path / "[0-9]*.json"):
        found = read(project, path)
        assert found.column("late").to_pylist()[-2:] == [None, 7], path
        assert found.column("in").to_pylist()[-1] == {"a": 1, "b": 2}, path


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (
            f"shop_id,taken,x,more\n{ROW},2,3\n",
            "`1.csv` has no column `more`, which other files have",
        ),
        (f"shop_id,taken\n{ROW}\n", "`2.csv` has no column `x`, which other files have"),
        (f"{ROW},2\n", "`2.csv` has no column `shop_id`, which other files have"),
    ],
)
def test_csv_files_of_other_columns(project: Any, tmp_path: Path, second: str, said: str) -> None:
    (tmp_path / "1.csv").write_text(f"shop_id,taken,x\n{ROW},1\n")
    (tmp_path / "2.csv").write_text(second)
    assert said in refused(project, tmp_path / "*.csv")


def test_csv_files_of_another_order(project: Any, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text(f"shop_id,taken,x\n{ROW},1\n")
    (tmp_path / "2.csv").write_text(f"taken,x,shop_id\n{TAKEN},2,1\n")
    found = read(project, tmp_path / "*.csv")
    assert found.column("x").to_pylist() == [1, 2]
    assert found.column("shop_id").to_pylist() == [1, 1]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (f"{ROW}\n", "the header of `labels.csv` has 3 fields, its rows have another number"),
        (
            f"{ROW},1\n{ROW},1,2\n",
            "has 1 row that cannot be read (too many columns), the first in line 3",
        ),
        (f"{ROW},1\n" * 30_000 + f"{ROW}\n", "(missing columns), the first in line 30002"),
    ],
)
def test_broken_rows_are_counted(project: Any, tmp_path: Path, rows: str, said: str) -> None:
    file = tmp_path / "labels.csv"
    file.write_text(f"shop_id,taken,x\n{rows}")
    assert said in refused(project, file).replace("\n  ", " ")


def test_bytes_that_are_not_utf8(project: Any, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(f"shop_id,taken,x\n{ROW},é\n".encode("latin-1"))
    assert "`labels.csv` is not UTF-8" in refused(project, file)


def test_quotes_after_many_rows_without(project: Any, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("shop_id,taken,x\n" + f"{ROW},a\n" * 30_000 + f'{ROW},"b, c"\n')
    found = read(project, file)
    assert found.column("x").to_pylist()[-2:] == ["a", "b, c"]
    assert len(found) == 30_001


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["it's", "'z'"], ["it's", "'z'"]),  # RFC 4180: an apostrophe is a character
        (["'y'", "'z'"], ["y", "z"]),  # some write all of a column so
        (["'x, y'", "'z'"], ["x, y", "z"]),
        (["'Tis", "'z'"], ["'Tis", "'z'"]),
    ],
)
def test_apostrophes(project: Any, tmp_path: Path, texts: list[str], expected: list[str]) -> None:
    """They quote where a whole column has them, and are text where some values do."""
    file = tmp_path / "labels.csv"
    file.write_text("shop_id,taken,x\n" + "".join(f"{ROW},{text}\n" for text in texts))
    assert read(project, file).column("x").to_pylist() == expected


def test_values_are_those_of_the_same_frame(project: Any, tmp_path: Path) -> None:
    import pyarrow as pa

    file = tmp_path / "labels.csv"
    file.write_text(f"shop_id,taken\n{ROW}\n0,{TAKEN}\n")
    taken = [datetime.fromisoformat(TAKEN)] * 2
    frame = pa.table({"shop_id": pa.array([1, 0], pa.int64()), "taken": taken})
    column = "shop_spend__amount_max_2d"
    expected = read(project, frame).column(column).to_pylist()
    assert read(project, file).column(column).to_pylist() == expected
    assert expected != [None, None]
