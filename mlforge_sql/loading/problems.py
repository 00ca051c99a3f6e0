"""pydantic's errors as diagnostics: code, sentence, place, next step."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from mlforge_sql.errors import Diagnostic, Location, reading, shown, suggest, written
from mlforge_sql.spec.base import Origin
from mlforge_sql.spec.validators import PARAMETERS

Loc = tuple[str | int, ...]


EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_attributes_type": "a mapping",
    "model_type": "a mapping",
    "string_type": "text",
    "tuple_type": "a list",
}
"""What the types of pydantic's errors ask for."""


def diagnostics_of(
    error: ValidationError, model: type[BaseModel], value: Any, origin: Origin
) -> list[Diagnostic]:
    """Every problem of a pydantic error, at its place in the user's file."""
    found: list[Diagnostic] = []
    wrong_types: dict[Loc, list[Any]] = {}
    items = error.errors(include_url=False)
    failed = {tuple(item["loc"]) for item in items}
    for item in items:
        written = _written(tuple(item["loc"]), value)
        if item["type"] in EXPECTED and item["input"] is not None:
            wrong_types.setdefault(written, []).append(item)
        elif item["type"] != "too_short" or not _inside(tuple(item["loc"]), failed):
            found.append(_diagnostic(item, model, value, origin))
    found += [_wrong_type(group, path, origin) for path, group in wrong_types.items()]
    return list(dict.fromkeys(found))


def _inside(loc: Loc, failed: set[Loc]) -> bool:
    """True when something in the value at ``loc`` failed."""
    return any(len(path) > len(loc) and path[: len(loc)] == loc for path in failed)


def _wrong_type(items: list[Any], written: Loc, origin: Origin) -> Diagnostic:
    """One problem for a value that may be of several types, and is of none of them."""
    wanted = list(dict.fromkeys(EXPECTED[item["type"]] for item in items))
    if "a finite number" in wanted:
        wanted = ["a finite number"]
    if {"a number", "a whole number"} <= set(wanted):
        wanted.remove("a whole number")
    text = " or ".join([", ".join(wanted[:-1])] * (len(wanted) > 1) + wanted[-1:])
    message = f"{_subject(written)}: expected {text}"
    value = items[0]["input"]
    unquoted = origin.unquoted(*written) if "text" in wanted else None
    hint = _found(value) if unquoted is None else reading(unquoted, value)
    return Diagnostic("MF012", message, origin.at(*written), hint)


def _diagnostic(item: Any, model: type[BaseModel], value: Any, origin: Origin) -> Diagnostic:
    loc = tuple(item["loc"])
    written = _written(loc, value)
    context = item.get("ctx") or {}
    if item["type"] == "missing":
        return Diagnostic("MF011", f"key `{loc[-1]}` is missing", origin.at(*written))
    if item["type"] == "extra_forbidden":
        at = _model_at(model, loc[:-1])
        said = _SAID_OTHERWISE.get((at.__name__ if at else "", str(loc[-1])))
        hint = said or suggest(str(loc[-1]), _fields(at))
        return Diagnostic("MF010", f"unknown key `{loc[-1]}`", origin.key(*written), hint)
    place = origin.key(*written) if loc[-1:] == ("[key]",) else origin.at(*written)
    if item["input"] is None:
        message = f"{_subject(written)} has no value"
        unquoted = origin.unquoted(*written) if item["type"] == "string_type" else None
        hint = reading(unquoted, None) if unquoted else "give it a value, or remove it"
        return Diagnostic("MF012", message, place, hint)
    if "code" in context:
        if "at" in context:
            place = origin.key(*written, context["at"])
        message, unquoted = item["msg"], origin.unquoted(*written)
        if unquoted is not None and "value" in context:
            message = message.replace(f"`{context['value']}`", f"`{unquoted}`", 1)
        return Diagnostic(context["code"], message, place, context.get("hint"))
    if "discriminator" in context:
        return _kind(context, written, origin)
    return Diagnostic("MF012", *_value(item, written, context, place))


