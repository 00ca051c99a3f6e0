"""What ``mlforge.yaml`` takes from the environment and from its folder."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlforge_sql.errors import Diagnostic, shown
from mlforge_sql.spec.base import Origin

_VARIABLE = re.compile(r"\$\{oc\.env:\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:,\s*([^${}]*?)\s*)?\}")
_TELLING = 5
"""Letters of a value from which on it stands in a message for itself alone."""

_ANY = re.compile(r"\$\{[^${}]*\}?")


def from_environment(
    value: Any,
    origin: Origin,
    problems: list[Diagnostic],
    filled: dict[str, str],
    path: tuple[str | int, ...] = (),
) -> Any:
    """A value with what stands for ``${oc.env:VAR}`` and ``${oc.env:VAR,default}`` in its texts.

    Args:
        value: Mappings, lists and plain values of YAML.
        origin: Where it stands.
        problems: Where variables go that are not set and have no default.
        filled: Gets the text that is written, by what stands for it; for ``unfilled``.
        path: Of the value.
    """
    match value:
        case dict():
            return {
                key: from_environment(item, origin, problems, filled, (*path, key))
                for key, item in value.items()
            }
        case list():
            return [
                from_environment(item, origin, problems, filled, (*path, number))
                for number, item in enumerate(value)
            ]
        case str() if "${" in value:
            found = _filled(value, origin, problems, path)
            filled[found] = value
            return found
        case _:
            return value


def _filled(
    text: str, origin: Origin, problems: list[Diagnostic], path: tuple[str | int, ...]
) -> str:
    def given(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        value = os.environ.get(name, default)
        if value is None:
            message = f"the environment variable `{name}` is not set"
            hint = f"set it, or write a default: `${{oc.env:{name},value}}`"
            problems.append(Diagnostic("MF177", message, origin.at(*path), hint))
            return name
        return value

    filled = _VARIABLE.sub(given, text)
    left = _ANY.search(_VARIABLE.sub("", text))
    if left is not None:
        message = f"`{left[0]}` stands for nothing here"
        hint = "of what stands in `${...}`, only variables are read: `${oc.env:VAR}`"
        problems.append(Diagnostic("MF177", message, origin.at(*path), hint))
    return filled


def unfilled(problem: Diagnostic, filled: Mapping[str, str]) -> Diagnostic:
    """A problem that shows what is written where it had shown what the environment says: a secret, perhaps."""

    def hidden(text: str) -> str:
        for value, written in filled.items():
            text = text.replace(f"`{shown(value)}`", f"`{written}`")
            text = text.replace(value, written) if len(value) >= _TELLING else text
        return text

    hint = hidden(problem.hint) if problem.hint else problem.hint
    return replace(problem, message=hidden(problem.message), hint=hint)


def name_of_folder(folder: str) -> str:
    """The name of a project that has none: its folder's, as dbt takes it.

    Examples:
        >>> name_of_folder("fraud-detection"), name_of_folder("2024"), name_of_folder("dbt")
        ('fraud_detection', 'project_2024', 'dbt_features')
    """
    name = re.sub(r"[^A-Za-z0-9_]+", "_", folder).strip("_").lower()
    if not name or name[0].isdigit():
        name = f"project_{name}".rstrip("_")
    own = {"dbt", "dbt_duckdb", "dbt_databricks", "dbt_spark"}
    return f"{name}_features" if name in own else name
