"""The README says what is true: its spec compiles to its SQL, in YAML and in Python."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path, PurePosixPath

import pytest
import yaml
from harness import CONFIG, write_parquet, write_project

from mlforge_sql.workflows.compile import compile_project

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODEL = PurePosixPath("models/features/customer_velocity.sql")


def block(mark: str, language: str) -> str:
    found = re.search(rf"{re.escape(mark)}\n```{language}\n(.*?)```", README, re.DOTALL)
    assert found, mark
    return found[1]


def project(tmp_path: Path) -> Path:
    spec = yaml.safe_load(block("<!-- spec -->", "yaml"))
    root = write_project(tmp_path, spec, CONFIG)
    schema = {"customer_id": "VARCHAR", "transaction_time": "TIMESTAMP", "amount": "DOUBLE"}
    row = {"customer_id": "c1", "transaction_time": datetime(2024, 1, 1), "amount": 1.0}
    write_parquet(root / "data" / "transactions.parquet", schema, [row])
    return root


def test_the_spec_becomes_the_sql(tmp_path: Path) -> None:
    text = compile_project(project(tmp_path)).files[MODEL]
    assert text.replace("features/spec.yml", "features/customers.yml") == block(
        "<!-- sql -->", "sql"
    )


def test_the_project_file_is_whole(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / "mlforge.yaml").write_text(block("<!-- project -->", "yaml"), encoding="utf-8")
    assert compile_project(root).project.config.default == "dev"


def test_the_python_says_the_same(tmp_path: Path) -> None:
    root = project(tmp_path)
    from_yaml = compile_project(root).files[MODEL]
    spec = yaml.safe_load((root / "features" / "spec.yml").read_text(encoding="utf-8"))
    del spec["features"]
    (root / "features" / "spec.yml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert found
    (root / "features" / "spec.py").write_text(found[1], encoding="utf-8")
    from_python = compile_project(root).files[MODEL]
    assert from_python.splitlines()[1:] == from_yaml.splitlines()[1:]


@pytest.mark.parametrize(
    "name",
    ["make demo", "make check", "make test", "make bench", "make scale", "make stream"],
)
def test_commands_exist(name: str) -> None:
    assert name in README
    target = name.removeprefix("make ")
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
