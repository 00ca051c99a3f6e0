"""A proposal as a spec file for people: each guess with its reason beside it."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator

from mlforge_sql.starting.guessing import NAME, Key, Proposal
from mlforge_sql.starting.words import singular, snake

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NOT_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_WIDTH = 96


def spec_text(proposal: Proposal) -> str:
    """The spec file of a proposed source, its entities, features and training set."""
    new = any(not key.declared for key in proposal.keys)
    parts = (
        _head(proposal),
        *([_entities(proposal)] if new else []),
        _source(proposal),
        _features(proposal),
        _training(proposal),
    )
    return "\n".join("\n".join(part) + "\n" for part in parts)


def feature_names(proposal: Proposal) -> tuple[str, ...]:
    """Names of the proposed features: the rolling one and, where there are columns for it, the latest."""
    rolling = f"{proposal.keys[0].entity}_{proposal.source}"
    return (rolling, f"{rolling}_latest") if proposal.latest else (rolling,)


def training_set_name(proposal: Proposal) -> str:
    """Name of the proposed training set."""
    return f"{proposal.source}_training"


def _head(proposal: Proposal) -> Iterator[str]:
    table = proposal.table
    yield from _comment(
        f"Proposed by `mlforge init --from` for {table.path}: {table.rows:,} rows, "
        f"{len(table.columns)} columns. Each guess has its reason; change what is wrong, and run "
        "`mlforge build`."
    )


def _entities(proposal: Proposal) -> Iterator[str]:
    yield "# What the rows are about. Remove what is none, add what is missing."
    yield "entities:"
    for key in proposal.keys:
        if key.declared:
            continue
        yield from _comment(f"{_said(key.column)}: {key.why}", 2)
        if key.missing:
            yield from _comment(f"{key.missing:,} rows have none: they are in no feature of it", 2)
        parts = [f"name: {_scalar(key.entity)}", f"join_key: {_scalar(key.join_key)}"]
        if key.join_key != key.column:
            yield from _comment("computed, because that name cannot be the name of a key", 2)
            parts.append(f"from_columns: [{_scalar(key.column)}]")
        yield f"  - {{{', '.join(parts)}}}"


def _source(proposal: Proposal) -> Iterator[str]:
    column = proposal.time
    time = column.time
    assert time is not None
    yield "# The events: one row for each thing that happened, with the time it happened."
    yield "sources:"
    yield f"  - name: {proposal.source}"
    yield f"    path: {_scalar(proposal.table.path)}"
    yield from _comment(f"{_said(column.name)}: {proposal.why_time}", 4)
    said = {"format": time.format, "unit": time.unit}
    given = ", ".join(f"{key}: {_scalar(value)}" for key, value in said.items() if value)
    name = _scalar(column.name)
    yield f"    timestamp: {f'{{column: {name}, {given}}}' if given else name}"
    if time.others:
        listed = " and ".join(f"`{item}`" for item in time.others)
        yield from _comment(f"check the format: every value fits {listed} as well", 4)
    if time.unit is None and not time.zoned and not proposal.only_dates:
        yield from _comment(
            "read as UTC; if these are local times, add `timezone: Europe/Berlin` or the like", 4
        )
    if proposal.event_id is not None:
        yield from _comment(
            f"{_said(proposal.event_id)} is never there twice. If rows can be delivered again, keep one of each:",
            4,
        )
        yield f"    # dedupe: {{key: {_scalar(proposal.event_id)}}}"
    if proposal.unknown and proposal.table.is_text:
        yield from _comment("not a row has a value of these, so nothing tells their types", 4)
        listed = ", ".join(f"{_scalar(column)}: text" for column in proposal.unknown)
        yield f"    columns: {{{listed}}}"
    yield from _comment(
        f"to compile where the data is not, such as in CI, paste here what `mlforge columns {proposal.source}` prints",
        4,
    )


def _features(proposal: Proposal) -> Iterator[str]:
    key = proposal.keys[0]
    names = feature_names(proposal)
    yield "features:"
    yield from _comment(f"Rolling windows: {proposal.why_windows}.", 2)
    yield from _comment(_clock(proposal), 2)
    yield f"  - name: {names[0]}"
    yield f"    description: {_scalar(f'{proposal.source} of a {key.entity} over rolling windows'.capitalize())}"
    yield f"    source: {proposal.source}"
    yield f"    entities: [{_scalar(key.entity)}]"
    yield f"    interval: {proposal.interval}"
    windows = ", ".join(proposal.windows)
    yield "    metrics:"
    yield f'      - {{field: "*", function: count, name: {proposal.source}, windows: [{windows}]}}'
    plain = [measure for measure in proposal.measures if NAME.fullmatch(measure.column)]
    if plain:
        yield f"      - windows: [{windows}]"
        yield "        aggregations:"
        for measure in plain:
            yield f"          {_scalar(measure.column)}: [{', '.join(measure.functions)}]"
    for measure in proposal.measures:
        if measure not in plain:
            for function in measure.functions:
                name = f"{snake(measure.column)}_{function}"
                yield f"      - {{field: {_scalar(measure.column)}, function: {function}, name: {name}, windows: [{windows}]}}"
    yield from _validators(proposal, key)
    if len(names) > 1:
        yield from _latest(proposal, key, names[1])


def _clock(proposal: Proposal) -> str:
    if proposal.interval == "1h":
        return "The clock ticks at whole hours: a window holds the hours before the last tick."
    return (
        "The clock ticks at midnight UTC: a window holds the whole days before the last midnight."
    )


def _validators(proposal: Proposal, key: Key) -> Iterator[str]:
    rules = [] if key.missing else [(key.join_key, "[not_null]", "no row is without it")]
    rules += [
        (measure.column, "[{greater_than_or_equal: 0}]", "none is below")
        for measure in proposal.measures
        if not measure.negative
    ]
    if rules:
        yield "    validators:"
        for column, rule, why in rules:
            yield f"      {_scalar(column)}: {rule}  # {why}"


def _latest(proposal: Proposal, key: Key, name: str) -> Iterator[str]:
    one = singular(proposal.source)
    yield ""
    yield from _comment(f"The values of the last event of a {key.entity}.", 2)
    if proposal.personal:
        listed = ", ".join(f"`{column}`" for column in proposal.personal)
        yield from _comment(f"Left out, because they look like somebody's own: {listed}.", 2)
    yield f"  - name: {name}"
    yield f"    description: {_scalar(f'Last {one} of a {key.entity}')}"
    yield f"    source: {proposal.source}"
    yield f"    entities: [{_scalar(key.entity)}]"
    if proposal.only_dates:
        yield from _comment("times are dates: an event is not known before its day is over", 4)
        yield "    interval: 1d"
    yield "    select:"
    for column in proposal.latest:
        yield f"      last_{snake(column)}: {_expression(column)}"
    if proposal.event_id is not None:
        yield from _comment("which of several events of one time is the last", 4)
        yield f"    tie_breaker: {_scalar(proposal.event_id)}"


def _training(proposal: Proposal) -> Iterator[str]:
    target = (
        f"`{proposal.target}` looks like what is to be predicted: remove it if it is not."
        if proposal.target
        else "Labels of your own are another source, with the keys, a time and what is to be predicted."
    )
    yield from _comment(
        "Every row's keys and time with the features as they were just before it: something to begin "
        f"with. `select` says which columns of the rows are kept, none of them somebody's own. {target}"
    )
    yield "training_sets:"
    yield f"  - name: {training_set_name(proposal)}"
    yield "    labels:"
    yield f"      source: {proposal.source}"
    yield f"      select: [{', '.join(_scalar(column) for column in _label_columns(proposal))}]"
    yield f"    features: [{', '.join(feature_names(proposal))}]"


def _label_columns(proposal: Proposal) -> list[str]:
    keys = [key.column for key in proposal.keys]
    target = [proposal.target] if proposal.target else []
    return [*keys, proposal.time.name, *target]


def _expression(column: str) -> str:
    """A column as an SQL expression, in YAML."""
    if NAME.fullmatch(column) and column.lower() == column:
        return _scalar(column)
    return _scalar('"' + column.replace('"', '""') + '"')


def _said(column: str) -> str:
    return f"`{column}`"


def _comment(text: str, indent: int = 0) -> Iterator[str]:
    space = " " * indent
    wrapped = textwrap.wrap(text, _WIDTH - indent, break_long_words=False, break_on_hyphens=False)
    for line in wrapped:
        yield f"{space}# {line}"


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT:
        return text
    if (
        re.fullmatch(r"[A-Za-z][A-Za-z0-9_ ]*", text)
        and text.strip() == text
        and text.lower() not in _NOT_TEXT
    ):
        return text
    return json.dumps(text, ensure_ascii=False)
