"""Columns that a few values make text: how many is told, and none of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import CONFIG, write_project

from mlforge_sql.errors import SpecErrors, plain
from mlforge_sql.workflows.compile import compile_project

MARK = "Q7X"
COUNTED = {
    "one": (["1", "2.5", MARK], "1 value is no number, and 2 are: mend the file"),
    "two": (
        ["1", MARK, "2", "1e3", f"{MARK}2"],
        "2 values are no numbers, and 3 are: mend the file",
    ),
    "most": (["1", MARK, f"{MARK}2"], "use `count`, or another column"),
    "half": (["1", MARK], "use `count`, or another column"),
}


def refused(root: Path, values: list[str], ending: str, **source: object) -> str:
    rows = [
        {"user_id": 1, "at": f"2024-01-01 10:00:{at:02}", "amount": value}
        for at, value in enumerate(values)
    ]
    (root / "data").mkdir()
    lines = (
        ["user_id,at,amount", *(",".join(map(str, row.values())) for row in rows)]
        if ending == "csv"
        else [json.dumps(row) for row in rows]
    )
    (root / "data" / f"events.{ending}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    spec = {
        "entities": [{"name": "user", "join_key": "user_id"}],
        "sources": [
            {"name": "events", "path": f"data/events.{ending}", "timestamp": "at", **source}
        ],
        "features": [
            {
                "name": "spend",
                "source": "events",
                "entities": ["user"],
                "metrics": [{"windows": ["1d"], "aggregations": {"amount": ["sum"]}}],
            }
        ],
    }
    write_project(root, spec, CONFIG)
    with pytest.raises(SpecErrors) as caught:
        compile_project(root)
    (problem,) = caught.value.diagnostics
    return plain(problem)


@pytest.mark.parametrize("ending", ["csv", "json"])
@pytest.mark.parametrize("name", COUNTED)
def test_a_few_values_are_counted(tmp_path: Path, name: str, ending: str) -> None:
    values, hint = COUNTED[name]
    said = refused(tmp_path, values, ending)
    assert "error[MF032]: `sum` needs a numeric or boolean column, `amount` is text; " in said
    assert hint in said
    assert MARK not in said


def test_text_that_is_declared_is_text(tmp_path: Path) -> None:
    columns = {"user_id": "bigint", "at": "timestamp", "amount": "text"}
    said = refused(tmp_path, ["1", "2.5", MARK], "csv", columns=columns)
    assert said.endswith("`amount` is text; use `count`, or another column")
