"""Training sets in the dbt project: the models, and what the macros know of every feature."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from mlforge_sql.dbt.headers import MARK
from mlforge_sql.event_time import EventTime, TimeKind
from mlforge_sql.plan.nodes import Joinable, JoinedColumn, SurrogateKey, TrainingSet
from mlforge_sql.sql.branches import Branches
from mlforge_sql.sql.joins import (
    LABELS,
    PLAIN_TIMES,
    empty_value,
    local_text,
    offset_text,
    plain_text,
    read_text,
    time_text,
    utc_text,
)
from mlforge_sql.sql.staging import key_parts

_VALUE = "{{ value }}"


def known_features(
    features: Iterable[Joinable], surrogates: Iterable[SurrogateKey], branches: Branches
) -> str:
    """The file of macros that tell ``training_set`` about the features of this project."""
    surrogates = sorted(surrogates, key=lambda key: key.name)
    by_name = sorted(features, key=lambda item: item.feature)
    known = {item.feature: Code(_known(item, branches)) for item in by_name}
    parts = {key.name: key_parts(key) for key in surrogates}
    salts = {key.name: key.salt_env for key in surrogates if key.salt_env}
    return "\n".join(
        [
            f"{{# {MARK}. Do not edit. #}}",
            "{# What training_set knows of the features: their keys with types, their columns with the SQL of the value where no row",
            "   holds (none is null), and their ttl in microseconds. #}",
            "{% macro mlforge_features() %}",
            f"    {{{{- return({mapping(known, 4)}) -}}}}",
            "{% endmacro %}",
            "",
            "{# The columns that join keys are computed from, with their types. #}",
            "{% macro mlforge_key_parts() %}",
            f"    {{{{- return({mapping(parts, 4)}) -}}}}",
            "{% endmacro %}",
            "",
            "{# The environment variables with the salts of these join keys. #}",
            "{% macro mlforge_key_salts() %}",
            f"    {{{{- return({mapping(salts, 4)}) -}}}}",
            "{% endmacro %}",
            "",
            "{# SQL of the timestamp that `value` stands for, by how its type stores time. #}",
            "{% macro mlforge_instant(value, kind) %}",
            "    {{- return(adapter.dispatch('mlforge_instant')(value, kind)) -}}",
            "{% endmacro %}",
            "",
            *_choices("mlforge_instant(value, kind)", "kind", _instants(branches), branches),
            *_time_zones(branches),
        ]
    )


def _time_zones(branches: Branches) -> list[str]:
    """What the macros of local times, and of those in two columns, are made of."""
    local, zone = "{{ local }}", "{{ zone }}"
    return [
        *_said(
            "SQL of the timestamp in UTC of a local time, by the offset that its zone has a day earlier.",
            "mlforge_utc_by_offset_before(local, zone)",
            branches.texts(partial(utc_text, local, zone, -1)),
        ),
        *_said(
            "The same by the offset that its zone has a day later.",
            "mlforge_utc_by_offset_after(local, zone)",
            branches.texts(partial(utc_text, local, zone, 1)),
        ),
        *_said(
            "SQL of what the clocks of a time zone show at a timestamp in UTC.",
            "mlforge_local_time(instant, zone)",
            branches.texts(partial(local_text, "{{ instant }}", zone)),
        ),
        *_said(
            "SQL of the text of a date and a time of the day, null where one is.",
            "mlforge_time_text(date, time)",
            branches.texts(partial(time_text, "{{ date }}", "{{ time }}")),
        ),
        *_said(
            "SQL of whether the text of an ISO timestamp names an offset from UTC.",
            "mlforge_names_offset(text)",
            branches.texts(partial(offset_text, "{{ text }}")),
        ),
    ]


def _said(comment: str, signature: str, texts: Mapping[str, str]) -> list[str]:
    """A macro, and what it is for each dialect."""
    name, _, arguments = signature.removesuffix(")").partition("(")
    return [
        f"{{# {comment} #}}",
        f"{{% macro {signature} %}}",
        f"    {{{{- return(adapter.dispatch('{name}')({arguments})) -}}}}",
        "{% endmacro %}",
        "",
        *(
            line
            for dialect, text in texts.items()
            for line in (f"{{% macro {dialect}__{signature} %}}", text, "{% endmacro %}", "")
        ),
    ]


def _known(item: Joinable, branches: Branches) -> str:
    columns = {column.name: _empty(column, branches) for column in item.columns}
    keys = dict(zip(item.keys, map(str, item.key_types), strict=True))
    ttl = item.ttl.microseconds if item.ttl else None
    return mapping({"keys": keys, "columns": columns, "ttl": ttl}, 8)


def _empty(column: JoinedColumn, branches: Branches) -> Any:
    texts = branches.texts(lambda dialect: empty_value(column, dialect) or "")
    if len(set(texts.values())) == 1:
        return next(iter(texts.values())) or None
    return Code(f"{texts}[target.type]")


def _instants(branches: Branches) -> dict[str, dict[str, str]]:
    return {str(kind): branches.texts(partial(plain_text, kind, _VALUE)) for kind in PLAIN_TIMES}


def _choices(
    signature: str, argument: str, texts: Mapping[str, Mapping[str, str]], branches: Branches
) -> list[str]:
    """For each dialect a macro that chooses among texts by its argument."""
    lines: list[str] = []
    for dialect in branches.dialects:
        lines.append(f"{{% macro {dialect.name}__{signature} %}}")
        for number, (choice, by_dialect) in enumerate(texts.items()):
            word = "elif" if number else "if"
            lines.append(f"    {{%- {word} {argument} == {_text(choice)} -%}}")
            lines.append(by_dialect[dialect.name])
        lines += ["    {%- endif -%}"] if texts else []
        lines += ["{% endmacro %}", ""]
    return lines


def training_set_text(node: TrainingSet, features: Iterable[Joinable], branches: Branches) -> str:
    """The body of a training set's model."""
    known = {item.feature: item.columns for item in features}
    pins = {name: pin.argument for name, pin in node.pins}
    wanted: list[Any] = []
    for name, columns in node.features:
        asked: dict[str, Any] = {"name": name, **pins.get(name, {})}
        if columns != known[name]:
            asked["columns"] = [column.name for column in columns]
        wanted.append(name if len(asked) == 1 else asked)
    arguments = {
        "labels": f"ref({_text(node.labels)})",
        "label_time": _time_argument(node.time),
        "features": _list(wanted, 8),
        "label_columns": mapping({name: str(kind) for name, kind in node.columns}, 8),
    }
    if node.time.kind in {TimeKind.TEXT, TimeKind.EPOCH}:
        arguments["label_instant"] = _instant_argument(node.time, branches)
    if node.time.timezone is not None:
        arguments["timezone"] = _text(node.time.timezone)
    listed = ",\n".join(f"        {name}={value}" for name, value in arguments.items())
    return (
        "-- every label once, with the values that its features had at its time\n"
        f"{{{{\n    training_set(\n{listed}\n    )\n}}}}\n"
    )


