"""The rule of time (docs/design.md) as loops over rows: slow, and meant to be right by reading.

Instants are whole microseconds since 1970-01-01 00:00 UTC. The letters are those of the rule:
`e` an event's time, `t` a query time, `W` a window, `o` an offset, `d` a source delay, `I` an
interval and `T` a tick.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from typing import Any, Literal, TypeAlias

Number: TypeAlias = bool | int | float | Decimal
Value: TypeAlias = Number | str | date | datetime | None
Row: TypeAlias = Mapping[str, Value]
Event: TypeAlias = tuple[int, Row]
Key: TypeAlias = tuple[Value, ...]
Condition: TypeAlias = Callable[[Row], bool | None]
Function: TypeAlias = str
"""A function as users write it; `LOOPS` has those that there are."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY_US = timedelta(days=1) // MICROSECOND
WEEK_US = 7 * DAY_US
MONDAY_US = 4 * DAY_US  # 1970-01-05, the first Monday after the epoch

EXACT = Context(prec=1000, traps=[Inexact])  # decimal sums are exact, or an error


# Time


@dataclass(frozen=True, slots=True)
class Clock:
    """When values change: at any instant (`interval_us` is None), or only at the ticks of a grid."""

    interval_us: int | None = None
    boundary: Literal["exclusive", "inclusive"] = "exclusive"

    def __post_init__(self) -> None:
        if self.interval_us is not None and self.boundary != "exclusive":
            raise ValueError("boundary belongs to continuous clocks")
        if self.interval_us is not None and self.interval_us <= 0:
            raise ValueError("an interval is positive")


def last_tick(interval_us: int, instant: int) -> int:
    """The last tick at or before `instant`. Weekly grids tick on Mondays, all others from the epoch."""
    anchor = MONDAY_US if interval_us % WEEK_US == 0 else 0
    return anchor + (instant - anchor) // interval_us * interval_us


def is_visible(e: int, clock: Clock, delay_us: int, t: int, offset_us: int = 0) -> bool:
    """Whether an event is early enough to be known at `t`: the upper end of every window."""
    d, o = delay_us, offset_us
    if clock.interval_us is not None:
        tick = last_tick(clock.interval_us, t - d)  # T + d <= t < T + I + d
        return e < tick - o
    if clock.boundary == "inclusive":
        return e <= t - d - o
    return e < t - d - o


def is_recent(
    e: int, clock: Clock, delay_us: int, t: int, window_us: int | None, offset_us: int
) -> bool:
    """Whether an event is late enough to be counted at `t`: the lower end of a window."""
    if window_us is None:  # lifetime
        return True
    d, o, w = delay_us, offset_us, window_us
    if clock.interval_us is not None:
        tick = last_tick(clock.interval_us, t - d)
        return tick - o - w <= e
    if clock.boundary == "inclusive":
        return t - d - o - w < e
    return t - d - o - w <= e


def first_visible(e: int, clock: Clock, delay_us: int) -> int:
    """The first `t` at which an event is visible (offset 0)."""
    if clock.interval_us is not None:
        return last_tick(clock.interval_us, e) + clock.interval_us + delay_us  # first tick after e
    if clock.boundary == "inclusive":
        return e + delay_us
    return e + delay_us + 1


# Values


@dataclass(frozen=True, slots=True)
class Column:
    """One feature column: `function` of `field` (or of rows, "*") over one window.

    `order` has the columns that order events of one time, ascending with NULLs first. `by` is the other
    column that the function is told.
    """

    name: str
    field: str
    function: Function
    window_us: int | None
    offset_us: int = 0
    where: Condition | None = None
    default: Value = None
    order: Sequence[str] = ()
    by: str | None = None

    def __post_init__(self) -> None:
        if self.field == "*" and self.function != "count":
            raise ValueError('"*" can only be counted')


