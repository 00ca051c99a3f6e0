"""What a table may be as a source: its event time, keys, and first features, each with the reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mlforge_sql.starting.looking import Column, Table
from mlforge_sql.starting.words import (
    is_amount,
    is_id,
    is_measured,
    is_noun,
    is_personal,
    is_target,
    is_thing,
    is_who,
    singular,
    snake,
    thing,
    time_rank,
)
from mlforge_sql.types import UNKNOWN, Kind

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_ENTITIES = 3
_MEASURES = 3
_LATEST = 3
_OUTCOMES = 10
_LONGEST_KEY = 64
_KEYS = frozenset({Kind.TEXT, Kind.INTEGER, Kind.DATE})


@dataclass(frozen=True, slots=True)
class Key:
    """A column that says what a row is about.

    Attributes:
        entity: Name of the entity.
        column: The column.
        why: Why it may be one.
        missing: Rows without a value.
        declared: Whether the entity is declared already.
    """

    entity: str
    column: str
    why: str
    missing: int
    declared: bool = False

    @property
    def join_key(self) -> str:
        """The column, or the name of the key that is computed from one whose name cannot be a key's."""
        return key_name(self.column)


def key_name(column: str) -> str:
    """The join key for a column.

    Examples:
        >>> key_name("userId"), key_name("Station Code")
        ('userId', 'station_code_key')
    """
    return column if NAME.fullmatch(column) else f"{snake(column)}_key"


@dataclass(frozen=True, slots=True)
class Measure:
    """A number to aggregate."""

    column: str
    functions: tuple[str, ...]
    negative: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a table may be as a source.

    Attributes:
        table: What was looked at.
        source: Name of the source.
        time: The event time.
        why_time: Why it is that column.
        keys: What its rows are about, the best first.
        event_id: A column without repetitions, if there is one.
        interval: The clock of the first feature.
        windows: Its windows.
        why_windows: Why they are so long.
        measures: What it aggregates.
        latest: Columns of the latest feature.
        personal: Columns that are left out because they look like somebody's own.
        target: A column that looks like what is to be predicted, if there is one.
    """

    table: Table
    source: str
    time: Column
    why_time: str
    keys: tuple[Key, ...]
    event_id: str | None
    interval: str
    windows: tuple[str, ...]
    why_windows: str
    measures: tuple[Measure, ...]
    latest: tuple[str, ...]
    personal: tuple[str, ...]
    target: str | None

    @property
    def unknown(self) -> tuple[str, ...]:
        """Columns without a single value, so that nothing tells their types."""
        return tuple(column.name for column in self.table.columns if column.type == UNKNOWN)

    @property
    def only_dates(self) -> bool:
        """Whether the event time says no time of the day, so that the day has to be over."""
        time = self.time.time
        return time is not None and (time.dated or time.midnights)


class NothingToPropose(Exception):  # noqa: N818 - an answer, not a failure
    """A table that cannot be a source; the text says what it lacks.

    Args:
        message: What.
        hint: The next step.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def propose(table: Table, source: str, entities: Mapping[str, str] | None = None) -> Proposal:
    """What a table may be as a source.

    Args:
        table: What is in it.
        source: Name that the source gets.
        entities: Entities that are declared already, by join key in lower case.

    Raises:
        NothingToPropose: It has no event time, or nothing that its rows are about.
    """
    time, why_time = _event_time(table)
    keys = _keys(table, singular(source), entities or {})
    if not keys:
        raise NothingToPropose(
            f"no column of `{table.path}` says what its rows are about",
            "features need a key that comes back, such as `customer_id`, as text or whole numbers; a "
            "single series gets one from a column that is the same in every row",
        )
    used = {key.column for key in keys} | {time.name}
    others = [
        column
        for column in table.columns
        if column.name not in used
        and column.time is None
        and not (_is_unique(column) and column.type.family in _KEYS)
    ]
    measures = _measures(others)
    interval, windows, why_windows = _windows(table, time, keys[0])
    unique = [c for c in table.columns if _is_unique(c) and c.type.family in _KEYS]
    own = [column for column in unique if not _is_personal(column)]
    ids = sorted(own, key=lambda column: not is_id(column.name))
    return Proposal(
        table,
        source,
        time,
        why_time,
        keys,
        ids[0].name if ids and ids[0].values == table.rows and ids[0].name != time.name else None,
        interval,
        windows,
        why_windows,
        measures,
        _latest(others, measures),
        tuple(column.name for column in table.columns if _is_personal(column)),
        next((column.name for column in others if _is_target(column)), None),
    )


def _is_unique(column: Column) -> bool:
    """Whether a column tells rows apart; amounts that happen to differ do not."""
    return column.unique and not is_amount(column.name)


def _is_personal(column: Column) -> bool:
    return column.emails or is_personal(column.name)


def _is_target(column: Column) -> bool:
    """Whether a column has a few outcomes, and the name of one."""
    return (
        column.type.family in {Kind.BOOLEAN, Kind.INTEGER, Kind.TEXT}
        and 1 < column.distinct <= _OUTCOMES
        and is_target(column.name)
        and not _is_personal(column)
    )


