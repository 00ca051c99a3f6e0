"""What dbt knows of a model beside its SQL, and how a properties file says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlforge_sql.dbt.yaml_text import Shared

Jinja = str
"""Text that dbt renders before it reads it: a value that is not the same in every target."""

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a model. Texts are safe in Jinja.

    Attributes:
        name: Its name.
        data_type: Its type, as both engines or a Jinja expression say it.
        description: What it holds; empty for nothing to say.
        quoted: Whether its name needs quotes.
        required: Whether it is never NULL.
        unit: Unit of its values.
    """

    name: str
    data_type: str
    description: str = ""
    quoted: bool = False
    required: bool = False
    unit: str | None = None

    def written(self) -> dict[str, Any]:
        """As dbt's YAML has it."""
        values: dict[str, Any] = {"name": self.name, "data_type": self.data_type}
        if self.quoted:
            values["quote"] = True
        if self.description:
            values["description"] = self.description
        if self.required:
            values["constraints"] = [{"type": "not_null"}]
        if self.unit:
            values["config"] = {"meta": {"unit": self.unit}}
        return values


@dataclass(frozen=True, slots=True)
class DataTest:
    """A test of a model: a generic test with its arguments. Texts are safe in Jinja.

    Attributes:
        generic: The generic test.
        name: The test's own name.
        arguments: Its arguments.
        severity: What a failure is: ``error`` or ``warn``.
        config: Further configuration.
    """

    generic: str
    name: str
    arguments: Mapping[str, Any]
    severity: str = "error"
    config: Mapping[str, Any] = field(default_factory=dict)

    def written(self) -> dict[str, Any]:
        """As dbt's YAML has it."""
        config = {"severity": self.severity, **self.config}
        return {
            self.generic: {"name": self.name, "arguments": dict(self.arguments), "config": config}
        }


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The ``config`` of a model; what is None or empty is not written. Texts are safe in Jinja.

    Attributes:
        meta: What the model is to us.
        enabled: In which targets it is there.
        materialized: How it is kept, where that is not said for its whole folder.
        incremental_strategy: How changed rows are brought into a table.
        unique_key: Columns that tell its rows apart.
        on_schema_change: What a run does where its columns are others than the table's.
        contract: Whether dbt holds it to its columns and their types.
        tags: dbt's tags.
        pre_hook: SQL that runs before it is built.
        liquid_clustered_by: Columns that Databricks clusters its table by.
        tblproperties: Properties of its Delta table.
        post_hook: SQL that runs once it is built.
    """

    meta: Mapping[str, Any]
    enabled: Jinja | None = None
    materialized: Jinja | None = None
    incremental_strategy: str | None = None
    unique_key: Sequence[str] = ()
    on_schema_change: str | None = None
    contract: bool = False
    tags: Sequence[str] = ()
    pre_hook: str | None = None
    liquid_clustered_by: Sequence[str] = ()
    tblproperties: Mapping[str, str] | Jinja = field(default_factory=dict)
    post_hook: Sequence[str] = ()

    def written(self) -> dict[str, Any]:
        """As dbt's YAML has it, in the order in which dbt's own documentation has the keys."""
        values = {
            "enabled": self.enabled,
            "materialized": self.materialized,
            "incremental_strategy": self.incremental_strategy,
            "unique_key": list(self.unique_key),
            "on_schema_change": self.on_schema_change,
            "contract": {"enforced": True} if self.contract else None,
            "tags": list(self.tags),
            "pre_hook": self.pre_hook,
            "liquid_clustered_by": list(self.liquid_clustered_by),
            "tblproperties": self.tblproperties,
            "post_hook": list(self.post_hook),
        }
        written = {key: value for key, value in values.items() if value}
        return {**written, "meta": {"mlforge": dict(self.meta)}}


@dataclass(frozen=True, slots=True)
class ModelProperties:
    """A model's properties. Texts are safe in Jinja.

    Attributes:
        name: The model's name.
        description: What it holds.
        config: Its configuration.
        columns: Its columns; none where dbt need not know them.
        data_tests: Its tests.
        constraints: Constraints of the whole table, as dbt's YAML has them.
    """

    name: str
    description: str
    config: ModelConfig
    columns: tuple[Column, ...] = ()
    data_tests: tuple[DataTest, ...] = ()
    constraints: tuple[Mapping[str, str], ...] = ()

    def written(self) -> dict[str, Any]:
        """As dbt's YAML has it, in the order in which dbt's own documentation has the keys."""
        return dict(self._written())

    def _written(self) -> Iterator[tuple[str, Any]]:
        yield "name", self.name
        yield "description", self.description
        yield "config", self.config.written()
        if self.constraints:
            yield "constraints", [dict(item) for item in self.constraints]
        if self.data_tests:
            yield "data_tests", [item.written() for item in self.data_tests]
        if self.columns:
            yield "columns", [item.written() for item in self.columns]


def models_properties(models: Sequence[ModelProperties]) -> dict[str, Any]:
    """The properties file of models; columns that several have are written once, and referred to."""
    written = [model.written() for model in models]
    for model, values in zip(models, written, strict=True):
        if len(models) > 1 and model.columns and model.columns == models[0].columns:
            values["columns"] = Shared("columns", values["columns"])
    return {"version": 2, "models": written}
