"""Paths of sources that are no plain files: decided while compiling, and never waited for."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlforge_sql.errors import SchemaUnreadable
from mlforge_sql.workflows.compile import schema_reader

NO_FILES = {
    "https://127.0.0.1:9/a.csv": "is not read while compiling",
    "s3://bucket/a.parquet": "is not read while compiling",
    "/etc/passwd": "cannot tell the format of",
    "/proc/self/environ": "cannot tell the format of",
    "..": "cannot tell the format of",
    "~/a.csv": "no file matches",
    "${HOME}/a.csv": "no file matches",
    "loop.csv": "no file matches",
    "pipe.csv": "is a pipe or a device, not a file",
    "*.json": "no file matches",
    "zero.csv": "is a pipe or a device, not a file",
}


@pytest.mark.parametrize("path", NO_FILES)
def test_what_is_no_file_is_told(path: str, tmp_path: Path) -> None:
    for name in ("pipe.csv", "pipe.json"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    with pytest.raises(SchemaUnreadable) as error:
        schema_reader(tmp_path).read(path, None, None)
    assert NO_FILES[path] in str(error.value)


def test_links_and_files_outside_are_files(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "a.csv").write_text("x\n1\n")
    (root / "link.csv").symlink_to("../a.csv")
    for path in ("../a.csv", "link.csv", "../project/../a.csv"):
        assert list(schema_reader(root).read(path, None, None).columns) == ["x"]


def test_decimals_that_would_be_read_as_doubles(tmp_path: Path) -> None:
    for digits in (38, 39):
        column = pa.array([Decimal("1.25")], pa.decimal256(digits, 2))
        pq.write_table(pa.table({"x": column}), tmp_path / f"{digits}.parquet")
    with schema_reader(tmp_path) as reader:
        assert str(reader.read("38.parquet").columns["x"].type) == "decimal(38, 2)"
        with pytest.raises(SchemaUnreadable) as error:
            reader.read("39.parquet")
    assert str(error.value) == (
        "cannot read `39.parquet`: in `39.parquet`, column `x` is a decimal of more than 38 digits, "
        "which would be read as a double"
    )
    assert error.value.hint == "write it with at most 38 digits, or as text"
