"""JSON schemas of spec files and of ``mlforge.yaml``, derived from the spec models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from mlforge_sql.durations import Duration
from mlforge_sql.functions import WORDS
from mlforge_sql.schema.examples import EXAMPLES
from mlforge_sql.spec import base, databricks_online, feature, training_set
from mlforge_sql.spec.base import Spec
from mlforge_sql.spec.config import ProjectConfig
from mlforge_sql.spec.entity import Entity
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.source import Source
from mlforge_sql.spec.training_set import TrainingSet
from mlforge_sql.spec.validators import PARAMETERS

if TYPE_CHECKING:
    from pydantic_core import core_schema

SECTIONS: dict[str, type[Spec]] = {
    "entities": Entity,
    "sources": Source,
    "features": Feature,
    "training_sets": TrainingSet,
}
"""What a spec file has lists of."""

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: JsonSchemaValue = {"type": "string"}
_DURATION: JsonSchemaValue = {"type": "string", "pattern": "^[0-9]+[smhdw]$"}
_LISTS = {base.one_or_many, feature._references, training_set._requested_all}  # noqa: SLF001 - what YAML may leave out
_ENDLESS = {base._window: base.LIFETIME, databricks_online._horizon: databricks_online.ALL}  # noqa: SLF001 - the validators are the marks of the types
"""The word for a duration without an end."""

_NAME_PATTERN = "^[A-Za-z_][A-Za-z0-9_]*$"


class _Schema(GenerateJsonSchema):
    """What users may write, before our validators have read it."""

    def function_before_schema(
        self, schema: core_schema.BeforeValidatorFunctionSchema
    ) -> JsonSchemaValue:
        """The inner schema, or what stands for it in YAML."""
        function = schema["function"]["function"]
        if function is base._duration:  # noqa: SLF001 - durations are text in YAML
            return dict(_DURATION)
        if function in _ENDLESS:
            return {"anyOf": [dict(_DURATION), {"const": _ENDLESS[function]}]}
        if "instant" in getattr(function, "__name__", ""):
            return dict(_TEXT)
        inner = super().function_before_schema(schema)
        if function in _LISTS and "items" in inner:
            return {"anyOf": [inner["items"], inner]}
        return inner

    def function_after_schema(
        self, schema: core_schema.AfterValidatorFunctionSchema
    ) -> JsonSchemaValue:
        """The inner schema, with the form of names."""
        inner = super().function_after_schema(schema)
        if schema["function"]["function"] is base._name:  # noqa: SLF001 - as above
            return {**inner, "pattern": _NAME_PATTERN}
        return inner

    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> JsonSchemaValue:
        """Durations, the only values of a class of ours."""
        del schema
        return dict(_DURATION)

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """Metrics are told apart by their keys."""
        found = super().tagged_union_schema(schema)
        return {"anyOf": found["oneOf"]} if callable(schema["discriminator"]) else found

    def encode_default(self, dft: Any) -> Any:
        """A default as users would write it."""
        if isinstance(dft, Duration):
            return dft.text
        return super().encode_default(dft)


def spec_schema() -> dict[str, Any]:
    """The JSON schema of a spec file: entities, sources, features and training sets."""
    definitions: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for section, model in SECTIONS.items():
        found = model.model_json_schema(schema_generator=_Schema, by_alias=True)
        definitions |= found.pop("$defs", {})
        definitions[model.__name__] = found
        properties[section] = {
            "description": (model.__doc__ or "").splitlines()[0],
            "type": "array",
            "items": {"$ref": f"#/$defs/{model.__name__}"},
        }
    _as_written(definitions)
    return {
        "$schema": _DRAFT,
        "title": "mlforge specs",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "$defs": dict(sorted(definitions.items())),
    }


def project_schema() -> dict[str, Any]:
    """The JSON schema of ``mlforge.yaml``."""
    found = ProjectConfig.model_json_schema(schema_generator=_Schema, by_alias=True)
    definitions = found.pop("$defs", {})
    definitions["ProjectConfig"] = found
    _as_written(definitions)
    root = definitions.pop("ProjectConfig")
    return {
        "$schema": _DRAFT,
        **root,
        "title": "mlforge.yaml",
        "$defs": dict(sorted(definitions.items())),
    }


def _as_written(definitions: dict[str, Any]) -> None:
    """Let the schemas have the short forms of YAML, and an example of every key."""
    for name, definition in definitions.items():
        definition.pop("title", None)
        definition["description"] = str(definition.get("description", "")).split("\n\n")[0]
        for key, value in definition.get("properties", {}).items():
            value.pop("title", None)
            if key == "timestamp":
                value["anyOf"] = [
                    dict(_TEXT),
                    *value.pop("anyOf", [{"$ref": value.pop("$ref", "")}]),
                ]
            _without_null(value)
            if key == "KIND":
                value.setdefault("description", "Which kind of store it is.")
            example = EXAMPLES.get(f"{name}.{key}")
            if example is not None:
                value["examples"] = [example]
    if "TrainingSet" in definitions:
        properties = definitions["TrainingSet"]["properties"]
        properties["labels"]["anyOf"] = [dict(_TEXT), {"$ref": properties["labels"].pop("$ref")}]
        properties["features"]["items"] = {"anyOf": [dict(_TEXT), {"$ref": "#/$defs/FeatureSpec"}]}
        _one_or_list(properties["features"])
    if "Validator" in definitions:
        definitions["Validator"] = _validator(definitions["Validator"])
        _rules(definitions["Feature"]["properties"]["validators"])
    if "By" in definitions:
        _values(definitions["By"]["properties"]["values"])
    for name in {"Aggregate", "Rolling"} & definitions.keys():
        _functions(definitions[name]["properties"])


def _without_null(value: dict[str, Any]) -> None:
    """What is left out is left out; nobody writes null."""
    if value.get("default", ...) is None:
        del value["default"]
    kinds = value.pop("anyOf", None)
    if kinds is None:
        return
    kept = [item for item in kinds if item.get("type") != "null"]
    if len(kept) == 1:
        value |= kept[0]
    else:
        value["anyOf"] = kept


def _one_or_list(value: dict[str, Any]) -> None:
    items = value.pop("anyOf", None)
    if items is None:
        listed = {key: value.pop(key) for key in ("type", "items", "minItems") if key in value}
        value["anyOf"] = [listed["items"], listed]
        return
    array = next(item for item in items if item.get("type") == "array")
    array["items"] = value.pop("items", array["items"])
    value["anyOf"] = [array["items"], array]


def _rules(value: dict[str, Any]) -> None:
    rule = {"$ref": "#/$defs/Validator"}
    value["additionalProperties"] = {"anyOf": [rule, {"type": "array", "items": rule}]}


def _values(value: dict[str, Any]) -> None:
    """Values of a pivot: by their labels, or a list of them, or one."""
    keys = ("type", "additionalProperties", "patternProperties", "propertyNames", "maxProperties")
    named = {key: value.pop(key) for key in keys if key in value}
    one = named["additionalProperties"]
    value["anyOf"] = [named, {"type": "array", "items": one}, one]


CALL = r"\(.+\)$"
"""How the pattern of functions with an argument ends."""


def _functions(properties: dict[str, Any]) -> None:
    bare = [word for word, item in WORDS.items() if item.parameter is None]
    told = {word: item for word, item in WORDS.items() if item.parameter is not None}
    call = {
        "type": "string",
        "pattern": f"^({'|'.join(told)}){CALL}",
        "examples": list(dict.fromkeys(item.example for item in told.values())),
    }
    known = {"anyOf": [{"enum": bare}, call]}
    if "function" in properties:
        properties["function"].pop("type", None)
        properties["function"] |= known
    if "aggregations" in properties:
        several = {"type": "array", "items": known, "minItems": 1}
        properties["aggregations"]["additionalProperties"] = {"anyOf": [known, several]}


def _validator(definition: dict[str, Any]) -> dict[str, Any]:
    """A rule as YAML has it: its name alone, or with its value."""
    fields = definition["properties"]
    bare = [name for name, values in PARAMETERS.items() if not values]
    ruled = {name: _argument(values, fields) for name, values in PARAMETERS.items() if values}
    short = {
        "type": "object",
        "properties": ruled,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    return {"description": definition["description"], "anyOf": [{"enum": bare}, short]}


def _argument(names: tuple[str, ...], fields: dict[str, Any]) -> dict[str, Any]:
    plain = {
        name: {
            "anyOf": [
                item
                for item in fields[name].get("anyOf", [fields[name]])
                if item.get("type") != "null"
            ]
        }
        for name in names
    }
    whole = {"type": "object", "properties": plain, "additionalProperties": False}
    described = " ".join(str(fields[name].get("description", "")) for name in names)
    if len(names) > 1:
        pair = {"type": "array", "minItems": len(names), "maxItems": len(names)}
        return {"description": described, "anyOf": [whole, pair]}
    return {"description": described, "anyOf": [*plain[names[0]]["anyOf"], whole]}