def _event_time(table: Table) -> tuple[Column, str]:
    found = [column for column in table.columns if column.time is not None]
    counted = [c for c in found if c.time and c.time.unit and time_rank(c.name) <= 0]
    found = [column for column in found if column not in counted and column.values]
    if not found:
        named = [c for c in table.columns if time_rank(c.name) > 0 or "year" in snake(c.name)]
        hint = "a source needs the time of each row: a timestamp, a date, text with both, or an integer that counts since 1970"
        if named:
            listed = ", ".join(f"`{column.name}` is {column.type}" for column in named[:3])
            hint += f"; {listed}: write the file with a column that is one, such as `make_date(year, 12, 31)`"
        raise NothingToPropose(f"no column of `{table.path}` has the time of its events", hint)
    best = max(found, key=lambda c: (time_rank(c.name), c.values, not (c.time and c.time.dated)))
    why = f"{_how(best)}; every row has it" if best.values == table.rows else _how(best)
    others = [f"`{column.name}`" for column in found if column is not best]
    if others:
        why += f"; the others that are times: {', '.join(others[:4])}"
    return best, why


def _how(column: Column) -> str:
    time = column.time
    assert time is not None
    if time.unit is not None:
        return f"whole numbers that count since 1970, as large as {_UNITS[time.unit]} are"
    if time.format is not None:
        return "text, and every value has this format"
    return f"its type is {column.type}"


_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


def _keys(table: Table, row: str, entities: Mapping[str, str]) -> tuple[Key, ...]:
    scores = [(_score(column), column) for column in table.columns]
    scored = [item for item in scores if item[0] > 1] or [item for item in scores if item[0] > 0]
    scored.sort(key=lambda item: (*_last_ones(item[1], row), -item[0], -item[1].distinct))
    named = [item for item in scored if is_id(item[1].name) or is_noun(item[1].name)]
    named = [item for item in named if is_thing(item[1].name)] or named
    keys: list[Key] = []
    names = {name.casefold() for name in entities.values()}
    for _, column in (named or scored)[:_ENTITIES]:
        declared = entities.get(key_name(column.name).casefold())
        name = declared or thing(column.name, row)
        while declared is None and name.casefold() in names:
            name = f"{row}_{name}"
        names.add(name.casefold())
        each = column.values / column.distinct
        why = f"{column.distinct:,} different values, {each:,.1f} rows for each"
        missing = table.rows - column.values
        keys.append(Key(name, column.name, why, missing, declared is not None))
    return tuple(keys)


def _last_ones(column: Column, row: str) -> tuple[bool, bool]:
    """What sorts first who acts, and last what a row is itself, such as the order of an order's lines."""
    return thing(column.name, row) in {row, row.split("_", maxsplit=1)[0]}, not is_who(column.name)


def _score(column: Column) -> int:
    """How much a column looks like a key; 0 for not at all."""
    repeats = column.distinct > 1 and column.values >= 1.5 * column.distinct
    text = column.type.family is Kind.TEXT
    if column.type.family not in _KEYS or not repeats or column.unique or _is_personal(column):
        return 0
    named = 4 * is_id(column.name) + 2 * is_noun(column.name)
    if (column.time is not None and not named) or column.longest > _LONGEST_KEY:
        return 0
    if not text and not named:  # any column of few numbers repeats itself
        return 0
    few = column.distinct < 5
    return max(1, named + 2 + (column.values >= 3 * column.distinct) - 3 * few)


def _measures(columns: list[Column]) -> tuple[Measure, ...]:
    found = [
        column
        for column in columns
        if column.type.is_numeric
        and column.type.family is not Kind.OTHER
        and column.distinct > 2
        and is_measured(column.name)
    ]
    found.sort(key=lambda column: not is_amount(column.name))
    return tuple(
        Measure(
            column.name,
            ("sum", "mean") if is_amount(column.name) else ("mean", "max"),
            column.negative,
        )
        for column in found[:_MEASURES]
    )


def _latest(columns: list[Column], measures: tuple[Measure, ...]) -> tuple[str, ...]:
    words = [
        column.name
        for column in columns
        if column.type.family in {Kind.TEXT, Kind.BOOLEAN}
        and column.distinct > 1
        and column.longest <= _LONGEST_KEY
        and not _is_personal(column)
    ]
    numbers = [measure.column for measure in measures]
    chosen = [*numbers[:1], *words[:_LATEST]][:_LATEST]
    return tuple(dict.fromkeys([*chosen, *numbers]))[:_LATEST]


def _windows(table: Table, time: Column, key: Key) -> tuple[str, tuple[str, ...], str]:
    assert time.time is not None
    days = time.time.days
    column = next(item for item in table.columns if item.name == key.column)
    gap = days * column.distinct / max(1, column.values)
    every = f"{gap:,.1f} days" if gap >= 1 else f"{gap * 24:,.1f} hours"
    why = f"{key.entity} has an event every {every} on average, in {days:,.0f} days"
    if days < 3 and not (time.time.dated or time.time.midnights):
        return "1h", ("1h", "6h"), why
    if days < 14:
        return "1d", ("1d", "3d"), why
    if gap <= 3:
        return "1d", ("7d", "30d"), why
    return "1d", (("30d", "90d") if gap <= 20 else ("90d", "365d")), why
