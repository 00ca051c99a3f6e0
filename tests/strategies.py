"""Random projects as plain data: one YAML document, the rows of its one source, and their types.

`projects()` draws them. The `oracle_*` functions say what a drawn feature means in the words of
the oracle; conditions come from the table `CONDITIONS`, so nothing here reads SQL.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

from hypothesis import strategies as st
from oracle import (
    Clock,
    Column,
    Condition,
    Event,
    Function,
    Key,
    Row,
    Value,
    split_by_entity,
    surrogate_key,
)
from stored_times import NEAR_CHANGES, PLAIN, StoredTime

from mlforge_sql import functions
from mlforge_sql.functions.model import Function as AggregateFunction
from mlforge_sql.types import Kind, parse_type

Document: TypeAlias = dict[str, Any]

SOURCE = "events"
TIME = "event_time"
SCHEMA: dict[str, str] = {
    "user_id": "VARCHAR",
    "shop_id": "BIGINT",
    "event_time": "TIMESTAMP",
    "amount": "DOUBLE",
    "quantity": "BIGINT",
    "price": "DECIMAL(12,2)",
    "kind": "VARCHAR",
    "flag": "BOOLEAN",
}


KEYS = ("user_id", "shop_id")


def fitting(field: str) -> tuple[Function, ...]:
    """The functions of the product that fit a field; of keys, those that show none of its values."""
    kind = parse_type(SCHEMA[field])
    return tuple(
        call
        for function in functions.FUNCTIONS.values()
        if function.result(kind) is not None and not (field in KEYS and function.shows_values)
        for call in told(function)
    )


def told(function: AggregateFunction) -> list[Function]:
    """A function with what it can be told."""
    parameter = function.parameter
    if parameter is None:
        return [function.name]
    if parameter.fits is None:
        return [f"{function.name}({share})" for share in ("0", "0.3", "0.95", "1")]
    fits = [name for name, kind in SCHEMA.items() if parameter.fits(parse_type(kind))]
    return [f"{function.name}({name})" for name in fits if name not in {*KEYS, TIME}]


FUNCTIONS: dict[str, tuple[Function, ...]] = {
    "*": tuple(name for name, function in functions.FUNCTIONS.items() if function.counts_rows),
    **{field: fitting(field) for field in SCHEMA if field != TIME},
}
DEFAULTS: dict[Kind, tuple[bool | int | float | str, ...]] = {
    Kind.FLOAT: (0, -1, 0.5),
    Kind.INTEGER: (0, -1),
    Kind.DECIMAL: (0, -1),
    Kind.TEXT: ("none", ""),
    Kind.BOOLEAN: (False, True),
}

INTERVALS = ("1h", "6h", "1d", "1w", "2w")
GRIDDED_WINDOWS = (
    *("1h", "2h", "6h", "12h", "24h", "36h", "1d", "2d", "3d", "7d", "14d", "28d", "30d"),
    *("1w", "2w", "4w"),
)
CONTINUOUS_WINDOWS = ("90s", "30m", *GRIDDED_WINDOWS)
OFFSETS = ("30m", "1h", "6h", "1d", "3d", "7d", "1w", "2w")
DELAYS = ("1h", "90m", "1d", "1s")

TEXTS = ("u1", "u2", "", "o'brien", "🙂", 'say "hi"', "U1", " u1", "1:a", "~", "e\u0301", "👩‍👩‍👧", "ab\\c")  # fmt: skip
KINDS = ("a", "b", "c", "", "it's", "~", "1:a", "é", "B")
BASES = (
    datetime(2024, 1, 1),  # a Monday
    datetime(2024, 2, 28),
    datetime(2023, 12, 31, 23, 0),
    datetime(1970, 1, 1),
    datetime(1970, 1, 5),
    datetime(1969, 12, 22),  # a Monday before the epoch
    datetime(1965, 6, 1, 12, 34, 56, 789),
)
STEPS = (
    timedelta(seconds=30),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=12),
    timedelta(days=1),
    timedelta(days=7),
)
NUDGES = (0, 0, 0, 0, 1, -1, 90_000_000, 17_123_456)  # microseconds


# Conditions: SQL text beside what it means. A NULL operand makes a comparison unknown (None).


def compare(column: str, test: Callable[[Any], bool]) -> Condition:
    def condition(row: Row) -> bool | None:
        value = row[column]
        return None if value is None else test(value)

    return condition


def either(left: Condition, right: Condition) -> Condition:
    def condition(row: Row) -> bool | None:
        sides = (left(row), right(row))
        if True in sides:
            return True
        return None if None in sides else False

    return condition


def both(left: Condition, right: Condition) -> Condition:
    def condition(row: Row) -> bool | None:
        sides = (left(row), right(row))
        if False in sides:
            return False
        return None if None in sides else True

    return condition


CONDITIONS: dict[str, Condition] = {
    "amount > 10": compare("amount", lambda value: value > 10),
    "kind = 'a' or flag": either(
        compare("kind", lambda value: value == "a"), compare("flag", lambda value: value)
    ),
    "price is not null": lambda row: row["price"] is not None,
    "kind is null": lambda row: row["kind"] is None,
    "flag": compare("flag", lambda value: value),
    "not flag": compare("flag", lambda value: not value),
    "kind <> 'it''s'": compare("kind", lambda value: value != "it's"),
    "kind in ('a', 'b')": compare("kind", lambda value: value in {"a", "b"}),
    "price >= 1.5 and quantity < 5": both(
        compare("price", lambda value: value >= Decimal("1.5")),
        compare("quantity", lambda value: value < 5),
    ),
    "quantity between 0 and 3": compare("quantity", lambda value: 0 <= value <= 3),
    "quantity > 1000000": compare("quantity", lambda value: value > 1_000_000),
}


@dataclass(frozen=True)
class GeneratedProject:
    """One document with `entities`, `sources` and `features`, and the data of its one source.

    `rows` have the instants that events have happened at; the file may have stored them otherwise.
    """

    spec: Document
    rows: list[dict[str, Value]]
    schema: dict[str, str]
    stored: StoredTime = PLAIN
    times: tuple[datetime | None, ...] = ()

    @property
    def file_schema(self) -> dict[str, str]:
        """The columns of the file."""
        found: dict[str, str] = {}
        for name, kind in self.schema.items():
            found |= self.stored.types if name == TIME else {name: kind}
        return found

    @property
    def file_rows(self) -> list[dict[str, Any]]:
        """The rows of the file."""
        times = self.times or [row[TIME] for row in self.rows]
        return [
            {**row, **self.stored.columns(time)}  # type: ignore[arg-type]  # a time
            for row, time in zip(self.rows, times, strict=True)
        ]


# What a drawn feature means


def duration_us(text: str) -> int:
    """Microseconds of `90s`, `30m`, `12h`, `7d`, `4w`."""
    match = re.fullmatch(r"(\d+)([smhdw])", text)
    if match is None:
        raise ValueError(f"not a duration: {text!r}")
    seconds = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}[match[2]]
    return int(match[1]) * seconds * 1_000_000


def oracle_clock(feature: Mapping[str, Any]) -> Clock:
    if "interval" in feature:
        return Clock(interval_us=duration_us(feature["interval"]))
    return Clock(boundary=feature.get("boundary", "exclusive"))


def oracle_delay(project: GeneratedProject) -> int:
    delay = project.spec["sources"][0].get("delay")
    return 0 if delay is None else duration_us(delay)


def oracle_columns(feature: Mapping[str, Any]) -> list[Column]:
    """The feature columns of all metrics, under their final names; none for a latest feature."""
    found = [column for metric in feature.get("metrics", []) for column in metric_columns(metric)]
    ordered = [column for column in found if is_ordered(column.function)]
    read = {name for column in ordered for name in (column.field, column.by) if name is not None}
    first = feature.get("tie_breaker", [])
    order = (*first, *sorted(read - {TIME, *first}, key=str.casefold))
    return [replace(column, order=order) for column in found]


def is_ordered(function: Function) -> bool:
    """Whether a function needs the order of events."""
    return functions.called(function).function.ordered


def metric_columns(metric: Mapping[str, Any]) -> list[Column]:
    if "aggregations" in metric:
        aggregates = [
            {"field": field, "function": function}
            for field, functions in metric["aggregations"].items()
            for function in functions
        ]
    else:
        aggregates = [dict(metric)]
    return [
        aggregate_column({**aggregate, **part}, window)
        for aggregate in aggregates
        for part in pivoted(metric)
        for window in metric["windows"]
    ]


def pivoted(metric: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What tells the values of a pivot apart: the label, and the condition; one without either where there is none."""
    by = metric.get("by")
    if by is None:
        return [{}]
    column, values = by["column"], by["values"]
    found: list[dict[str, Any]] = [
        {"label": label, "only": compare(column, partial(operator.eq, wanted))}
        for label, wanted in values.items()
    ]
    if by.get("other"):
        others = compare(column, lambda value: value not in values.values())
        found.append({"label": "other", "only": others})
    if by.get("missing"):
        found.append({"label": "missing", "only": lambda row: row[column] is None})
    return found