def value_at(column: Column, events: Sequence[Event], clock: Clock, delay_us: int, t: int) -> Value:
    """The value of one column at `t`, from the events of one entity."""
    rows: list[Row] = []
    for e, row in sorted(events, key=lambda event: event_order(event, column.order)):
        if not is_visible(e, clock, delay_us, t, column.offset_us):
            continue
        if not is_recent(e, clock, delay_us, t, column.window_us, column.offset_us):
            continue
        if column.where is not None and column.where(row) is not True:
            continue
        rows.append(row)

    if column.field == "*":
        result: Value = len(rows)
    else:
        others = [] if column.by is None else [row[column.by] for row in rows]
        result = aggregate(column.function, [row[column.field] for row in rows], others)

    is_empty = result == 0 if column.function in COUNTS else result is None
    if is_empty and column.default is not None:
        return column.default
    return result


def event_order(event: Event, order: Sequence[str]) -> tuple[Any, ...]:
    """The place of an event: by its time, then by columns. The last one is what a latest feature holds."""
    e, row = event
    return (e, *(sort_key(row[column]) for column in order))


def aggregate(function: Function, values: Iterable[Value], others: Sequence[Value] = ()) -> Value:
    """One aggregate of values in the order of events: of those that are not NULL, and NULL where there are none.

    `others` are the values of the column that the function is told, in the same order.
    """
    found = list(values)
    if function in COUNTS:
        return COUNTS[function](found)
    name = name_of(function)
    if name in OF_TWO:
        pairs = [pair for pair in zip(found, others, strict=True) if None not in pair]
        return OF_TWO[name](pairs) if pairs else None
    present = [value for value in found if value is not None]
    if name in OF_A_SHARE:
        return OF_A_SHARE[name](present, told(function)) if present else None
    return LOOPS[name](present) if present else None


def told(function: Function) -> float:
    """The number that a function is told."""
    return float(function.partition("(")[2].removesuffix(")"))


def name_of(function: Function) -> str:
    """The word of a function, without what it is told."""
    return function.partition("(")[0]


def different(values: Iterable[Value]) -> int:
    """How many different values there are; NaN equals itself."""
    return len({sort_key(value) for value in values if value is not None})


def mode(values: Sequence[Value]) -> Value:
    """The most frequent value; of equally frequent ones the smallest."""
    keys = [sort_key(value) for value in values]
    return min(values, key=lambda value: (-keys.count(sort_key(value)), sort_key(value)))


COUNTS: dict[Function, Callable[[list[Value]], int]] = {
    "count": lambda values: sum(value is not None for value in values),
    "count_distinct": different,
    "approx_count_distinct": different,
    "count_null": lambda values: sum(value is None for value in values),
}
"""Functions that are 0 for an empty window, of all its values."""

LOOPS: dict[Function, Callable[[Sequence[Value]], Value]] = {
    "min": lambda values: min(values, key=sort_key),
    "max": lambda values: max(values, key=sort_key),
    "sum": lambda values: total(numbers(values)),
    "mean": lambda values: mean(numbers(values)),
    "variance": lambda values: variance(numbers(values), 2),
    "std": lambda values: standard_deviation(numbers(values), 2),
    "variance_pop": lambda values: variance(numbers(values), 1),
    "std_pop": lambda values: standard_deviation(numbers(values), 1),
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "mode": mode,
    "median": lambda values: percentile(values, 0.5),
    "any": lambda values: any(value is True for value in values),
    "all": lambda values: all(value is True for value in values),
}
"""The other functions, of the values that are not NULL; there is at least one."""


def weighted_mean(pairs: Sequence[tuple[Value, Value]]) -> float | None:
    """The sum of the values times their weights by the sum of the weights: exact, then a float."""
    values = numbers([value for value, _ in pairs])
    weights = numbers([weight for _, weight in pairs])
    exact = [
        (Fraction(value), Fraction(weight)) for value, weight in zip(values, weights, strict=True)
    ]
    total = sum((weight for _, weight in exact), Fraction(0))
    weighed = sum((value * weight for value, weight in exact), Fraction(0))
    return float(weighed / total) if total else None


