"""Labels whose names are replaced by keys: nothing personal in the training set."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from harness import (
    CONFIG,
    Run,
    compile_and_run,
    project_macros,
    write_parquet,
    write_project,
)
from purchases import LABEL_SCHEMA, LABELS, ROWS, SCHEMA, SPEC

import mlforge_sql as mlf
from mlforge_sql.errors import SpecErrors, plain
from mlforge_sql.workflows.compile import compile_project


def project(
    root: Path, config: dict[str, Any] = CONFIG, source: dict[str, Any] | None = None, **labels: Any
) -> Path:
    spec = deepcopy(SPEC)
    spec["sources"][1] |= source or {}
    spec["training_sets"][0]["labels"] = {"source": "labels", "pseudonymize": True} | labels
    write_project(root, spec, config)
    write_parquet(root / "data" / "events.parquet", SCHEMA, ROWS)
    write_parquet(root / "data" / "labels.parquet", LABEL_SCHEMA, LABELS)
    return root


def said(root: Path) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        compile_project(root)
    return [plain(item) for item in caught.value.diagnostics]


def test_keys_stand_for_what_they_are_computed_from(tmp_path: Path) -> None:
    hidden = compile_and_run(project(tmp_path / "hidden"))
    shown = compile_and_run(project(tmp_path / "shown", pseudonymize=False))
    found, plain_rows = (run.rows("train", "taken") for run in (hidden, shown))
    assert list(found[0])[:3] == ["user_id", "shop_id", "taken"]
    assert list(plain_rows[0])[:4] == ["first_name", "born", "shop_id", "taken"]
    for row, label in zip(found, LABELS, strict=True):
        assert row["user_id"] == mlf.surrogate_key(label["first_name"], label["born"])
    features = [{k: v for k, v in row.items() if "__" in k} for row in found]
    assert features == [{k: v for k, v in row.items() if "__" in k} for row in plain_rows]


def test_with_dedupe_and_filter(tmp_path: Path) -> None:
    root = project(
        tmp_path, source={"where": "first_name <> 'name 3'", "dedupe": {"key": ["first_name"]}}
    )
    run = compile_and_run(root)
    assert len(run.rows("train")) == 3


def test_the_audit_agrees(tmp_path: Path) -> None:
    run: Run = compile_and_run(project(tmp_path))
    audits = [path for path in run.compiled.files if path.stem.startswith("audit_train__")]
    assert len(audits) == 2
    macros = project_macros(run.compiled, tmp_path)
    for path in audits:
        assert "first_name" not in run.compiled.files[path]
        assert run.connection.execute(macros.render(run.compiled.files[path])).fetchall() == []
    run.connection.execute("update train set spend__amount_sum_7d = 1e9")
    spend = next(path for path in audits if path.stem == "audit_train__spend")
    assert run.connection.execute(macros.render(run.compiled.files[spend])).fetchall()


def test_names_are_hidden_whatever_is_asked_for(tmp_path: Path) -> None:
    spec = deepcopy(SPEC)
    spec["training_sets"][0] |= {
        "labels": {"source": "labels", "pseudonymize": True},
        "features": ["shop_spend"],
    }
    root = project(tmp_path)
    write_project(root, spec)
    assert list(compile_and_run(root).rows("train")[0])[:3] == ["user_id", "shop_id", "taken"]
    keyed = [row | {"user_id": "u"} for row in LABELS]
    write_parquet(root / "data" / "labels.parquet", LABEL_SCHEMA | {"user_id": "VARCHAR"}, keyed)
    found = compile_and_run(root).rows("train")
    assert list(found[0])[:3] == ["shop_id", "taken", "user_id"]
    assert {row["user_id"] for row in found} == {"u"}


def test_nothing_to_hide(tmp_path: Path) -> None:
    root = project(tmp_path)
    schema = {name: kind for name, kind in LABEL_SCHEMA.items() if name != "born"}
    rows = [{name: row[name] for name in schema} for row in LABELS]
    write_parquet(root / "data" / "labels.parquet", schema | {"user_id": "VARCHAR"}, [row | {"user_id": "u"} for row in rows])  # fmt: skip
    (problem,) = said(root)
    assert "error[MF017]: `pseudonymize` hides nothing" in problem


def test_a_salted_key_is_in_no_view(tmp_path: Path) -> None:
    config = CONFIG | {"surrogate_key_salt_env": "SALT"}
    compiled = compile_project(project(tmp_path, config))
    text = next(
        text for path, text in compiled.files.items() if path.name == "int_train__labels.yml"
    )
    assert "materialized: table" in text
    run = compile_and_run(tmp_path, env={"SALT": "s"})
    key = mlf.surrogate_key(LABELS[0]["first_name"], LABELS[0]["born"], salt="s")
    assert run.rows("train", "taken")[0]["user_id"] == key


def test_parts_of_another_type(tmp_path: Path) -> None:
    root = project(tmp_path)
    write_parquet(root / "data" / "labels.parquet", LABEL_SCHEMA | {"born": "VARCHAR"}, LABELS)
    (problem,) = said(root)
    assert "error[MF061]: column `born` of the labels is text, the feature's is date" in problem


def test_only_the_rows_of_a_source(tmp_path: Path) -> None:
    root = project(tmp_path, source=None)
    spec = deepcopy(SPEC)
    spec["training_sets"][0]["labels"] = {"sql": "select 1 as x", "pseudonymize": True}
    write_project(root, spec)
    (problem,) = said(root)
    assert "error[MF017]: `pseudonymize` is for the rows of a source" in problem


def test_not_the_label_time(tmp_path: Path) -> None:
    root = project(tmp_path)
    spec = deepcopy(SPEC)
    spec["training_sets"][0] |= {
        "labels": {"source": "labels", "pseudonymize": True},
        "timestamp": "born",
    }
    write_project(root, spec)
    (problem,) = said(root)
    assert "error[MF017]: `born` cannot be pseudonymized: it is the label's time" in problem


def test_only_the_columns_that_are_wanted(tmp_path: Path) -> None:
    """The values of the features are those with all columns; the order is the source's."""
    some = compile_and_run(
        project(tmp_path / "some", select=["taken", "SHOP_ID", "born", "first_name"])
    )
    every = compile_and_run(project(tmp_path / "all"))
    assert some.rows("train", "taken") == every.rows("train", "taken")
    spec = deepcopy(SPEC)
    spec["training_sets"][0] |= {
        "labels": {"source": "labels", "select": ["shop_id", "taken"]},
        "features": ["shop_spend"],
    }
    root = write_project(tmp_path / "all", spec)
    found = compile_and_run(root)
    assert [name for name in found.rows("train")[0] if "__" not in name] == ["shop_id", "taken"]
    columns = {name for name in every.rows("train")[0] if name.startswith("shop_spend__")}
    chosen = [
        {name: row[name] for name in columns} for row in every.rows("train", "taken, shop_id")
    ]
    assert [
        {name: row[name] for name in columns} for row in found.rows("train", "taken, shop_id")
    ] == chosen


def test_wanted_columns_that_are_not_there(tmp_path: Path) -> None:
    problems = said(project(tmp_path, select=["taken", "shop", "first_name", "born"]))
    assert any(
        "error[MF022]: unknown column `shop`; did you mean `shop_id`?" in p for p in problems
    )
    problems = said(project(tmp_path / "no_time", select=["shop_id", "first_name", "born"]))
    assert any("MF060]: the labels have no column `taken`, their timestamp" in p for p in problems)


def test_wanted_columns_are_those_of_a_source(tmp_path: Path) -> None:
    root = project(tmp_path)
    spec = deepcopy(SPEC)
    spec["training_sets"][0]["labels"] = {"sql": "select 1 as x", "select": ["x"]}
    write_project(root, spec)
    (problem,) = said(root)
    assert "error[MF017]: `select` is for the columns of a source" in problem
