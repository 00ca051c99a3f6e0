"""pydantic's errors as diagnostics: code, sentence, place, next step."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from mlforge_sql.errors import Diagnostic, suggest
from mlforge_sql.spec.base import Origin


def diagnostics_of(
    error: ValidationError, model: type[BaseModel], value: Any, origin: Origin
) -> list[Diagnostic]:
    """Every problem of a pydantic error, at its place in the user's file."""
    return [_diagnostic(item, model, value, origin) for item in error.errors(include_url=False)]


def _diagnostic(item: Any, model: type[BaseModel], value: Any, origin: Origin) -> Diagnostic:
    loc = tuple(item["loc"])
    written = _written(loc, value)
    context = item.get("ctx") or {}
    if "code" in context:
        return Diagnostic(context["code"], item["msg"], origin.at(*written), context.get("hint"))
    match item["type"]:
        case "extra_forbidden":
            known = _fields(_model_at(model, loc[:-1]))
            return Diagnostic(
                "MF010",
                f"unknown key `{loc[-1]}`",
                origin.key(*written),
                suggest(str(loc[-1]), known),
            )
        case "missing":
            return Diagnostic("MF011", f"key `{loc[-1]}` is missing", origin.at(*written))
        case "literal_error" | "union_tag_invalid":
            expected = context.get("expected") or context.get("expected_tags")
            given = item["input"] if item["type"] == "literal_error" else context.get("tag")
            return Diagnostic(
                "MF012",
                f"`{given}` is not possible here",
                origin.at(*written),
                f"expected {expected}".replace("'", "`"),
            )
    text = (
        item["msg"]
        .replace("Input should be", "expected")
        .replace("dictionary", "mapping")
        .replace("instance of Spec", "mapping")
    )
    name = f"`{written[-1]}`: " if written else ""
    return Diagnostic(
        "MF012", f"{name}{text[0].lower()}{text[1:]}", origin.at(*written), _found(item["input"])
    )


def _found(value: Any) -> str | None:
    if isinstance(value, (str, int, float, bool)):
        return f"found `{value}`"
    return None if value is None else f"found a {_yaml_word(value)}"


def _yaml_word(value: Any) -> str:
    if isinstance(value, dict):
        return "mapping"
    return "list" if isinstance(value, (list, tuple)) else type(value).__name__


def _written(loc: tuple[str | int, ...], value: Any) -> tuple[str | int, ...]:
    """The parts of a pydantic location that the user wrote: union tags are dropped."""
    path: list[str | int] = []
    for part in loc:
        if (isinstance(value, dict) and part in value) or (
            isinstance(value, (list, tuple)) and isinstance(part, int) and part < len(value)
        ):
            path.append(part)
            value = value[part]
    return tuple(path)


def _fields(model: type[BaseModel] | None) -> list[str]:
    if model is None:
        return []
    return [info.alias or name for name, info in model.model_fields.items()]


def _model_at(model: type[BaseModel] | None, loc: tuple[str | int, ...]) -> type[BaseModel] | None:
    """The model that a location inside ``model`` leads to."""
    candidates = [model] if model else []
    for part in loc:
        found = [
            nested
            for candidate in candidates
            if part in candidate.model_fields
            for nested in _models_in(candidate.model_fields[str(part)].annotation)
        ]
        if found:
            candidates = found
        tagged = [item for item in candidates if _tag(item) == str(part)]
        candidates = tagged or candidates
    return candidates[0] if candidates else None


def _tag(model: type[BaseModel]) -> str:
    kind = model.model_fields.get("KIND")
    return str(get_args(kind.annotation)[0]) if kind else model.__name__.lower()


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]
