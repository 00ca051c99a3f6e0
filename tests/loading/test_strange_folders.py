"""A project may be in a folder whose name readers of files would take for a glob, or for the end of a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
from harness import compile_and_run, write_project

NAME = 'it\'s [a] *b*? {c} %d "e"'
ROW = "{},2024-01-01 12:00:00,{}"
NAMES = {
    "name": "y[1].csv",
    "folder": "z[1]/*.csv",
    "again": "w[*]/v*.ndjson",
    "flat": "u?[1].parquet",
}
"""Names that are globs of other files."""

PATHS = {"one": "one.csv", "glob": "many/*.csv", "marks": "x[[]1].csv", "lines": "?.ndjson"}


def test_the_folder_of_a_project_is_no_glob(tmp_path: Path) -> None:
    root = tmp_path / NAME
    files = {
        "one.csv": ROW.format(1, 5),
        "many/a.csv": ROW.format(1, 6),
        "many/b.csv": ROW.format(2, 7),
        "x[1].csv": ROW.format(1, 8),
    }
    for file, row in files.items():
        (root / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (root / "data" / file).write_text(f"id,ts,x\n{row}\n", encoding="utf-8")
    (root / "data" / "j.ndjson").write_text('{"id":1,"ts":"2024-01-01 12:00:00","x":9}\n')
    spec: dict[str, Any] = {
        "entities": [{"name": "thing", "join_key": "id"}],
        "sources": [
            {"name": name, "path": f"data/{path}", "timestamp": "ts"}
            for name, path in PATHS.items()
        ],
        "features": [
            {"name": f"f_{name}", "source": name, "entities": ["thing"], "select": {"x": "x"}}
            for name in PATHS
        ],
    }
    run = compile_and_run(write_project(root, spec))
    found = {name: [row["x"] for row in run.rows(f"f_{name}", "id")] for name in PATHS}
    assert found == {"one": [5], "glob": [6, 7], "marks": [8], "lines": [9]}


def test_a_name_that_is_there_is_no_glob(tmp_path: Path) -> None:
    root = tmp_path / NAME
    files = {
        "y[1].csv": ROW.format(1, 5),
        "y1.csv": ROW.format(1, 6),
        "z[1]/a.csv": ROW.format(1, 7),
        "z[1]/b[1].csv": ROW.format(2, 8),
        "z1/a.csv": ROW.format(3, 9),
    }
    for file, row in files.items():
        (root / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (root / "data" / file).write_text(f"id,ts,x\n{row}\n", encoding="utf-8")
    for folder, x in (("w[*]", 1), ("w*", 2)):
        (root / "data" / folder).mkdir()
        row = f'{{"id":1,"ts":"2024-01-01 12:00:00","x":{x}}}\n'
        (root / "data" / folder / "v1.ndjson").write_text(row)
    for file, x in (("u?[1].parquet", 3), ("u?1.parquet", 4)):
        query = f"select 1 as id, timestamp '2024-01-01 12:00:00' as ts, {x} as x"
        duckdb.sql(query).write_parquet(str(root / "data" / file))
    sources = [
        {"name": name, "path": f"data/{path}", "timestamp": "ts"} for name, path in NAMES.items()
    ]
    spec: dict[str, Any] = {
        "entities": [{"name": "thing", "join_key": "id"}],
        "sources": sources,
        "features": [
            {"name": f"f_{name}", "source": name, "entities": ["thing"], "select": {"x": "x"}}
            for name in NAMES
        ],
    }
    run = compile_and_run(write_project(root, spec))
    found = {name: [row["x"] for row in run.rows(f"f_{name}", "id")] for name in NAMES}
    assert found == {"name": [5], "folder": [7, 8], "again": [1], "flat": [3]}
