"""Bad projects and what is said about them: the data files of ``tests/diagnostics``."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from mlforge_sql.errors import SpecErrors, plain
from mlforge_sql.workflows.compile import compile_project

CASES = Path(__file__).parent / "diagnostics"

BASE = {
    "mlforge.yaml": """\
name: project
profiles:
  dev:
    offline_store: {KIND: local, path: ./feature_store}
""",
    "features/base.yml": """\
entities:
  - {name: customer, join_key: customer_id, from_columns: [first_name, last_name, birth]}
  - {name: merchant, join_key: merchant_id}
sources:
  - {name: transactions, path: data/transactions.parquet, timestamp: at}
""",
}
"""The files of every project, unless the case has its own."""

COLUMNS = """
    transaction_id bigint, first_name varchar, last_name varchar, birth date, merchant_id varchar,
    "at" timestamp, at_text varchar, at_epoch bigint, amount decimal(10, 2), score double,
    kind varchar, flag boolean, tags varchar[]
"""


@dataclass(frozen=True)
class Case:
    """One bad project.

    Attributes:
        name: What it shows.
        files: Text of its files, besides ``BASE``.
        binary: Files that are not UTF-8, written as Latin-1.
        expect: Every diagnostic, as ``errors.plain`` writes it, in order.
    """

    name: str
    files: dict[str, str]
    binary: dict[str, str]
    expect: tuple[str, ...]

    def write(self, root: Path, data: Path) -> Path:
        """Write the project; ``data`` is a copy of its parquet file."""
        (root / "data").mkdir(parents=True)
        shutil.copy(data, root / "data" / "transactions.parquet")
        for name, text in {**BASE, **self.files}.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        for name, text in self.binary.items():
            (root / name).write_bytes(text.encode("latin-1"))
        return root


def read_cases(file: Path) -> list[Case]:
    """The cases of one data file."""
    found: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [
        Case(
            item["case"],
            item.get("files", {}),
            item.get("binary", {}),
            tuple(item.get("expect", ())),
        )
        for item in found
    ]


def write_data(file: Path) -> Path:
    """Write the parquet file of the cases; it has columns and no rows."""
    with duckdb.connect() as connection:
        connection.execute(f"create table rows ({COLUMNS})")
        connection.execute(f"copy rows to '{file}' (format parquet)")
    return file


def diagnostics(root: Path) -> list[str]:
    """Every diagnostic of a project, in order; any other exception is a bug."""
    try:
        compile_project(root)
    except SpecErrors as error:
        return [plain(item) for item in error.diagnostics]
    return []


def write_expectations(file: Path, data: Path, scratch: Path) -> None:
    """Write what is said now into a data file; review it as a diff."""
    head, *parts = file.read_text(encoding="utf-8").split("- case: ")
    text = head
    for number, (part, case) in enumerate(zip(parts, read_cases(file), strict=True)):
        said = diagnostics(case.write(scratch / f"{file.stem}_{number}", data))
        lines = [f"    - {json.dumps(line, ensure_ascii=False)}\n" for line in said]
        text += f"- case: {part.split('  expect:')[0]}"
        text += "  expect:\n" + "".join(lines) if lines else "  expect: []\n"
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":  # python tests/diagnostic_cases.py
    with tempfile.TemporaryDirectory() as folder:
        rows = write_data(Path(folder) / "rows.parquet")
        for name in sorted(CASES.glob("*.yml")):
            write_expectations(name, rows, Path(folder))