def percentile(values: Sequence[Value], share: float) -> float:
    """The value at the place `share * (n - 1)`, counted from 0; between two, as far between them.

    The place is a float, as it is on all engines: 0.3 of 11 values is the fourth, although 0.3 is a little less.
    """
    found = sorted(map(float, numbers(values)), key=sort_key)
    place = share * (len(found) - 1)
    before, after = found[math.floor(place)], found[math.ceil(place)]
    rest = place - math.floor(place)
    if sort_key(before) == sort_key(after):
        return before
    if not math.isfinite(before) or not math.isfinite(after):
        return before * (1 - rest) + after * rest
    return float(Fraction(before) * (1 - Fraction(rest)) + Fraction(after) * Fraction(rest))


OF_A_SHARE: dict[str, Callable[[Sequence[Value], float], Value]] = {"percentile": percentile}
"""Functions that are told a number, of the values that are not NULL; there is at least one."""


def beside_largest(pairs: Sequence[tuple[Value, Value]]) -> Value:
    """The value beside the largest other one; the last of equal ones."""
    largest = max(sort_key(other) for _, other in pairs)
    return [value for value, other in pairs if sort_key(other) == largest][-1]


def beside_smallest(pairs: Sequence[tuple[Value, Value]]) -> Value:
    """The value beside the smallest other one; the last of equal ones."""
    smallest = min(sort_key(other) for _, other in pairs)
    return [value for value, other in pairs if sort_key(other) == smallest][-1]


OF_TWO: dict[str, Callable[[Sequence[tuple[Value, Value]]], Value]] = {
    "weighted_mean": weighted_mean,
    "arg_max": beside_largest,
    "arg_min": beside_smallest,
}
"""Functions of a column and another one, of the pairs without NULL; there is at least one."""


def numbers(values: Sequence[Value]) -> list[int | float | Decimal]:
    """The values as numbers, booleans as 0 and 1."""
    found: list[int | float | Decimal] = []
    for value in values:
        if isinstance(value, bool):
            found.append(int(value))
        elif isinstance(value, int | float | Decimal):
            found.append(value)
        else:
            raise TypeError(f"not a number: {value!r}")
    return found


def total(values: Sequence[int | float | Decimal]) -> int | float | Decimal:
    """The exact sum; of floats, the float nearest to it."""
    not_finite = sum_of_not_finite(values)
    if not_finite is not None:
        return not_finite
    if any(isinstance(value, float) for value in values):
        return math.fsum(values)
    result: int | Decimal = 0
    for value in values:
        if isinstance(value, Decimal) or isinstance(result, Decimal):
            result = EXACT.add(Decimal(result), Decimal(value))
        else:
            result += int(value)
    return result


def mean(values: Sequence[int | float | Decimal]) -> float:
    """The float nearest to the exact mean."""
    not_finite = sum_of_not_finite(values)
    if not_finite is not None:
        return not_finite
    return float(exact_mean([Fraction(value) for value in values]))


def variance(values: Sequence[int | float | Decimal], fewest: int) -> float | None:
    """The float nearest to the exact variance: the sample form needs two values, that of populations one."""
    if len(values) < fewest:
        return None
    if sum_of_not_finite(values) is not None:
        return math.nan
    return float(exact_variance([Fraction(value) for value in values], fewest))


def standard_deviation(values: Sequence[int | float | Decimal], fewest: int) -> float | None:
    """The float nearest to the root of the exact variance."""
    if len(values) < fewest:
        return None
    if sum_of_not_finite(values) is not None:
        return math.nan
    return root(exact_variance([Fraction(value) for value in values], fewest))


def exact_variance(values: Sequence[Fraction], fewest: int) -> Fraction:
    middle = exact_mean(values)
    squares = [(value - middle) ** 2 for value in values]
    return sum(squares, Fraction(0)) / (len(squares) - fewest + 1)