_SAID_OTHERWISE = {
    (
        "Timestamp",
        "alias",
    ): "remove it: the time of every feature table is called `feature_timestamp`",
    ("Source", "format"): "remove it: the ending of the path says the format, such as `.csv`",
    ("ProjectConfig", "databricks"): (
        "remove it: the login comes from the environment, DATABRICKS_HOST and DATABRICKS_TOKEN"
    ),
    ("Profile", "databricks"): (
        "remove it: the login comes from the environment, DATABRICKS_HOST and DATABRICKS_TOKEN"
    ),
    ("UnityCatalogStore", "volume"): "remove it: features are tables of the schema",
    (
        "DatabricksOnlineStore",
        "auto_create",
    ): "remove it: a build makes the tables that are missing",
}
"""What to write in the place of keys that mlforge has, by model and key."""

_STORES = {
    "s3": "files in a bucket are none: write `KIND: local` for a DuckDB file, or `KIND: unity_catalog`",
    "gcs": "files in a bucket are none: write `KIND: local` for a DuckDB file, or `KIND: unity_catalog`",
    "unity-catalog": "write `KIND: unity_catalog`",
    "redis": "write `KIND: postgres`, or `KIND: databricks_online` beside Unity Catalog",
    "dynamodb": "write `KIND: postgres`, or `KIND: databricks_online` beside Unity Catalog",
    "databricks-online-tables": "write `KIND: databricks_online`",
}
"""What to write in the place of stores that mlforge has."""


def _kind(context: Any, written: Loc, origin: Origin) -> Diagnostic:
    """A problem with the key that says which kind of thing a mapping is."""
    key = context["discriminator"].strip("'")
    if "tag" not in context:
        return Diagnostic("MF011", f"key `{key}` is missing", origin.at(*written))
    if key == "KIND" and context["tag"] in _STORES:
        message = f"there is no store `{context['tag']}` here"
        return Diagnostic("MF176", message, origin.at(*written, key), _STORES[context["tag"]])
    kinds = context["expected_tags"].replace("'", "`").replace("`, `", "` or `")
    message = f"`{key}` cannot be `{context['tag']}`"
    return Diagnostic("MF012", message, origin.at(*written, key), f"expected {kinds}")


def _value(
    item: Any, written: Loc, context: Any, place: Location
) -> tuple[str, Location, str | None]:
    """Message, place and hint for a value that is not possible."""
    subject, given = _subject(written), item["input"]
    if item["type"] == "literal_error":
        expected = context["expected"].replace("'", "`")
        cannot = str(given).lower() if isinstance(given, bool) else shown(given)
        return f"{subject} cannot be `{cannot}`", place, f"expected {expected}"
    if item["type"] == "string_pattern_mismatch":
        return (
            f"{subject} cannot be `{shown(given)}`",
            place,
            f"it must match `{context['pattern']}`",
        )
    if item["type"] == "too_short":
        return f"{subject} is empty", place, "it needs at least one item"
    if item["type"] == "too_long":
        return (
            f"{subject} has {context['actual_length']} items",
            place,
            f"it can have {context['max_length']}",
        )
    text = item["msg"].replace("Input should be", "expected")
    return f"{subject}: {text[0].lower()}{text[1:]}", place, _found(given)


def _subject(written: Loc) -> str:
    """What a problem is about: a key, or an item of it."""
    names = [part for part in written if isinstance(part, str)]
    if not names:
        return "the value"
    return f"`{names[-1]}`" if names[-1] == written[-1] else f"an item of `{names[-1]}`"


def _found(value: Any) -> str:
    if isinstance(value, (str, int, float, bool)):
        return f"found `{written(value)}`"
    if isinstance(value, dict):
        return "found a mapping"
    is_list = isinstance(value, (list, tuple))
    return "found a list" if is_list else f"found a Python object, `{type(value).__name__}`"


def _written(loc: Loc, value: Any) -> Loc:
    """The parts of a pydantic location that the user wrote: union tags are dropped."""
    path: list[str | int] = []
    for part in loc:
        step = _step(part, value)
        path += step
        for key in step:
            value = value[key]
    return tuple(path)


def _step(part: str | int, value: Any) -> tuple[Any, ...]:
    """How to get from a value to its part; nowhere when the user did not write it."""
    if isinstance(value, (list, tuple)):
        return (part,) if isinstance(part, int) and part < len(value) else ()
    if not isinstance(value, dict):
        return ()
    if part in value:
        return (part,)
    short = next(iter(value)) if len(value) == 1 else None
    if short not in PARAMETERS:  # a validator, written `less_than: 5` or `in_range: {min: 0}`
        return ()
    inner = value[short]
    if isinstance(inner, dict):
        return (short, part) if part in inner else ()
    return (short,) if part in PARAMETERS[short] else ()


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