def aggregate_column(aggregate: Mapping[str, Any], window: str) -> Column:
    field, function = aggregate["field"], aggregate["function"]
    offset, where = aggregate.get("offset"), aggregate.get("where")
    call = functions.called(function)
    stem = aggregate.get("name") or (function if field == "*" else f"{field}_{call.label}")
    stem += f"_{aggregate['label']}" if "label" in aggregate else ""
    condition = None if where is None else CONDITIONS[where]
    if "only" in aggregate:
        condition = both(condition, aggregate["only"]) if condition else aggregate["only"]
    return Column(
        name=f"{stem}_{window}" + ("" if offset is None else f"_offset_{offset}"),
        field=field,
        function=function,
        window_us=None if window == "lifetime" else duration_us(window),
        offset_us=0 if offset is None else duration_us(offset),
        where=condition,
        default=aggregate.get("default"),
        by=call.column,
    )


def oracle_remaining(feature: Mapping[str, Any]) -> list[str]:
    """The columns that break ties after `tie_breaker`: those that are selected, by name."""
    read = set(feature["select"].values()) - {TIME, *feature.get("tie_breaker", [])}
    return sorted(read, key=str.casefold)


def feature_entity(project: GeneratedProject, feature: Mapping[str, Any]) -> Document:
    (name,) = feature["entities"]
    (entity,) = (entity for entity in project.spec["entities"] if entity["name"] == name)
    return dict(entity)


