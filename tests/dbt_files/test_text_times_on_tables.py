"""Event times that files tell in text, in a table on Databricks: its types, and what the check of it asks."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from harness import write_project
from jinja2 import Undefined
from warehouse import Connection, Warehouse
from warehouse_harness import CONFIG

from mlforge_sql.dbt.macros import _ENVIRONMENT, Macros
from mlforge_sql.workflows.compile import Compiled, compile_project

TIMES: dict[str, tuple[Any, dict[str, str], str]] = {
    "ISO 8601": ("at", {"at": "2024-01-02T12:00:00+01:00"}, "timestamp"),
    "a format": (
        {"column": "at", "format": "%Y-%m-%d %H:%M:%S"},
        {"at": "2024-01-02 12:00:00"},
        "string",
    ),
    "two columns": ({"date": "at", "time": "t"}, {"at": "2024-01-02", "t": "12:00"}, "string"),
    "two and a format": (
        {"date": "at", "time": "t", "format": "%Y%m%d %H%M"},
        {"at": "20240102", "t": "1200"},
        "string",
    ),
}
"""The event time, its text, and the type that its columns have in a table."""


def compiled(root: Path, time: str, kind: str = "csv") -> Compiled:
    timestamp, texts, _ = TIMES[time]
    event = {"name": "ev", "path": f"data/ev.{kind}", "table": "main.raw.ev"}
    select = {"name": "f", "source": "ev", "entities": ["one"], "select": {"x": "id"}}
    spec: dict[str, Any] = {
        "entities": [{"name": "one", "join_key": "id"}],
        "sources": [{**event, "timestamp": timestamp}],
        "features": [select],
        "training_sets": [{"name": "taken", "labels": "ev", "features": ["f"]}],
    }
    said = {"id": "a1", **texts}
    json = "{" + ", ".join(f'"{name}": "{text}"' for name, text in said.items()) + "}"
    csv = f"{','.join(said)}\n{','.join(said.values())}"
    (root / "data").mkdir(parents=True)
    (root / "data" / f"ev.{kind}").write_text((csv if kind == "csv" else json) + "\n")
    return compile_project(write_project(root, spec, CONFIG))


def databricks(project: Compiled, **context: Any) -> Macros:
    target = SimpleNamespace(type="databricks", name="databricks")
    return Macros(project.files, "databricks", str, context={"target": target, **context})


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize("time", TIMES)
def test_the_check_and_the_source_name_the_same_types(tmp_path: Path, time: str, kind: str) -> None:
    _, texts, wanted = TIMES[time]
    project = compiled(tmp_path, time, kind)
    sources = yaml.safe_load(project.files[PurePosixPath("models/staging/_sources.yml")])
    (table,) = sources["sources"][0]["tables"]
    macros = databricks(project)
    told = {item["name"]: macros.render(item["data_type"]) for item in table["columns"]}
    checked = macros.call("mlforge_sources")["ev"]["columns"]
    assert told == {item["name"]: item["type"] for item in checked}
    assert {told[name] for name in texts} <= {wanted, "int"}, "a time of the day may be a number"
    assert told["at"] == wanted


@pytest.mark.parametrize("time", ["ISO 8601", "a format"])
def test_labels_keep_text_and_make_text_of_instants(tmp_path: Path, time: str) -> None:
    project = compiled(tmp_path, time)
    path = next(item for item in project.files if item.name == "int_taken__labels.sql")
    text = databricks(project, **_names()).render(project.files[path])
    made = "cast(`at` as string)" in " ".join(text.split())
    assert made is (time == "ISO 8601")


def _names() -> dict[str, Any]:
    return {"source": lambda _group, table: table, "config": lambda **_: "", "var": {}.get}


def test_the_check_runs_on_databricks(
    tmp_path: Path, shared_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that does not fit is counted in each of them, and text in place of instants is told."""
    monkeypatch.setattr(_ENVIRONMENT, "undefined", Undefined)  # as lenient as dbt
    with_text = shared_warehouse.connect(schema="default")
    for number, (time, (_, texts, _)) in enumerate(TIMES.items()):
        columns = ", ".join(f"'{text}' as {name}" for name, text in texts.items())
        wrong = ", ".join(f"'Marked' as {name}" for name in texts)
        view = f"text_times_{number}"
        rows = f"select 'a1' as id, {columns} union all select 'a2', {wrong}"
        with_text.sql(f"create or replace view {view} as {rows}")
        said = _changes(compiled(tmp_path / str(number), time), view, with_text)
        what = "not in its format" if "format" in time else "no ISO timestamp"
        assert said == [
            "`at` is string, not timestamp" if time == "ISO 8601" else f"`at` is {what} in 1 row"
        ]
    with_text.close()


def _changes(project: Compiled, view: str, connection: Connection) -> list[str]:
    """What the check finds wrong with a view that is the source's table."""
    node = SimpleNamespace(name="ev", database=None, schema="default", identifier=view)

    def run_query(query: str) -> Any:
        return SimpleNamespace(rows=connection.sql(query))

    macros = databricks(
        project,
        run_query=run_query,
        graph=SimpleNamespace(sources={"ev": node}),
        api=SimpleNamespace(Relation=SimpleNamespace(create=lambda **_: view)),
    )
    known = macros.call("mlforge_sources")["ev"]
    node.source_name = known["group"]
    found: list[str] = macros.call("mlforge_table_changes", "ev", known)
    return found
