"""What csv and json columns are taken for, of sources and of labels: one table for both."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from mlforge_sql.retrieval.label_types import csv_types, json_types
from mlforge_sql.workflows.compile import schema_reader

WIDE = "1" * 38
CSV = {
    ("1", "-2"): "bigint",
    ("0", "9223372036854775807"): "bigint",
    ("9223372036854775808", "1"): "decimal(38, 0)",
    (WIDE,): "decimal(38, 0)",
    (f"{WIDE}1", "1"): "text",
    ("007", "1"): "text",
    ("+1", "2"): "text",
    ("-0", "1"): "text",
    ("t", "f"): "text",
    ("0x10",): "text",
    ("1_000",): "text",
    ("01/02/2024",): "text",
    ("2024-01-01", "2024-01-01 12:00:00"): "text",
    ("infinity", "2024-01-01"): "text",
    ("1.1", "2.25"): "double",
    ("1", "2.5"): "double",
    ("nan", "1.5"): "double",
    ("-0.0", "1.5"): "double",
    ("0.30000000000000004",): "double",
    ("true", "false"): "boolean",
    ("2024-01-01", "2024-02-29"): "date",
    ("0001-01-01",): "date",
    ("2024-01-01 12:00:00", "2024-01-01 00:00:00.5"): "timestamp",
}
"""Both say the same."""

EXACT = {
    ("1.10", "2.25"): ("double", "decimal(3, 2)"),
    ("0.12345678901234567890", "1.00000000000000000001"): ("double", "decimal(21, 20)"),
    ("0.1", "1e3"): ("double", "text"),
    ("1.", ".5"): ("double", "text"),
    ("True", "FALSE"): ("boolean", "text"),
    (" 1", "2 "): ("bigint", "text"),
    ("12:00:00",): ("time", "text"),
    ("2024-01-01T12:00:00",): ("timestamp", "text"),
    ("2024-01-01 12:00",): ("timestamp", "text"),
    ("2024-01-01 12:00:00Z", "2024-01-01 12:00:00+02"): ("timestamp_tz", "text"),
}
"""A source's values are computed with; a label's go out as they came in, to the last character."""

JSON = {
    ("1", "2"): "bigint",
    ("18446744073709551616",): "decimal(38, 0)",
    ("1.10", "2.25"): "double",
    ("1e3", "1"): "double",
    ("12345678901234567890.5",): "double",
    ("true", "false"): "boolean",
    ('"1"', '"2"'): "text",
    ('"true"',): "text",
    ('"2024-01-01"',): "date",
    ('"2024-01-01 12:00:00"',): "timestamp",
}


@pytest.mark.parametrize("texts", [*CSV, *EXACT])
def test_texts_of_csv(texts: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("k,x\n" + "".join(f"r,{text}\n" for text in texts), encoding="utf-8")
    source, label = EXACT[texts] if texts in EXACT else 2 * (CSV[texts],)
    with schema_reader(tmp_path) as reader, duckdb.connect() as connection:
        assert str(reader.read("a.csv").columns["x"].type) == source
        relation = f"read_csv('{file}', all_varchar = true)"
        assert str(csv_types(connection, relation, ["x"])["x"]) == label


@pytest.mark.parametrize("texts", JSON)
def test_values_of_json(texts: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_text("".join(f'{{"x": {text}}}\n' for text in texts), encoding="utf-8")
    with schema_reader(tmp_path) as reader, duckdb.connect() as connection:
        assert str(reader.read("a.ndjson").columns["x"].type) == JSON[texts]
        relation = f"read_json('{file}', columns = {{x: 'JSON'}})"
        assert str(json_types(connection, relation, ["x"])["x"]) == JSON[texts]
