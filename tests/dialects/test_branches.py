"""Two dialects: one text where both say the same, a branch on the target where they do not."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import events
import yaml
from events import feature
from harness import write_parquet, write_project
from jinja2 import Environment

from mlforge_sql.dbt.files import project_files
from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.dialects.trees import func
from mlforge_sql.sql.branches import Branches
from mlforge_sql.workflows.compile import compile_project

if TYPE_CHECKING:
    from sqlglot import exp

FEATURE = PurePosixPath("models/features/f.sql")
CURRENT = PurePosixPath("models/features/f_current.sql")


class Other(DuckDb):
    """An engine with another word for the instants of a feature."""

    name = "other"

    def instant(self, tick: exp.Expr, clock: object, delay: int) -> exp.Expr:  # noqa: ARG002 - as the base
        return func("other_instant", tick)


def test_texts_branch_only_where_they_differ(tmp_path: Path) -> None:
    metrics = [{"windows": ["1d"], "aggregations": {"amount": ["count"]}}]
    root = write_project(tmp_path, events.spec([feature("f", metrics=metrics)]))
    schema = {"user_id": "VARCHAR", "event_time": "TIMESTAMP", "amount": "DOUBLE"}
    write_parquet(root / "data" / "events.parquet", schema, [])
    compiled = compile_project(root)
    files = project_files(compiled.project, compiled.plan, Branches((Other(), DuckDb())))

    assert files[CURRENT] == compiled.files[CURRENT]
    text = files[FEATURE]
    assert "\n        {%- if target.type == 'other' %}\n" in text

    def render(target: str) -> str:
        template = Environment(autoescape=False, keep_trailing_newline=True).from_string(text)
        said = "{{ mlforge_tick_time('tick') }}" if target == "duckdb" else "other_instant"
        return template.render(
            target={"type": target},
            ref=lambda name: f"{{{{ ref('{name}') }}}}",
            mlforge_tick_time=lambda *_: said,
            mlforge_tick=lambda *_: "{{ mlforge_tick('event_time') }}",
        )

    assert "other_instant(tick)" in render("other")
    branched, alone = (
        "".join(whole.partition("\n")[2].split())  # the first line has a hash of the whole text
        for whole in (render("duckdb"), compiled.files[FEATURE])
    )
    assert branched == alone

    properties = yaml.safe_load(files[FEATURE.with_suffix(".yml")])
    assert [model["name"] for model in properties["models"]] == ["f", "f_current"]
    assert properties["models"][0]["columns"] == properties["models"][1]["columns"]
    assert properties["models"][0]["columns"][0]["data_type"] == "string"
