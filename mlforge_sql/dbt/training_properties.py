"""Properties of training sets: contract, descriptions, tests, exposure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mlforge_sql.dbt.escape import jinja_safe, safe_values
from mlforge_sql.dbt.model_properties import DataTest, ModelProperties
from mlforge_sql.dbt.properties import (
    TestNames,
    column_properties,
    data_test,
    model_config,
    source_check,
)
from mlforge_sql.plan.describe import column_meanings
from mlforge_sql.plan.nodes import Labels, Latest, Rolling, TrainingSet
from mlforge_sql.project.model import ResolvedTrainingSet
from mlforge_sql.sql.branches import Branches


def labels_properties(node: TrainingSet, labels: Labels | None) -> ModelProperties:
    """Properties of the model with a training set's labels."""
    keys = labels.keys if labels else ()
    text = f"The labels of `{node.name}`, as they are"
    text += ", with surrogate keys for what they are computed from." if keys else "."
    config = model_config("labels", training_set=node.name)
    if labels is not None:
        config = replace(
            model_config("labels", training_set=node.name, source=labels.source),
            pre_hook=source_check(labels.source),
        )
    if any(key.salt_env for key in keys):
        # a view's text would keep the salt in the catalog
        config = replace(config, materialized="table")
    return ModelProperties(node.labels, jinja_safe(text), config)


def training_properties(
    node: TrainingSet,
    training_set: ResolvedTrainingSet,
    features: Sequence[Rolling | Latest],
    branches: Branches,
    names: TestNames,
) -> ModelProperties:
    """Properties of a training set's table."""
    about = node.description or f"Training set `{node.name}`"
    text = f"{about.rstrip('.')}. Every label once, with its features as of `{node.time.column}`."
    for feature, pin in node.pins:
        text += f" `{feature}` is read in {pin}, and is not audited."
    by_name = {feature.name: feature for feature in features}
    columns = [
        column_properties(name, kind, branches, _label_text(name, node))
        for name, kind in node.columns
    ]
    for name, joined in node.features:
        meanings = column_meanings(by_name[name])
        columns += [
            column_properties(
                f"{name}__{column.name}", column.type, branches, f"{name}: {meanings[column.name]}"
            )
            for column in joined
        ]
    rows = _every_label_once(node, names)
    config = model_config(
        "training_set",
        contract=True,
        tags=training_set.spec.tags,
        training_set=node.name,
        timestamp=node.time.column,
        features=[name for name, _ in node.features],
        **({"pins": {name: pin.argument for name, pin in node.pins}} if node.pins else {}),
        spec=training_set.origin.path,
    )
    return ModelProperties(
        name=node.name,
        description=jinja_safe(text),
        config=config,
        columns=tuple(columns),
        data_tests=(rows,),
    )


def _every_label_once(node: TrainingSet, names: TestNames) -> DataTest:
    """The test that the rows are those of the labels, each as often as there."""
    arguments = {"columns": [name for name, _ in node.columns]}
    as_text = [name for name, kind in node.columns if not kind.is_ordered]
    if as_text:
        arguments["as_text"] = as_text
    test = data_test("mlforge_same_rows", names.name(node.name, "every_label_once"), arguments)
    return replace(test, arguments={"other": f"ref('{node.labels}')", **test.arguments})


def _label_text(name: str, node: TrainingSet) -> str:
    return "Label time: features are as of this instant" if name == node.time.column else ""


def exposure(training_set: ResolvedTrainingSet, project: str) -> dict[str, Any]:
    """The dbt exposure of a training set: who depends on it."""
    spec = training_set.spec
    owner = spec.owner.model_dump(exclude_none=True) if spec.owner else {}
    return {
        "name": spec.name,
        "type": "ml",
        "description": jinja_safe(spec.description or f"Models trained on `{spec.name}`"),
        "owner": safe_values(owner or {"name": project}),
        "depends_on": [f"ref('{spec.name}')"],
    }
