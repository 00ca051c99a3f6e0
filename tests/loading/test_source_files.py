"""Files of sources: formats, globs, odd names, declared columns, models."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import events
import pyarrow.parquet as pq
import pytest
import yaml
from events import Document, at, feature, steps
from harness import compile_and_run, write_parquet, write_project
from source_runs import COUNT, DAILY, ROWS, SUM, SUMS, codes, csv_project

from mlforge_sql.errors import SpecErrors
from mlforge_sql.workflows.compile import compile_project


def write_file(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".parquet":
        write_parquet(file, events.SCHEMA, rows)
        return
    texts = [{**row, "event_time": f"{row['event_time']:%Y-%m-%d %H:%M:%S.%f}"} for row in rows]
    separator = "\t" if ".tsv" in file.name else ","
    if ".csv" in file.name or ".tsv" in file.name:
        lines = [separator.join(events.SCHEMA)]
        lines += [separator.join(str(value) for value in row.values()) for row in texts]
        text = "\n".join(lines) + "\n"
    elif file.suffix == ".json":
        text = json.dumps(texts)
    else:
        text = "\n".join(json.dumps(row) for row in texts)
    data = text.encode()
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)


@pytest.mark.parametrize(
    "name",
    ["e.parquet", "e.csv", "e.tsv", "e.csv.gz", "e.json", "e.jsonl", "e.ndjson", "e.json.gz"],
)
def test_formats(tmp_path: Path, name: str) -> None:
    write_file(tmp_path / "data" / name, ROWS)
    run = events.run(tmp_path, events.spec([DAILY], source={"path": f"data/{name}"}))
    assert run.rows("f", "2") == SUMS


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("data/*.parquet", ["a.parquet", "b.parquet", "c.parquet"]),
        ("data/*.csv", ["a.csv", "b.csv", "c.csv"]),
        ("data/**/*.csv", ["2024/01/a.csv", "2024/02/b.csv", "2025/c.csv"]),
        ("data/2024-*/e.jsonl", ["2024-01/e.jsonl", "2024-02/e.jsonl", "2024-03/e.jsonl"]),
        ("data/e_?.csv.gz", ["e_1.csv.gz", "e_2.csv.gz", "e_3.csv.gz"]),
        ("data/e_[13].csv", ["e_1.csv", "e_2.csv", "e_3.csv"]),
    ],
)
def test_globs(tmp_path: Path, glob: str, names: list[str]) -> None:
    for name, row in zip(names, ROWS, strict=True):
        write_file(tmp_path / "data" / name, [row])
    run = events.run(tmp_path, events.spec([DAILY], source={"path": glob}))
    if "[13]" in glob:
        expected = steps("amount_sum_1d", ("01-02", 1.5), ("01-03", 8.0), ("01-04", None))
        assert run.rows("f", "2") == expected
    else:
        assert run.rows("f", "2") == SUMS


@pytest.mark.parametrize(
    "name", ["it's.csv", "100%.csv", "a b.csv", "{{ x }}.csv", "é🙂.csv", "%s.csv"]
)
def test_odd_file_names(tmp_path: Path, name: str) -> None:
    write_file(tmp_path / "data" / name, ROWS)
    run = events.run(tmp_path, events.spec([DAILY], source={"path": f"data/{name}"}))
    assert run.rows("f", "2") == SUMS


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["e[1]", "e*", "e?"])
def test_globs_find_files_whose_names_look_like_globs(
    tmp_path: Path, name: str, ending: str
) -> None:
    file = tmp_path / "data" / f"{name}.{ending}"
    write_file(file, ROWS)
    run = events.run(tmp_path, events.spec([DAILY], source={"path": f"data/*.{ending}"}))
    assert run.rows("f", "2") == SUMS


@pytest.mark.parametrize("name", ["e[1]", "e?"])
def test_the_columns_of_such_a_file_are_its_own(tmp_path: Path, name: str) -> None:
    """Beside one that its name would match if it were a glob."""
    write_file(tmp_path / "data" / "e1.parquet", ROWS)
    duckdb.execute(f"copy (select 'u' as user_id) to '{tmp_path}/other.parquet'")
    (tmp_path / "other.parquet").rename(tmp_path / "data" / f"{name}.parquet")
    write_project(tmp_path, events.spec([DAILY], source={"path": "data/*.parquet"}))
    with pytest.raises(SpecErrors) as caught:
        compile_project(tmp_path)
    assert f"`data/{name}.parquet` has no column `event_time`" in str(caught.value)


@pytest.mark.parametrize("name", ["a", "c"])
def test_columns_of_any_parquet_file_that_differ_by_case_alone(tmp_path: Path, name: str) -> None:
    write_file(tmp_path / "data" / "b.parquet", ROWS)
    table = pq.read_table(tmp_path / "data" / "b.parquet")
    twice = table.append_column("Amount", table["amount"])
    pq.write_table(twice, tmp_path / "data" / f"{name}.parquet")
    write_project(tmp_path, events.spec([DAILY], source={"path": "data/*.parquet"}))
    with pytest.raises(SpecErrors) as caught:
        compile_project(tmp_path)
    said = f"in `data/{name}.parquet`, two columns differ from `Amount` by case alone"
    assert said in str(caught.value)


def test_absolute_path(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "e.csv"
    write_file(file, ROWS)
    run = events.run(tmp_path / "project", events.spec([DAILY], source={"path": str(file)}))
    assert run.rows("f", "2") == SUMS


@pytest.mark.parametrize("path", ["data/none.parquet", "data/*.csv", "data/e", "data/e.xlsx"])
def test_no_such_file(tmp_path: Path, path: str) -> None:
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, events.spec([DAILY], source={"path": path}))
    assert codes(caught) == ["MF023"]


def test_broken_file(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / events.PARQUET).write_bytes(b"PAR1 this is no parquet file")
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, events.spec([DAILY]))
    assert codes(caught) == ["MF023"]
    assert str(tmp_path) not in str(caught.value), "messages show the path as written"


COLUMNS = {"user_id": "text", "event_time": "timestamp", "amount": "double"}


@pytest.mark.parametrize("name", ["e.parquet", "e.csv", "e.jsonl"])
def test_declared_columns_stand_for_a_missing_file(tmp_path: Path, name: str) -> None:
    """What is compiled without the file is what is compiled with it."""
    source = {"path": f"data/{name}", "columns": COLUMNS}
    write_project(tmp_path, events.spec([DAILY], source=source))
    without = compile_project(tmp_path)
    write_file(tmp_path / "data" / name, ROWS)
    run = compile_and_run(tmp_path)
    assert run.compiled.files == without.files
    assert run.rows("f", "2") == SUMS


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({**COLUMNS, "amount": "text"}, "MF024"),
        ({**COLUMNS, "amnt": "double"}, "MF022"),
    ],
)
def test_declared_columns_are_compared_with_the_file(
    tmp_path: Path, columns: dict[str, str], code: str
) -> None:
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, events.spec([DAILY], source={"columns": columns}), ROWS)
    assert codes(caught) == [code]


def test_declared_types_win_over_guesses_from_text(tmp_path: Path) -> None:
    """A csv file has no types: what DuckDB guesses from a sample would eat the zeros of a key."""
    file = tmp_path / "data" / "e.csv"
    file.parent.mkdir()
    file.write_text(
        "user_id,event_time,amount\n007,2024-01-01 12:00:00,1\n07,2024-01-01 12:00:00,2\n"
    )
    source = {"path": "data/e.csv", "columns": COLUMNS}
    run = events.run(tmp_path, events.spec([feature(metrics=[COUNT])], source=source))
    assert {row["user_id"] for row in run.rows("f")} == {"007", "07"}


@pytest.mark.parametrize("name", ["raw_events", "stg_events", "STG_EVENTS", "order"])
def test_model(tmp_path: Path, name: str) -> None:
    """An existing dbt model, also one with the name that our staging model would have."""
    connection = duckdb.connect()
    connection.execute(
        f'create table "{name}" (user_id varchar, event_time timestamp, amount double)'
    )
    connection.executemany(
        f'insert into "{name}" values (?, ?, ?)', [list(row.values()) for row in ROWS]
    )
    source = {"path": None, "model": name, "columns": COLUMNS}
    run = events.run(tmp_path, events.spec([DAILY], source=source), connection=connection)
    assert run.rows("f", "2") == SUMS
    (text,) = (
        text
        for path, text in run.compiled.files.items()
        if path.parent.name == "staging" and path.suffix == ".sql"
    )
    assert f"ref('{name}')" in text


def test_model_without_columns(tmp_path: Path) -> None:
    with pytest.raises(SpecErrors) as caught:
        events.run(tmp_path, events.spec([DAILY], source={"path": None, "model": "raw"}))
    assert codes(caught) == ["MF023"]


# Edges


def all_kinds() -> list[Document]:
    metrics = [
        {
            "windows": ["7d", "lifetime"],
            "aggregations": {"amount": ["sum", "count", "std"], "*": ["count"]},
        }
    ]
    return [
        feature("gridded", interval="1d", metrics=metrics),
        feature("continuous", metrics=metrics),
        feature("shifted", metrics=[{**SUM, "offset": "1d"}]),
        feature("latest", select={"last_amount": "amount"}),
        feature("latest_gridded", interval="1d", select={"last_amount": "amount"}),
    ]


def test_empty_source(tmp_path: Path) -> None:
    run = events.run(tmp_path, events.spec(all_kinds()), [])
    for item in all_kinds():
        assert run.rows(item["name"]) == []
        assert run.rows(item["name"] + "_current") == []


def test_source_without_a_row_that_counts(tmp_path: Path) -> None:
    rows = events.table("user_id event_time amount", (None, at("01-01"), 1.0), ("u1", None, 1.0))
    run = events.run(tmp_path, events.spec(all_kinds()), rows)
    for item in all_kinds():
        assert run.rows(item["name"]) == []


def test_types_of_text_files_are_guessed_from_all_rows(tmp_path: Path) -> None:
    """What DuckDB has not seen when it guesses is cut off or rounded when it is read."""
    rows = ["u1,2024-01-01,1"] * 21_000 + [
        "u2,2024-01-01 15:30:00,1.5",
        "u3,2024-01-02 23:00:00-05:00,2",
    ]
    root = write_project(tmp_path, events.spec([feature("f", select={"x": "amount"})]))
    spec = yaml.safe_load((root / "features" / "spec.yml").read_text(encoding="utf-8"))
    spec["sources"][0] |= {"path": "data/events.csv", "delay": "1d"}  # some have only a date
    (root / "features" / "spec.yml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    (root / "data").mkdir()
    text = "user_id,event_time,amount\n" + "\n".join(rows) + "\n"
    (root / "data" / "events.csv").write_text(text, encoding="utf-8")
    found = {row["user_id"]: row for row in compile_and_run(root).rows("f")}
    assert found["u2"]["feature_timestamp"] == datetime(2024, 1, 2, 15, 30, 0, 1)
    assert found["u2"]["x"] == 1.5
    assert found["u3"]["feature_timestamp"] == datetime(2024, 1, 4, 4, 0, 0, 1)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["12", "-3"], "bigint", [12, -3]),
        (["00501", "501"], "text", ["00501", "501"]),
        (["12345678901234567890", "12345678901234567891"], "decimal(38, 0)",
         [12345678901234567890, 12345678901234567891]),
        (["1" * 41, "1" * 40 + "2"], "text", ["1" * 41, "1" * 40 + "2"]),
        (["1.5", "2"], "double", [1.5, 2.0]),
        (["01/02/2024", "02/01/2024"], "text", ["01/02/2024", "02/01/2024"]),
        (["2024-01-02", "2024-02-01"], "date", [date(2024, 1, 2), date(2024, 2, 1)]),
        (["true", "false"], "boolean", [True, False]),
    ],
)  # fmt: skip
def test_what_csv_is_taken_for_loses_nothing(
    tmp_path: Path, values: list[str], kind: str, expected: list[Any]
) -> None:
    rows = [f"u{number},2024-01-01 12:00:00,{value}" for number, value in enumerate(values)]
    root = csv_project(tmp_path, "user_id,event_time,x\n" + "\n".join(rows) + "\n")
    run = compile_and_run(root)
    assert str(run.compiled.project.sources[0].schema["x"]) == kind
    assert [row["x"] for row in run.rows("f", "user_id")] == expected