def root(value: Fraction) -> float:
    """The square root, from whole numbers with twice the digits of a float."""
    bits = max(0, 128 - (value.numerator.bit_length() - value.denominator.bit_length()) // 2)
    whole = math.isqrt((value.numerator << 2 * bits) // value.denominator)
    return float(Fraction(whole, 1 << bits))


def exact_mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


def sum_of_not_finite(values: Sequence[int | float | Decimal]) -> float | None:
    """What IEEE arithmetic makes of NaN and infinities, which finite values cannot change."""
    found = [value for value in values if isinstance(value, float) and not math.isfinite(value)]
    return sum(found) if found else None


def sort_key(value: Value) -> tuple[Any, ...]:
    """An order of the values of one column: NULL below everything, NaN above everything."""
    if value is None:
        return (0,)
    if isinstance(value, float) and math.isnan(value):
        return (2,)
    return (1, value)


def latest_at(  # noqa: PLR0917 - the arguments of the rule, in its order
    columns: Mapping[str, str],
    events: Sequence[Event],
    clock: Clock,
    delay_us: int,
    t: int,
    tie_breaker: Sequence[str] = (),
    remaining: Sequence[str] = (),
) -> dict[str, Value] | None:
    """The selected columns (alias -> source column) of the last event visible at `t`.

    Of events at the same time the largest counts: by `tie_breaker` first, then by `remaining`,
    each descending with NULLs last.
    """
    visible = [(e, row) for e, row in events if is_visible(e, clock, delay_us, t)]
    if not visible:
        return None

    order = (*tie_breaker, *remaining)
    _, last = max(visible, key=lambda event: event_order(event, order))
    return {alias: last[column] for alias, column in columns.items()}


def change_points(
    columns: Sequence[Column], events: Sequence[Event], clock: Clock, delay_us: int
) -> list[int]:
    """The instants at which an event enters or leaves a window; no columns means a latest feature.

    Every change of a value is at one of these. At some of them nothing changes: `where` and NULL
    fields are not looked at, and what enters may equal what leaves.
    """
    shifts = {0} if not columns else set()
    for column in columns:
        shifts.add(column.offset_us)
        if column.window_us is not None:
            shifts.add(column.offset_us + column.window_us)
    return sorted(
        {first_visible(e + shift, clock, delay_us) for e, _ in events for shift in shifts}
    )


# Rows and keys


def microseconds(instant: datetime) -> int:
    """Microseconds since the epoch; a naive datetime is UTC."""
    aware = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
    return (aware - EPOCH) // MICROSECOND


def split_by_entity(rows: Iterable[Row], keys: Sequence[str], time: str) -> dict[Key, list[Event]]:
    """The events of each entity. Rows with a NULL key part or a NULL time enter no feature."""
    entities: dict[Key, list[Event]] = {}
    for row in rows:
        key = tuple(row[name] for name in keys)
        instant = row[time]
        if instant is None or any(part is None for part in key):
            continue
        if isinstance(instant, datetime):
            instant = microseconds(instant)
        if not isinstance(instant, int):
            raise TypeError(f"not an instant: {instant!r}")
        entities.setdefault(key, []).append((instant, row))
    return entities


def surrogate_key(parts: Sequence[Value], salt: str | None = None) -> str | None:
    """The sha256 of the encoded parts, `<length>:<text>` or `~` for NULL; None when all are NULL."""
    if all(part is None for part in parts):
        return None
    salted = [*([] if salt is None else [salt]), *parts]
    encoded = "".join(encode_part(part) for part in salted)
    return hashlib.sha256(encoded.encode("utf-8")).hexdigest()


def encode_part(part: Value) -> str:
    if part is None:
        return "~"
    text = key_text(part)
    return f"{len(text)}:{text}"


def key_text(part: Value) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, bool):
        return "true" if part else "false"
    if isinstance(part, int):
        return str(part)
    if isinstance(part, Decimal):
        return format(part, "f")
    if isinstance(part, date) and not isinstance(part, datetime):
        return part.isoformat()
    raise TypeError(f"no part of a surrogate key: {part!r}")
