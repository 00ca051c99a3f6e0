"""Files of training sets: contract, properties, exposure, and names that meet."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import events
import yaml
from events import SCHEMA, Document, feature
from harness import project_macros, write_parquet, write_project
from judged import DAILY, EXACT, LABELS, LAST, document, run, training_set

from mlforge_sql.errors import SpecErrors
from mlforge_sql.workflows.compile import Compiled, compile_project

# The files


def compiled_text(found: Compiled, path: str) -> str:
    return found.files[PurePosixPath(path)]


def test_the_contract_has_the_types_of_the_table(tmp_path: Path, portable: frozenset[str]) -> None:
    schema = {**LABELS, "price": "DECIMAL(7,3)", "at_tz": "TIMESTAMPTZ", "many": "VARCHAR[]", "day": "DATE", "Odd name": "INTEGER", "ns": "TIMESTAMP_NS", "flag": "BOOLEAN", "small": "TINYINT", "real": "FLOAT"}  # fmt: skip
    spec = document([DAILY, LAST], training_set("daily", "last"))
    found = run(tmp_path, spec, [], schema, portable=portable)
    text = compiled_text(found.compiled, "models/training/fraud.yml")
    (model,) = yaml.safe_load(text)["models"]
    assert model["config"]["contract"] == {"enforced": True}
    declared = [(item["name"], item["data_type"]) for item in model["columns"]]
    real = found.connection.execute("describe fraud").fetchall()
    assert [name for name, _ in declared] == [row[0] for row in real]
    typed = ", ".join(f"null::{kind}" for _, kind in declared)
    types = found.connection.execute(f"describe select {typed}").fetchall()
    assert [row[1] for row in types] == [row[1] for row in real]


def test_the_properties_of_a_training_set(tmp_path: Path) -> None:
    fraud = training_set(
        "last",
        description="Frauds, {{ ours }}.",
        tags=["core"],
        owner={"name": "Risk", "email": "risk@example.com"},
    )
    spec = document([LAST], fraud, training_set("last:amount", name="plain"))
    found = run(tmp_path, spec, []).compiled
    (model,) = yaml.safe_load(compiled_text(found, "models/training/fraud.yml"))["models"]
    assert model["config"]["tags"] == ["core"]
    about = model["config"]["meta"]["mlforge"]
    assert about["timestamp"] == "label_time"
    assert about["features"] == ["last"]
    (test,) = model["data_tests"]
    assert test["mlforge_same_rows"]["arguments"] == {
        "other": "ref('int_fraud__labels')",
        "columns": [name for name, _ in found.plan.training_sets[0].columns],
    }
    exposures = yaml.safe_load(compiled_text(found, "models/training/_training.exposures.yml"))[
        "exposures"
    ]
    first, second = exposures
    assert (first["name"], first["type"], first["depends_on"]) == ("fraud", "ml", ["ref('fraud')"])
    assert first["owner"] == {"name": "Risk", "email": "risk@example.com"}
    assert second["owner"] == {"name": "test_project"}
    macros = project_macros(found, tmp_path)
    assert macros.render(first["description"]) == "Frauds, {{ ours }}."
    assert macros.render(model["description"]).startswith("Frauds, {{ ours }}. Every label once")


def test_no_training_set_no_files_of_it(tmp_path: Path) -> None:
    spec = document([LAST])
    found = run(tmp_path, spec, []).compiled
    assert not [path for path in found.files if "training" in path.parts]


IN_YAML = """\
training_sets:
  - name: fraud
    description: What is trained on.
    labels: labels
    timestamp: label_time
    features: [daily, "last:amount", {name: exact, columns: [amount_sum_1d]}]
    audit_rows: 10
    owner: {name: Risk, email: risk@example.com}
    tags: [core]
  - name: queried
    labels: {sql: select 1 as a, columns: {user_id: text, t: text}}
    timestamp: {column: t, format: "%Y"}
    features: last
"""

IN_PYTHON = """\
import mlforge_sql as mlf
from mlforge_sql.spec.training_set import FeatureSpec, Labels, Owner, TrainingSet

TrainingSet(
    name="fraud",
    description="What is trained on.",
    labels="labels",
    timestamp=mlf.Timestamp("label_time"),
    features=["daily", "last:amount", FeatureSpec("exact", columns=["amount_sum_1d"])],
    audit_rows=10,
    owner=Owner(name="Risk", email="risk@example.com"),
    tags=["core"],
)
queried = TrainingSet(
    name="queried",
    labels=Labels(sql="select 1 as a", columns={"user_id": "text", "t": "text"}),
    timestamp=mlf.Timestamp("t", format="%Y"),
    features="last",
)
"""


def test_python_and_yaml_say_the_same(tmp_path: Path) -> None:
    files = {}
    for name, text in (("training.yml", IN_YAML), ("training.py", IN_PYTHON)):
        root = tmp_path / name.replace(".", "_")
        spec = document([DAILY, EXACT, LAST])
        del spec["training_sets"]
        write_project(root, spec)
        write_parquet(root / "data" / "labels.parquet", LABELS, [])
        write_parquet(root / events.PARQUET, SCHEMA, [])
        (root / "features" / name).write_text(text, encoding="utf-8")
        found = compile_project(root).files
        # headers have a hash of the text with the file's name in it
        files[name] = {
            path: re.sub(r" \([0-9a-f]{12}\)", "", body.replace(name, "here"), count=1)
            for path, body in found.items()
        }
    assert files["training.yml"] == files["training.py"]
    assert PurePosixPath("models/training/queried.sql") in files["training.py"]


# Names that meet


def codes(root: Path, spec: Document) -> set[str]:
    write_parquet(root / "data" / "labels.parquet", LABELS, [])
    write_parquet(root / events.PARQUET, SCHEMA, [])
    write_project(root, spec)
    try:
        compile_project(root)
    except SpecErrors as errors:
        return {item.code for item in errors.diagnostics}
    return set()


def test_columns_of_two_features_with_one_name(tmp_path: Path) -> None:
    features = [
        feature("a", select={"b__c": "amount"}),
        feature("a__b", select={"c": "amount"}),
    ]
    assert codes(tmp_path, document(features, training_set("a", "a__b")))


def test_a_training_set_that_is_its_own_labels(tmp_path: Path) -> None:
    labels = {"model": "itself", "columns": {"user_id": "text", "label_time": "timestamp"}}
    itself = training_set("last", name="itself", labels=labels)
    assert codes(tmp_path, document([LAST], itself))


def test_a_query_without_text_and_a_column_without_name(tmp_path: Path) -> None:
    columns = {"user_id": "text", "label_time": "timestamp"}
    empty = training_set("last", name="empty", labels={"sql": " ", "columns": columns})
    assert codes(tmp_path / "sql", document([LAST], empty))
    nameless = training_set("last", labels={"model": "rows", "columns": {**columns, "": "text"}})
    assert codes(tmp_path / "column", document([LAST], nameless))


def test_a_training_set_called_as_the_file_of_exposures(tmp_path: Path) -> None:
    spec = document([LAST], training_set("last", name="_exposures"))
    assert not codes(tmp_path, spec)
    compiled = compile_project(tmp_path)
    assert "models" in yaml.safe_load(compiled_text(compiled, "models/training/_exposures.yml"))
    exposures = compiled_text(compiled, "models/training/_training.exposures.yml")
    assert "exposures" in yaml.safe_load(exposures)
