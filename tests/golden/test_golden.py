"""A page for each kind of feature: spec, plan and the SQL of both engines, to be reviewed as a diff.

``pytest tests/golden --regenerate`` writes the pages. That the SQL is right is shown elsewhere; here it
is seen what a change of the compiler changes.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import project_macros, write_parquet, write_project
from warehouse_harness import CONFIG, warehouse_macros

from mlforge_sql.plan.describe import describe_feature
from mlforge_sql.workflows.compile import Compiled, compile_project

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = yaml.safe_load((HERE / "cases.yml").read_text(encoding="utf-8"))
SCHEMA = {
    "id": "BIGINT",
    "user_id": "VARCHAR",
    "shop_id": "BIGINT",
    "first_name": "VARCHAR",
    "born": "DATE",
    "at": "TIMESTAMP",
    "said_at": "VARCHAR",
    "kind": "VARCHAR",
    "amount": "DOUBLE",
    "visits": "BIGINT",
    "price": "DECIMAL(9,2)",
}
LABELS = {"user_id": "VARCHAR", "marked_at": "TIMESTAMP", "is_fraud": "BOOLEAN"}
AS_OF = datetime(2024, 1, 1)


def spec_of(case: dict[str, Any]) -> dict[str, Any]:
    """The specs of a case: one source, and a feature `f` of users unless it says otherwise."""
    events = {"name": "events", "path": "data/events.parquet", "table": "main.raw.events"}
    spec: dict[str, Any] = {
        "entities": case.get("entities", [{"name": "user", "join_key": "user_id"}]),
        "sources": [{**events, "timestamp": "at", **case.get("source", {})}],
        "features": [{"name": "f", "source": "events", "entities": ["user"], **case["feature"]}],
    }
    if "training_set" in case:
        labels = {"name": "labels", "path": "data/labels.parquet", "table": "main.raw.labels"}
        spec["sources"].append({**labels, "timestamp": "marked_at"})
        spec["training_sets"] = [{"name": "train", "labels": "labels", **case["training_set"]}]
    return spec


def text_of(compiled: Compiled, name: str) -> str:
    """The text of a compiled file, without its header."""
    file = name if name.endswith(".yml") else f"{name}.sql"
    (path,) = [item for item in compiled.files if item.name == file]
    return compiled.files[path].split("\n", 1)[1].strip("\n") + "\n"


def page(case: dict[str, Any], compiled: Compiled) -> str:
    """The page of a case."""
    spec = spec_of(case)
    engines = {
        "DuckDB": project_macros(compiled, Path("<project>"), AS_OF),
        "Databricks": warehouse_macros(compiled, "main.features", AS_OF),
    }
    plan = describe_feature(compiled.project, compiled.plan, "f")
    parts = [f"# {case['name']}\n\n{case['about']}\n", block("yaml", dump(spec)), "Plan:\n"]
    parts.append(block("yaml", dump({key: value for key, value in plan.items() if value})))
    for name in case.get("show", ["f"]):
        text = text_of(compiled, name)
        if name.endswith(".yml"):
            parts += [f"`{name}`:\n", block("yaml", text)]
            continue
        said = {engine: macros.render(text) for engine, macros in engines.items()}
        if len(set(said.values())) == 1:
            said = {"both engines": said["DuckDB"]}
        for engine, sql in said.items():
            parts += [f"`{name}` on {engine}:\n", block("sql", sql)]
    return "\n".join(parts)


def block(kind: str, text: str) -> str:
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join([f"```{kind}", *kept, "```", ""])


def dump(document: Any) -> str:
    return yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_page_is_what_is_compiled(
    case: dict[str, Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    write_parquet(tmp_path / "data" / "events.parquet", SCHEMA, [])
    write_parquet(tmp_path / "data" / "labels.parquet", LABELS, [])
    found = page(case, compile_project(write_project(tmp_path, spec_of(case), CONFIG)))
    file = HERE / f"{case['name']}.md"
    if request.config.getoption("--regenerate"):
        file.write_text(found, encoding="utf-8")
    assert file.is_file(), "run `pytest tests/golden --regenerate`"
    assert found == file.read_text(encoding="utf-8"), (
        "if it is meant, run `pytest tests/golden --regenerate` and review the diff"
    )


def test_there_is_a_page_for_each_case_and_no_other() -> None:
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)
    assert {file.stem for file in HERE.glob("*.md")} == set(names)
