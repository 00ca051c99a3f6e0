"""What the compiled project knows of the engines' settings: a check of every run reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlforge_sql.dbt.escape import jinja_text
from mlforge_sql.dbt.headers import MARK
from mlforge_sql.engine_settings import PINS, SYMPTOMS
from mlforge_sql.sql.branches import Branches


def pinned_settings(branches: Branches) -> str:
    """The file of macros that tell ``mlforge_check_settings`` what to look at."""
    engines = {dialect.name for dialect in branches.dialects}
    pins = [
        _mapping({"name": pin.name, "value": pin.value, "accepted": pin.accepted})
        for pin in PINS
        if "duckdb" in engines
    ]
    symptoms = [
        _mapping(
            {
                "name": item.name,
                "value": item.value,
                "expression": item.expression,
                "wanted": item.wanted,
                "wrong": item.wrong,
            }
        )
        for item in SYMPTOMS
        if "databricks" in engines
    ]
    return "\n".join(
        [
            f"{{# {MARK}. Do not edit. #}}",
            *_macro(
                "mlforge_pinned_settings",
                "The settings of DuckDB that values depend on, and every way to write what they have to be.",
                pins,
            ),
            "",
            *_macro(
                "mlforge_session_symptoms",
                "The settings of Spark that values depend on, and the SQL whose text tells what they are.",
                symptoms,
            ),
            "",
        ]
    )


def _macro(name: str, comment: str, items: Iterable[str]) -> list[str]:
    return [
        f"{{# {comment} #}}",
        f"{{% macro {name}() %}}",
        "    {{- return([",
        *(f"        {item}," for item in items),
        "    ]) -}}",
        "{% endmacro %}",
    ]


def _mapping(values: Mapping[str, str | tuple[str, ...]]) -> str:
    listed = (f"{jinja_text(key)}: {_value(value)}" for key, value in values.items())
    return f"{{{', '.join(listed)}}}"


def _value(value: str | tuple[str, ...]) -> str:
    if isinstance(value, str):
        return jinja_text(value)
    return f"[{', '.join(map(jinja_text, value))}]"