def _time_argument(time: EventTime) -> str:
    """The column of the label's time, or the two."""
    if time.time is None:
        return _text(time.column)
    return f"[{_text(time.column)}, {_text(time.time)}]"


def _instant_argument(time: EventTime, branches: Branches) -> str:
    """SQL of the label's time, without its zone; its columns stay quoted as the macros quote them."""
    names = [time.column, *([time.time] if time.time is not None else [])]
    marks = [f"mlforge_label_time_{number}" for number in range(len(names))]
    marked = replace(time, column=marks[0], time=marks[1] if len(marks) > 1 else None)
    texts = branches.texts(partial(read_text, marked))
    coded = {name: _text(text) for name, text in texts.items()}
    for mark, column in zip(marks, names, strict=True):
        quoted = f"{LABELS}.' ~ mlforge_quote({_text(column)}) ~ '"
        coded = {name: text.replace(f"{LABELS}.{mark}", quoted) for name, text in coded.items()}
    if len(set(coded.values())) == 1:
        return next(iter(coded.values()))
    listed = ", ".join(f"{_text(name)}: {code}" for name, code in coded.items())
    return f"{{{listed}}}[target.type]"


class Code(str):
    """Jinja that stands as it is."""

    __slots__ = ()


def _text(value: str) -> str:
    """A Jinja string."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def _value(value: Any, indent: int) -> str:
    match value:
        case Code():
            return str(value)
        case str():
            return _text(value)
        case None:
            return "none"
        case dict():
            return mapping(value, indent)
        case list():
            return "[" + ", ".join(_value(item, indent) for item in value) + "]"
        case _:
            return str(value)


def _list(values: Iterable[Any], indent: int) -> str:
    inner = " " * (indent + 4)
    lines = ",\n".join(inner + _inline(item) for item in values)
    return f"[\n{lines}\n{' ' * indent}]"


def _inline(value: Any) -> str:
    """A value on one line, or on several where it is long."""
    if not isinstance(value, dict):
        return _value(value, 0)
    text = "{" + ", ".join(f"{_text(key)}: {_value(item, 0)}" for key, item in value.items()) + "}"
    return "\n".join(textwrap.wrap(text, 108, subsequent_indent=" " * 16, break_long_words=False))


def mapping(values: Mapping[str, Any], indent: int) -> str:
    """A dictionary in Jinja, a key on each line."""
    if not values:
        return "{}"
    inner = " " * (indent + 4)
    lines = ",\n".join(
        f"{inner}{_text(key)}: {_value(item, indent + 4)}" for key, item in values.items()
    )
    return f"{{\n{lines}\n{' ' * indent}}}"
