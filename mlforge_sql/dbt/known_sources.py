"""What the macros that check sources know of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mlforge_sql.dbt.headers import MARK
from mlforge_sql.dbt.paths import project_dir
from mlforge_sql.dbt.training import Code, mapping
from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.dialects.trees import jinja_string
from mlforge_sql.event_time import EventTime
from mlforge_sql.formats import reader_of
from mlforge_sql.plan.nodes import Reading, Typed
from mlforge_sql.sql.branches import Branches
from mlforge_sql.sql.staging import stored_alike
from mlforge_sql.types import ColumnType, Kind, held_type, is_converted, plain_type


def known_sources(
    readings: Iterable[Reading],
    groups: Mapping[str, str],
    branches: Branches,
    dbt_project_dir: str,
) -> str:
    """The file of the macro that tells ``mlforge_check_source`` about the sources of this project."""
    root = Code(project_dir(dbt_project_dir))
    by_name = {
        item.source: _known(item, groups[item.source], branches, root)
        for item in sorted(readings, key=lambda item: item.source)
    }
    return "\n".join(
        [
            f"{{# {MARK}. Do not edit. #}}",
            "{# What the sources have to be: where they are, their columns, how these are stored, and what every value",
            "   has to fit. `any`: a type that is not compared; `counted`: files may hold values that do not fit;",
            "   `mixed`: as several types of numbers; `cast`: tables may hold it as another number. #}",
            "{% macro mlforge_sources() %}",
            f"    {{{{- return({mapping(by_name, 4)}) -}}}}",
            "{% endmacro %}",
            "",
        ]
    )


def _known(reading: Reading, group: str, branches: Branches, root: Code) -> dict[str, Any]:
    known: dict[str, Any] = {
        "path": Code(_said(reading.path)),
        "table": Code(_said(reading.table)),
        "model": reading.model,
        "group": group,
        "reader": reader_of(reading.path) if reading.path else None,
        "root": root,
        "time": _time(reading, branches),
        "columns": Code(_columns(reading, branches)),
    }
    return known


def _columns(reading: Reading, branches: Branches) -> str:
    lines = [
        f"                {_inline(_column(item, reading.on_tables(item), branches))}"
        for item in reading.columns
    ]
    return "[\n" + ",\n".join(lines) + "\n            ]"


def _column(item: Typed, whole: ColumnType, branches: Branches) -> dict[str, Any]:
    """A column, of the type ``whole`` in tables."""
    names = branches.texts(lambda dialect: _name(dialect.type_name(whole), whole))
    if "duckdb" in names:
        names["duckdb"] = _name(DuckDb().type_name(item.type), item.type)
    same = len(set(names.values())) == 1
    kind = next(iter(names.values())) if same else Code(_by_target(names))
    found: dict[str, Any] = {"name": item.name, "type": kind, "stored": item.stored}
    if item.leaves:
        found["leaves"] = Code(f"[{', '.join(_pair(leaf) for leaf in item.leaves)}]")
    elif item.type.family is Kind.OTHER:
        found["any"] = Code("true")
    if is_counted(item):
        found["counted"] = Code("true")
    if item.mixed:
        found["mixed"] = Code("true")
    if item.cast:
        found["cast"] = Code("true")
    return found


def _pair(leaf: tuple[str, str]) -> str:
    return f"[{jinja_string(leaf[0])}, {jinja_string(leaf[1])}]"


def is_counted(item: Typed) -> bool:
    """Whether files can hold values of a column that do not fit, so that they have to be looked for."""
    if item.stored is None or item.instant or stored_alike(item, DuckDb()):
        return False
    return not (is_converted(item.stored) and held_type(item.stored) == item.type)


def _name(text: str, kind: ColumnType) -> str:
    return text if kind.family is Kind.OTHER else plain_type(text)


def _time(reading: Reading, branches: Branches) -> Any:
    """Name, kind and storage of an event time that is text, and the name of its time of the day."""
    time = reading.time
    if time is None:
        return None
    held = next(item for item in reading.columns if item.name == time.column)
    said = branches.texts(lambda dialect: _wanted(reading, time, dialect))
    wanted = next(iter(said.values()))
    code = jinja_string(wanted) if len(set(said.values())) == 1 else _by_target(said)
    rest = [held.stored or "text", *([time.time] if time.time else [])]
    return Code(f"[{jinja_string(time.column)}, {code}, {', '.join(map(jinja_string, rest))}]")


def _wanted(reading: Reading, time: EventTime, dialect: Dialect) -> str:
    """``instant`` and the format in the engine's words, or ``moment``: ISO text that is no date."""
    if time.format:
        return f"instant {dialect.time_format(time.format)}"
    return "moment" if reading.whole and time.time is None else "instant"


def _by_target(texts: Mapping[str, str]) -> str:
    listed = ", ".join(f"'{name}': {jinja_string(text)}" for name, text in texts.items())
    return f"{{{listed}}}[target.type]"


def _inline(values: Mapping[str, Any]) -> str:
    """A dictionary in Jinja, on one line."""
    pairs = (f"'{key}': {_said(value)}" for key, value in values.items())
    return "{" + ", ".join(pairs) + "}"


def _said(value: Any) -> str:
    if isinstance(value, Code):
        return value
    return "none" if value is None else jinja_string(value)
