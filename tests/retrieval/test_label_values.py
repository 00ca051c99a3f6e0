"""Nothing of a label's own columns changes on its way: every reader, every type, every output."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from harness import compile_and_run, write_parquet, write_project
from purchases import START
from served import record

import mlforge_sql as mlf
from mlforge_sql.cli import main
from mlforge_sql.errors import RetrievalError

TAKEN = "2024-01-03 00:00:00"
WANTED = "shop_spend:amount_max_2d"
TEXTS: dict[str, list[str]] = {
    "order_id": ["12345678901234567890", "12345678901234567891"],
    "small": ["1", "-2"],
    "first_id": ["9223372036854775807", "9223372036854775808"],
    "forty": ["1" * 41, "2"],
    "thirty": ["9" * 38, "-" + "9" * 38],
    "zeros": ["007", "008"],
    "money": ["1.10", "-2.50"],
    "ratio": ["0.1", "2.75"],
    "wide": ["0.12345678901234567890", "0.12345678901234567891"],
    "mixed": ["1.10", "1.5"],
    "dates": ["2024-01-31", "2023-02-28"],
    "german": ["31.01.2024", "01.02.2024"],
    "no_date": ["2024-02-31", "2024-02-28"],
    "times": ["2024-01-31 12:00:00", "2024-01-31 12:00:00.5"],
    "iso": ["2024-01-31T12:00:00Z", "2024-01-31T12:00:00+02:00"],
    "flags": ["true", "false"],
    "words": ["True", "FALSE"],
    "some": ["true", "1"],
    "signs": ["+1", "-0"],
    "exponent": ["1e400", "1e5"],
    "plain": ["a", "ä"],
}
"""Columns of a csv file: what stands there has to stand in the output."""


def labels_csv(root: Path) -> Path:
    file = root / "labels.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["shop_id", "taken", *TEXTS])
        writer.writerows([0, TAKEN, *row] for row in zip(*TEXTS.values(), strict=True))
    return file


def command(root: Path, labels: Path, out: Path) -> Path:
    arguments = ["--project-dir", str(root), "training-data", str(labels), "--features", WANTED]
    result = CliRunner().invoke(main, [*arguments, "--timestamp", "taken", "--out", str(out)])
    assert result.exit_code == 0, result.output
    return out


def test_csv_through_the_command(root: Path, tmp_path: Path) -> None:
    labels = labels_csv(tmp_path)
    with command(root, labels, tmp_path / "out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {name: [row[name] for row in rows] for name in TEXTS} == TEXTS
    lines = command(root, labels, tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    for name in ("order_id", "small", "first_id", "thirty"):
        for line, text in zip(lines, TEXTS[name], strict=True):
            assert f'"{name}":{text},' in line
    found = [json.loads(line) for line in lines]
    for name in ("forty", "zeros", "german", "mixed", "some", "signs", "plain", "iso", "words"):
        assert [row[name] for row in found] == TEXTS[name]
    stored = duckdb.sql(f"from '{command(root, labels, tmp_path / 'out.parquet')}'")
    shown = stored.project(", ".join(f'cast("{name}" as varchar) as "{name}"' for name in TEXTS))
    assert dict(zip(TEXTS, map(list, zip(*shown.fetchall(), strict=True)), strict=True)) == TEXTS


@pytest.mark.parametrize("output", ["pandas", "polars", "pyarrow"])
def test_csv_in_python(root: Path, tmp_path: Path, output: Any) -> None:
    project = mlf.load_project(root)
    found = project.get_training_data(WANTED, labels_csv(tmp_path), "taken", output=output)
    rows = found.to_pylist() if output == "pyarrow" else found.to_dict(**_records(output))
    for name in ("order_id", "first_id", "thirty", "money", "wide"):
        values = [row[name] for row in rows] if isinstance(rows, list) else rows[name]
        assert [Decimal(value) for value in values] == [Decimal(text) for text in TEXTS[name]]
        assert not any(isinstance(value, float) for value in values)
    forty = [row["forty"] for row in rows] if isinstance(rows, list) else rows["forty"]
    assert list(forty) == TEXTS["forty"]


def _records(output: str) -> dict[str, Any]:
    return {"orient": "records"} if output == "pandas" else {"as_series": False}


def test_json_numbers_have_all_their_digits(root: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    numbers = ["18446744073709551616", "123456789012345678901234567890"]
    rest = [
        '"forty": ' + "1" * 41 + ', "zeros": "007", "mixed": true, "nested": {"a": [1, 2]}',
        '"forty": 3, "zeros": "8", "mixed": 2, "nested": {"a": []}',
    ]
    labels.write_text(
        "".join(
            f'{{"shop_id": 0, "taken": "{TAKEN}", "big": {number}, {more}, "none": null}}\n'
            for number, more in zip(numbers, rest, strict=True)
        ),
        encoding="utf-8",
    )
    lines = command(root, labels, tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert [f'"big":{number},' in line for number, line in zip(numbers, lines, strict=True)] == [
        True,
        True,
    ]
    found = [json.loads(line) for line in lines]
    assert [row["forty"] for row in found] == ["1" * 41, "3"]
    assert [row["zeros"] for row in found] == ["007", "8"]
    assert [row["mixed"] for row in found] == ["true", "2"]
    assert [row["nested"] for row in found] == [{"a": [1, 2]}, {"a": []}]
    assert [row["none"] for row in found] == [None, None]


VALUES = {
    "hugeint": "12345678901234567890::hugeint",
    "least": "(-99999999999999999999999999999999999999)::hugeint",
    "uhugeint": "12345678901234567890::uhugeint",
    "ubigint": "18446744073709551615::ubigint",
    "utinyint": "255::utinyint",
    "bignum": "'12345678901234567890123456789012345678901'::bignum",
    "uuid": "'123e4567-e89b-12d3-a456-426614174000'::uuid",
    "enum": "'a'::enum('a', 'b')",
    "time": "time '12:00:00.123456'",
    "timetz": "'12:00:00.123456+02'::timetz",
    "time_ns": "'12:00:00.123456789'::time_ns",
    "interval": "interval '1 month 2 days 3.000001 seconds'",
    "blob": r"'\xAB'::blob",
    "bit": "'0101'::bit",
    "nanoseconds": "'2024-01-01 00:00:00.123456789'::timestamp_ns",
    "seconds": "'2024-01-01'::timestamp_s",
    "instant": "'2024-01-01 00:00:00+02'::timestamptz",
    "decimal": "1.10::decimal(38, 2)",
    "list": "[1, 2]",
    "huge_list": "[12345678901234567890::hugeint]",
    "struct": "{'INTERVAL': 12345678901234567890::hugeint, 'b': 'x'}",
    "map": "map {'a': 1}",
    "union": "union_value(a := 1)",
    "json": """'{"a": 1}'::json""",
    "float": "1.1::float",
    "date": "date '0001-01-01'",
    "nothing": "null",
}


def relation() -> Any:
    listed = ", ".join(f'{value} as "{name}"' for name, value in VALUES.items())
    return duckdb.sql(f"select 0::bigint as shop_id, timestamp '{TAKEN}' as taken, {listed}")


def shown(name: str) -> Any:
    return duckdb.sql(f"select ({VALUES[name]})::varchar").fetchall()[0][0]


@pytest.mark.parametrize("name", VALUES)
def test_every_type_in_every_output(root: Path, tmp_path: Path, name: str) -> None:
    """Relations and parquet in; Arrow, pandas, polars, parquet, csv and json out."""
    labels = duckdb.sql(
        f"select 0::bigint as shop_id, timestamp '{TAKEN}' as taken, {VALUES[name]} as \"{name}\""
    )
    project = mlf.load_project(root)
    data = project.training_data(WANTED, labels, "taken")
    table = data.table()
    data.close()
    text = duckdb.sql(f'select cast("{name}" as varchar) from "table"').fetchall()[0][0]
    assert text == shown(name) or table.column(name).to_pylist()[0] == b"\xab"
    frame = project.get_training_data(WANTED, labels, "taken", output="pandas")
    assert len(frame[name]) == 1
    if name not in {"map", "nanoseconds"}:  # polars has maps as lists of pairs
        polars = project.get_training_data(WANTED, labels, "taken", output="polars")
        assert polars.height == 1
    for ending in ("parquet", "csv", "json"):
        out = tmp_path / f"out.{ending}"
        data = project.training_data(WANTED, labels, "taken")
        data.rows.write_parquet(tmp_path / "labels.parquet")
        data.close()
        command(root, _without_features(tmp_path), out)
        if ending == "parquet":
            found = duckdb.sql(f"select cast(\"{name}\" as varchar) from '{out}'").fetchall()
            assert found[0][0] == shown(name)


def _without_features(folder: Path) -> Path:
    file = folder / "given.parquet"
    query = f"select * exclude (shop_spend__amount_max_2d) from '{folder / 'labels.parquet'}'"
    duckdb.sql(query).write_parquet(str(file))
    return file


def test_an_integer_too_long_for_a_decimal_is_said(root: Path) -> None:
    value = 10**38
    labels = duckdb.sql(
        f"select 0::bigint as shop_id, timestamp '{TAKEN}' as taken, {value}::hugeint as x"
    )
    with pytest.raises(RetrievalError, match="DECIMAL"):
        mlf.load_project(root).get_training_data(WANTED, labels, "taken", output="pandas")


PARTS = {
    "another type": ("x bigint", "x double", "column `x` is double in `b.parquet` and bigint in"),
    "no such column": ("x bigint, y bigint", "x bigint", "`b.parquet` has no column `y`"),
    "a new column": ("x bigint", "x bigint, y bigint", "`a.parquet` has no column `y`"),
    "a child of the same name": (
        "x bigint, meta struct(x bigint)",
        "x double, meta struct(x bigint)",
        "column `x` is double in `b.parquet` and bigint in",
    ),
    "another child": (
        "x bigint, meta struct(x bigint)",
        "x bigint, meta struct(x double)",
        "column `meta` is struct(x double) in `b.parquet`",
    ),
}


@pytest.mark.parametrize("name", PARTS)
def test_parquet_files_that_differ(root: Path, tmp_path: Path, name: str) -> None:
    first, second, wanted = PARTS[name]
    for file, columns in (("a", first), ("b", second)):
        with duckdb.connect() as connection:
            connection.execute(f"create table t (shop_id bigint, taken timestamp, {columns})")
            connection.execute(f"copy t to '{tmp_path / file}.parquet'")
    with pytest.raises(RetrievalError) as caught:
        mlf.load_project(root).get_training_data(WANTED, tmp_path / "*.parquet", "taken")
    [problem] = caught.value.diagnostics
    assert problem.code == "MF063"
    assert wanted in problem.message


KEYS = ["utinyint", "usmallint", "uinteger", "ubigint", "hugeint", "uhugeint", "decimal(20, 0)"]


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features whose keys are a decimal without a fraction, and text that looks like UUIDs or not."""
    root = tmp_path_factory.mktemp("keyed")
    spec = {
        "entities": [
            {"name": "item", "join_key": "item_id"},
            {"name": "user", "join_key": "user_id"},
            {"name": "account", "join_key": "account_id", "from_columns": ["user_id"]},
        ],
        "sources": [{"name": "events", "timestamp": "at", "path": "data/events.parquet"}],
        "features": [
            {
                "name": f"of_{entity}",
                "source": "events",
                "entities": [entity],
                "select": {"amount": "amount"},
            }
            for entity in ("item", "user", "account")
        ],
    }
    write_project(root, spec)
    schema = {
        "item_id": "DECIMAL(20, 0)",
        "user_id": "VARCHAR",
        "at": "TIMESTAMP",
        "amount": "BIGINT",
    }
    users = ["123e4567-e89b-12d3-a456-426614174000", "no uuid"]
    rows = [
        {"item_id": number, "user_id": users[number % 2], "at": START, "amount": number}
        for number in (7, 8)
    ]
    write_parquet(root / "data" / "events.parquet", schema, rows)
    (root / "feature_store").mkdir()
    with duckdb.connect(str(root / "feature_store" / "features.duckdb")) as connection:
        compile_and_run(root, connection=connection)
        record(root, connection, "run", START)
    return root


@pytest.mark.parametrize("kind", KEYS)
def test_integers_for_decimal_keys(keyed: Path, kind: str) -> None:
    labels = duckdb.sql(f"select {7}::{kind} as item_id, timestamp '{TAKEN}' as taken")
    found = mlf.load_project(keyed).get_training_data("of_item", labels, "taken", output="pyarrow")
    assert found.column("of_item__amount").to_pylist() == [7]


@pytest.mark.parametrize("feature", ["of_user", "of_account"])
def test_uuids_for_text_keys(keyed: Path, feature: str) -> None:
    value = "'123E4567-e89b-12d3-a456-426614174000'::uuid"
    labels = duckdb.sql(f"select {value} as user_id, timestamp '{TAKEN}' as taken")
    found = mlf.load_project(keyed).get_training_data(feature, labels, "taken", output="pyarrow")
    assert found.column(f"{feature}__amount").to_pylist() == [8]
    assert found.column("user_id").to_pylist() == ["123e4567-e89b-12d3-a456-426614174000"]