def join_keys(entity: Mapping[str, Any]) -> list[str]:
    keys = entity["join_key"]
    return [keys] if isinstance(keys, str) else list(keys)


def oracle_events(project: GeneratedProject, feature: Mapping[str, Any]) -> dict[Key, list[Event]]:
    """The events of each entity of a feature, after the `where` of the source and of the feature."""
    entity = feature_entity(project, feature)
    rows: list[Row] = []
    for row in project.rows:
        wheres = (project.spec["sources"][0].get("where"), feature.get("where"))
        if any(where is not None and CONDITIONS[where](row) is not True for where in wheres):
            continue
        if "from_columns" in entity:
            key = surrogate_key([row[column] for column in entity["from_columns"]])
            rows.append({**row, entity["join_key"]: key})
        else:
            rows.append(row)
    return split_by_entity(rows, join_keys(entity), TIME)


# Rows


@st.composite
def source_rows(draw: st.DrawFn, stored: StoredTime = PLAIN) -> list[dict[str, Value]]:
    users = draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3, unique=True))
    shops = draw(st.sampled_from([[1], [1, 2], [-1, 0, 9_007_199_254_740_993]]))
    row = st.fixed_dictionaries(
        {
            "user_id": often(users),
            "shop_id": often(shops),
            "event_time": st.sampled_from(draw(event_times(stored))),
            "amount": st.integers(-500, 20_000).map(often_kept),  # see `with_amounts`
            "quantity": often(range(-3, 10)),
            "price": st.integers(-1_000, 100_000).map(often_kept).map(cents),
            "kind": often(KINDS),
            "flag": often([False, True]),
        }
    )
    least, most = draw(st.sampled_from([(0, 6), (3, 12), (10, 24), (20, 40)]))
    rows = draw(st.lists(row, min_size=least, max_size=most))
    return with_amounts(rows, draw(st.sampled_from(AMOUNTS)))


# A cell is one choice, NULL about one time in eight: examples of many choices are thrown away.


