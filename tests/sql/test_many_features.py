"""A thousand features in one project."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from diagnostic_cases import BASE, write_data

from mlforge_sql.workflows.compile import compile_project, write_project

COUNT = 1000
FIELDS = ("amount", "score", "at_epoch", "transaction_id")
FUNCTIONS = ("sum", "mean", "count", "std", "min", "max")


def feature(number: int) -> dict[str, object]:
    """One of the thousand: they differ in keys, clock, windows and filters."""
    metric = {
        "windows": [f"{1 + number % 30}d", "90d"],
        "aggregations": {FIELDS[number % 4]: [FUNCTIONS[number % 6], FUNCTIONS[(number + 1) % 6]]},
    }
    if number % 7 == 0:
        metric["where"] = f"amount > {number}"
    found: dict[str, object] = {
        "name": f"feature_{number}",
        "source": "transactions",
        "entities": [("merchant", "customer")[number % 2]],
        "tags": [f"tag_{number % 10}"],
        "validators": {"amount": ["not_null", {"less_than": number}]},
    }
    if number % 10 == 9:
        return {**found, "select": {"twice": f"amount * {number}", "kind": "kind"}}
    if number % 10 < 8:
        found["interval"] = ("1d", "1h")[number % 3 == 0]
    return {**found, "metrics": [metric]}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many")
    (root / "features").mkdir()
    (root / "data").mkdir()
    write_data(root / "data" / "transactions.parquet")
    for name, text in BASE.items():
        (root / name).write_text(text, encoding="utf-8")
    for start in range(0, COUNT, 100):
        specs = {"features": [feature(number) for number in range(start, start + 100)]}
        file = root / "features" / f"from_{start}.yml"
        file.write_text(yaml.safe_dump(specs), encoding="utf-8")
    return root


def test_a_thousand_features_compile_and_the_second_run_writes_nothing(root: Path) -> None:
    started = time.perf_counter()
    compiled = compile_project(root)
    between = time.perf_counter()
    changes = write_project(compiled)
    ended = time.perf_counter()
    print(
        f"\n{COUNT} features: {ended - started:.1f} s "
        f"(compile {between - started:.1f} s, write {ended - between:.1f} s)"
    )
    assert len(compiled.project.features) == COUNT
    assert len(changes.created) == len(compiled.files) > 4 * COUNT
    assert write_project(compile_project(root)).is_empty
    assert time.perf_counter() - started < 240