def often(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([*values, *values, *values, *values, *[None] * (len(values) // 2 or 1)])


def often_kept(value: int) -> int | None:
    return None if value % 8 == 7 else value


def cents(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value).scaleb(-2)


@st.composite
def event_times(draw: st.DrawFn, stored: StoredTime) -> list[datetime | None]:
    """Times for one project: a few steps from a base, mostly on it or a microsecond beside it."""
    bases = NEAR_CHANGES[stored.zone] if stored.zone else BASES
    base, step = draw(st.sampled_from(bases)), draw(st.sampled_from(STEPS))
    last = draw(st.sampled_from([1, 4, 12]))
    nulls = draw(st.sampled_from([0, 0, last]))
    times = [
        base + number * step + timedelta(microseconds=nudge)
        for nudge in NUDGES
        for number in range(last + 1)
    ]
    return [*times, *[None] * nulls]


def whole(value: int, _first: bool) -> float:
    return float(value // 100)


def money(value: int, _first: bool) -> float:
    return value / 100


def billions(value: int, _first: bool) -> float:
    return 1e9 + value / 1_000


def billions_first(value: int, first: bool) -> float:
    return billions(value, first) if first else money(value, first)


def mixed(value: int, first: bool) -> float:
    return (whole, money, billions)[value % 3](value, first)


AMOUNTS: tuple[Callable[[int, bool], float], ...] = (whole, money, billions, billions_first, mixed)


def with_amounts(
    rows: Sequence[dict[str, Any]], amount: Callable[[int, bool], float]
) -> list[dict[str, Value]]:
    """The rows with amounts of one style; `first` tells the earlier half of the rows in time."""
    times = sorted(row[TIME] for row in rows if row[TIME] is not None)
    middle = times[len(times) // 2] if times else None
    found: list[dict[str, Value]] = []
    for row in rows:
        first = row[TIME] is None or middle is None or row[TIME] < middle
        value = row["amount"]
        styled = {**row, "amount": None if value is None else amount(value, first)}
        found.append({column: styled[column] for column in SCHEMA})
    return found


# Specs


@st.composite
def projects(draw: st.DrawFn, ways: Sequence[StoredTime] = (PLAIN,)) -> GeneratedProject:
    """A project; `ways` are those in which the time of its events may be stored."""
    stored = draw(st.sampled_from(ways))
    drawn = draw(source_rows(stored))
    times: list[Any] = [row[TIME] for row in drawn]
    rows = [{**row, TIME: stored.instant(time)} for row, time in zip(drawn, times, strict=True)]
    entities = draw(project_entities())
    source: Document = {"name": SOURCE, "path": "data/events.parquet"}
    source["timestamp"] = stored.timestamp
    source |= draw(some(2, delay=st.sampled_from(DELAYS)))
    source |= draw(some(6, where=st.sampled_from(list(CONDITIONS))))
    count = draw(st.integers(1, 4))
    features = [draw(project_feature(f"feature_{number}", entities)) for number in range(count)]
    in_days = all(item.get("interval") in {"1d", "1w", "2w"} for item in features)
    if stored.delays and not (stored.days and in_days):
        source["delay"] = draw(st.sampled_from(stored.delays))
    if stored.staged != TIME:
        for item in features:
            renamed = {TIME: stored.staged}
            item |= {
                key: {alias: renamed.get(column, column) for alias, column in item[key].items()}
                for key in ("select",)
                if key in item
            }
        rows = [{**row, stored.staged: row[TIME]} for row in rows]
    spec = {"entities": entities, "sources": [source], "features": features}
    return GeneratedProject(spec, rows, dict(SCHEMA), stored, tuple(times))


def some(one_in: int, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Document]:
    """The optional keys, each of them in one of so many draws."""
    maybe = {key: one_of_so_many(values, one_in) for key, values in optional.items()}
    return st.fixed_dictionaries(maybe).map(
        lambda drawn: {key: value for key, value in drawn.items() if value is not None}
    )


def one_of_so_many(values: st.SearchStrategy[Any], one_in: int) -> st.SearchStrategy[Any]:
    """None, and the values once in so many draws."""
    return st.integers(1, one_in).flatmap(lambda die: values if die == one_in else st.none())


@st.composite
def project_entities(draw: st.DrawFn) -> list[Document]:
    entities: list[Document] = [
        {"name": "user", "join_key": "user_id"},
        {"name": "shop", "join_key": "shop_id"},
        {"name": "pair", "join_key": ["user_id", "shop_id"]},
    ]
    if draw(st.booleans()):
        choices = [["user_id", "kind"], ["user_id", "shop_id"], ["kind"], ["flag", "price", "kind"]]
        columns = draw(st.sampled_from(choices))
        entities.append({"name": "person", "join_key": "person_id", "from_columns": columns})
    return entities


@st.composite
def project_feature(draw: st.DrawFn, name: str, entities: Sequence[Document]) -> Document:
    entity = draw(st.sampled_from(entities))
    feature: Document = {"name": name, "source": SOURCE, "entities": [entity["name"]]}
    feature |= draw(feature_clock())
    feature |= draw(some(6, where=st.sampled_from(list(CONDITIONS))))
    # the columns of a surrogate key, whichever entity it identifies, reach no feature
    hidden = [column for item in entities for column in item.get("from_columns", [])]
    if draw(st.integers(0, 3)) == 3:
        return feature | draw(latest(hidden))
    feature |= {"metrics": draw(feature_metrics(feature.get("interval"), hidden))}
    columns = [column for metric in feature["metrics"] for column in metric_columns(metric)]
    if any(is_ordered(column.function) for column in columns):
        feature |= draw(some(2, tie_breaker=tie_breakers(hidden)))
    return feature


def tie_breakers(hidden: Sequence[str]) -> st.SearchStrategy[list[str]]:
    usable = [column for column in ("quantity", "price", "kind", "flag") if column not in hidden]
    return st.lists(st.sampled_from(usable), min_size=1, max_size=2, unique=True)


def feature_clock() -> st.SearchStrategy[Document]:
    return st.one_of(
        st.sampled_from([{}, {}, {"boundary": "inclusive"}]).map(dict),
        st.sampled_from(INTERVALS).map(lambda interval: {"interval": interval}),
    )


@st.composite
def latest(draw: st.DrawFn, hidden: Sequence[str]) -> Document:
    aliases = {
        "latest_amount": "amount",
        "quantity": "quantity",
        "last_price": "price",
        "latest_kind": "kind",
        "is_flagged": "flag",
        "last_seen_at": TIME,
    }
    usable = [alias for alias, column in aliases.items() if column not in hidden]
    chosen = draw(st.lists(st.sampled_from(usable), min_size=1, max_size=4, unique=True))
    return {
        "select": {alias: aliases[alias] for alias in chosen},
        **draw(some(2, tie_breaker=tie_breakers(hidden))),
    }


@st.composite
def feature_metrics(draw: st.DrawFn, interval: str | None, hidden: Sequence[str]) -> list[Document]:
    """One to three metrics; one whose columns would repeat a name is left out."""
    fields = [field for field in FUNCTIONS if field not in hidden]
    metrics: list[Document] = []
    names: set[str] = set()
    for number in range(draw(st.integers(1, 3))):
        windows = draw(metric_windows(interval))
        form = draw(st.sampled_from([block(fields), aggregate(fields, interval, number)]))
        metric = {**draw(form), "windows": windows, **draw(some(4, by=pivots(hidden)))}
        found = {column.name for column in metric_columns(metric)}
        if not found & names:
            metrics.append(metric)
            names |= found
    return metrics


def pivots(hidden: Sequence[str]) -> st.SearchStrategy[Document]:
    """Pivots by a text, a boolean or a number; their values by labels, as lists of them would make."""
    values = {
        "kind": {"a": "a", "quote": "it's", "accent": "é"},
        "flag": {"true": True},
        "quantity": {"2": 2, "minus": -1},
        "price": {"cents": 1.5},
    }
    choices = [
        {"column": column, "values": found, "other": other, "missing": missing}
        for column, found in values.items()
        if column not in hidden
        for other, missing in ((True, True), (True, False), (False, True))
    ]
    return st.sampled_from(choices)


def metric_windows(interval: str | None) -> st.SearchStrategy[list[str]]:
    windows = [*multiples(CONTINUOUS_WINDOWS, interval), "lifetime"]
    return st.lists(st.sampled_from(windows), min_size=1, max_size=3, unique=True)


def multiples(durations: Sequence[str], interval: str | None) -> list[str]:
    """The durations a clock allows: all of them, or the multiples of its interval."""
    unit = 1 if interval is None else duration_us(interval)
    return [text for text in durations if duration_us(text) % unit == 0]


def usable(field: str, fields: Sequence[str]) -> list[Function]:
    """The functions of a field that are told nothing but fields that can be used."""
    calls = {call: functions.called(call).column for call in FUNCTIONS[field]}
    return [call for call, by in calls.items() if by is None or by in fields]


@st.composite
def block(draw: st.DrawFn, fields: Sequence[str]) -> Document:
    chosen = draw(st.lists(st.sampled_from(fields), min_size=1, max_size=2, unique=True))
    aggregations = {
        field: draw(
            st.lists(st.sampled_from(usable(field, fields)), min_size=1, max_size=3, unique=True)
        )
        for field in chosen
    }
    return {"aggregations": aggregations}


@st.composite
def aggregate(
    draw: st.DrawFn, fields: Sequence[str], interval: str | None, number: int
) -> Document:
    field = draw(st.sampled_from(fields))
    function = draw(st.sampled_from(usable(field, fields)))
    result = functions.called(function).function.result(parse_type(SCHEMA.get(field, "BIGINT")))
    assert result is not None
    defaults = DEFAULTS[result.family]
    options = draw(
        some(
            3,
            offset=st.sampled_from(multiples(OFFSETS, interval)),
            where=st.sampled_from(list(CONDITIONS)),
            default=st.sampled_from(defaults),
        )
    )
    if functions.called(function).function.of_missing:
        options.pop("default", None)
    name = draw(st.sampled_from(["velocity", "spend", "m"]))
    is_named = bool(options) or draw(st.booleans())
    named = {"name": f"{name}_{number}"} if is_named else {}
    return {"field": field, "function": function, **named, **options}
