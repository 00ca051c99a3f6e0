"""Dates, timestamps and lengths of time. All instants are UTC."""

from __future__ import annotations

import re
from datetime import date, datetime

from sqlglot import exp

from mlforge_sql.dialects.translation.terms import (
    Rule,
    Say,
    Term,
    bare,
    binary,
    call,
    cast,
    kind_of,
    number,
    refuse,
    text,
    user_type,
)
from mlforge_sql.durations import MICROSECONDS
from mlforge_sql.types import BIGINT, BOOLEAN, DATE, DOUBLE, TIMESTAMP, ColumnType, Kind

INT = ColumnType(Kind.INTEGER, bits=32)
_INSTANTS = frozenset({Kind.DATE, Kind.TIMESTAMP})
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?")

_FIXED = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": MICROSECONDS["s"],
    "minute": MICROSECONDS["m"],
    "hour": MICROSECONDS["h"],
    "day": MICROSECONDS["d"],
    "week": MICROSECONDS["w"],
}
_CALENDAR = {"month": ("month", 1), "quarter": ("month", 3), "year": ("year", 1)}
_SAID = (("day", "d"), ("hour", "h"), ("minute", "m"), ("second", "s"))

_SYNONYMS = {
    **dict.fromkeys(["us", "usec", "usecs", "microseconds"], "microsecond"),
    **dict.fromkeys(["ms", "msec", "msecs", "milliseconds"], "millisecond"),
    **dict.fromkeys(["s", "sec", "secs", "seconds"], "second"),
    **dict.fromkeys(["min", "mins", "minutes"], "minute"),
    **dict.fromkeys(["h", "hr", "hrs", "hours"], "hour"),
    **dict.fromkeys(["d", "days", "dayofmonth"], "day"),
    **dict.fromkeys(["w", "weeks", "weekofyear"], "week"),
    **dict.fromkeys(["mon", "mons", "months"], "month"),
    **dict.fromkeys(["quarters"], "quarter"),
    **dict.fromkeys(["y", "yr", "yrs", "years"], "year"),
    **dict.fromkeys(["dayofweek", "weekday"], "dow"),
    **dict.fromkeys(["dayofyear"], "doy"),
}


def unit_name(word: str) -> str:
    """DuckDB's words for a unit of time are many; this is one of them."""
    folded = word.strip("'").lower()
    return _SYNONYMS.get(folded, folded)


def literal_time(node: exp.Expr, kind: ColumnType) -> exp.Expr:
    """A date or a timestamp that is written as text."""
    written = node.name
    whole = _DAY.fullmatch(written)
    try:
        if kind.family is Kind.DATE and whole:
            date.fromisoformat(written)
            return cast(text(written), DATE)
        if kind.family is Kind.TIMESTAMP and (whole or _INSTANT.fullmatch(written)):
            instant = datetime.fromisoformat(written)
            return cast(text(f"{_iso(instant)}+00:00"), TIMESTAMP)
    except ValueError:
        pass
    wanted = "'2024-01-31'" if kind.family is Kind.DATE else "'2024-01-31 12:00:00'"
    raise refuse(node, f"as a {kind} it is not plain", f"write it as {wanted}")


def _iso(instant: datetime) -> str:
    """ISO text with a year of four digits."""
    fraction = f".{instant.microsecond:06}".rstrip("0") if instant.microsecond else ""
    return f"{instant.year:04}-{instant:%m-%d %H:%M:%S}{fraction}"


def _moment(node: exp.Expr, *, timestamp: bool = False) -> ColumnType | None:
    """The type of a date or timestamp; any other type is refused."""
    found = user_type(node)
    allowed = {Kind.TIMESTAMP} if timestamp else _INSTANTS
    if found is not None and found.family not in allowed:
        what = "a timestamp" if timestamp else "a date or timestamp"
        hint = "write `cast(... as timestamp)` around it" if found.family in _INSTANTS else None
        raise refuse(node, f"it is {found}, not {what}", hint)
    return found


def _micros(node: exp.Expr, say: Say) -> exp.Expr:
    """Microseconds since 1970; the column may be a timestamp without a time zone there."""
    return call("unix_micros", cast(say(node).tree, TIMESTAMP))


# Parts ------------------------------------------------------------------------------------------


def _part(node: exp.Expr, name: str, value: exp.Expr, say: Say) -> Term:
    """One part of a date or timestamp."""
    span = _difference_of(value)
    if span is not None and name == "epoch":
        return _seconds(_between(*span, say))
    kind = _moment(value, timestamp=name in {"hour", "minute", "second"})
    tree = say(value).tree
    match name:
        case "epoch" if kind is not None and kind.family is Kind.DATE:
            seconds = exp.Mul(
                this=call("unix_date", tree), expression=exp.Literal.number("86400e0")
            )
            return Term(seconds, DOUBLE)
        case "epoch":
            return _seconds(_micros(value, say))
        case "dow":
            return Term(exp.Sub(this=call("dayofweek", tree), expression=number(1)), INT)
        case "isodow":
            return Term(exp.Add(this=call("weekday", tree), expression=number(1)), INT)
        case "isoyear":
            return Term(exp.Extract(this=exp.Var(this="yearofweek"), expression=tree), INT)
    if name not in _PARTS:
        known = ", ".join(sorted({*_PARTS, "dow", "isodow", "isoyear", "epoch"}))
        raise refuse(node, f"`{name}` is no part that both engines have", f"use one of: {known}")
    return Term(call(_PARTS[name], tree), INT)


_PARTS = {
    "year": "year",
    "quarter": "quarter",
    "month": "month",
    "week": "weekofyear",
    "day": "day",
    "doy": "dayofyear",
    "hour": "hour",
    "minute": "minute",
    "second": "second",
}


def _seconds(micros: exp.Expr) -> Term:
    return Term(exp.Div(this=micros, expression=number(1_000_000)), DOUBLE)


def extract(node: exp.Expr, say: Say) -> Term:
    """``extract(part from x)``."""
    return _part(node, unit_name(node.this.name), node.expression, say)


def named_part(node: exp.Expr, say: Say) -> Term:
    """``date_part('part', x)``."""
    part, value = node.expressions
    if not (isinstance(part, exp.Literal) and part.is_string):
        raise refuse(node, "the part is not a literal", "write its name in quotes")
    return _part(node, unit_name(part.name), value, say)


_PART_NODES: dict[type[exp.Expr], str] = {
    exp.Year: "year",
    exp.Quarter: "quarter",
    exp.Month: "month",
    exp.Week: "week",
    exp.WeekOfYear: "week",
    exp.Day: "day",
    exp.DayOfMonth: "day",
    exp.DayOfWeek: "dow",
    exp.DayOfWeekIso: "isodow",
    exp.DayOfYear: "doy",
    exp.Hour: "hour",
    exp.Minute: "minute",
    exp.Second: "second",
    exp.TimeToUnix: "epoch",
}


def part_function(node: exp.Expr, say: Say) -> Term:
    """``year(x)`` and the other parts that are functions."""
    return _part(node, _PART_NODES[type(node)], node.this, say)


def isoyear(node: exp.Expr, say: Say) -> Term:
    """``isoyear(x)``."""
    return _part(node, "isoyear", node.expressions[0], say)


def epoch_us(node: exp.Expr, say: Say) -> Term:
    """Microseconds since 1970."""
    _moment(node.expressions[0], timestamp=True)
    return Term(_micros(node.expressions[0], say), BIGINT)


# Truncation, months -----------------------------------------------------------------------------

_TRUNCATED = frozenset({*_FIXED, *_CALENDAR})


def truncated(node: exp.Expr, say: Say) -> Term:
    """``date_trunc``: weeks start on Monday."""
    name = unit_name(node.args["unit"].name)
    _moment(node.this)
    if name not in _TRUNCATED:
        known = ", ".join(sorted(_TRUNCATED))
        raise refuse(node, f"`{name}` is not cut off there", f"use one of: {known}")
    return Term(call("date_trunc", text(name), say(node.this).tree), TIMESTAMP)


def last_day(node: exp.Expr, say: Say) -> Term:
    """The last day of the month."""
    _moment(node.this)
    return Term(call("last_day", say(node.this).tree), DATE)


def from_number(node: exp.Expr, say: Say) -> Term:
    """``make_timestamp(microseconds)``, ``epoch_ms(milliseconds)``, ``to_timestamp(seconds)``."""
    scale = node.args.get("scale")
    power = int(scale.name) if scale is not None else 0
    if kind_of(node.this) is Kind.TIMESTAMP and power == 3:
        rounded = call("round", _micros(node.this, say), number(-3))
        return Term(exp.IntDiv(this=rounded, expression=number(1000)), BIGINT)
    names = {3: "timestamp_millis", 6: "timestamp_micros"}
    if power not in names or kind_of(node.this) is not Kind.INTEGER:
        hint = "write `make_timestamp(...)` of microseconds since 1970"
        raise refuse(node, "it is not a plain timestamp of a whole number", hint)
    return Term(call(names[power], say(node.this).tree), TIMESTAMP)


# Lengths of time --------------------------------------------------------------------------------


def _length(node: exp.Expr) -> tuple[str, int]:
    """An interval as Databricks' unit and a number."""
    if not isinstance(node, exp.Interval):
        raise refuse(node, "it is not an interval of a fixed length", "write `interval 1 day`")
    unit = node.args.get("unit")
    amount = node.this.name if isinstance(node.this, exp.Literal) else ""
    if unit is None or not re.fullmatch(r"-?\d+", amount):
        hint = "write one number and one unit, such as `interval 90 minutes`, and add several"
        raise refuse(node, "it is not one whole number of one unit", hint)
    name = unit_name(unit.name)
    if name in _CALENDAR:
        word, times = _CALENDAR[name]
        return word, int(amount) * times
    if name not in _FIXED:
        raise refuse(node, f"`{name}` is not a unit there", "use days, hours, minutes, seconds")
    micros = int(amount) * _FIXED[name]
    for word, letter in _SAID:
        if micros % MICROSECONDS[letter] == 0:
            return word, micros // MICROSECONDS[letter]
    return "microsecond", micros


def time_shift(node: exp.Expr, say: Say) -> Term | None:
    """A date or timestamp some time before or after; None when it is about numbers."""
    left, right = node.this, node.expression
    if isinstance(node, exp.Add) and isinstance(bare(left), exp.Interval):
        left, right = right, left
    interval = bare(right)
    if isinstance(interval, exp.Interval):
        kind = _moment(left)
        moment = say(left).tree
        if kind is not None and kind.family is Kind.DATE:
            moment = cast(moment, TIMESTAMP)
        word, amount = _length(interval)
        shift = exp.Interval(this=exp.Literal.string(str(amount)), unit=exp.Var(this=word))
        return Term(binary(type(node), moment, shift), TIMESTAMP)
    if not isinstance(node, (exp.Add, exp.Sub)) or Kind.DATE not in _kinds(left, right):
        return None
    if isinstance(node, exp.Add) and kind_of(right) is Kind.DATE:
        left, right = right, left
    if kind_of(left) is not Kind.DATE or kind_of(right) is not Kind.INTEGER:
        raise refuse(node, "only whole days are added to a date", "add an interval")
    days = say(right)
    if days.type is not None and days.type.bits > 32:
        raise refuse(node, "the number of days is bigint", "cast it to integer")
    return Term(binary(type(node), say(left).tree, days.tree), DATE)


def _kinds(*nodes: exp.Expr) -> set[Kind]:
    """What the parts hold, as far as it is known."""
    found = set()
    for node in nodes:
        if isinstance(bare(node), exp.Interval) or _difference_of(node) is not None:
            continue
        kind = kind_of(node)
        if kind is not None:
            found.add(kind)
    return found


def time_difference(node: exp.Expr, say: Say) -> Term | None:
    """Days between two dates; None when it is about something else."""
    if _kinds(node.this) == _kinds(node.expression) == {Kind.DATE}:
        return Term(call("datediff", say(node.this).tree, say(node.expression).tree), INT)
    if _difference_of(node) is not None:
        hint = "write `epoch(a - b)` for seconds, or `date_diff('day', b, a)`"
        raise refuse(node, "a length of time is no value there", hint)
    return None


def _difference_of(node: exp.Expr) -> tuple[exp.Expr, exp.Expr] | None:
    """The two sides of a difference of timestamps; None for anything else."""
    node = bare(node)
    if not isinstance(node, exp.Sub):
        return None
    for side in (node.this, node.expression):
        if isinstance(bare(side), exp.Interval) or _difference_of(side) is not None:
            return None
    kinds = [kind_of(side) for side in (node.this, node.expression)]
    both = all(kind in _INSTANTS for kind in kinds) and Kind.TIMESTAMP in kinds
    return (node.this, node.expression) if both else None


def _between(late: exp.Expr, early: exp.Expr, say: Say) -> exp.Expr:
    """Microseconds from one instant to another."""
    return call("timestampdiff", exp.Var(this="microsecond"), say(early).tree, say(late).tree)


def interval_comparison(node: exp.Expr, say: Say) -> Term | None:
    """``a - b > interval 7 days``: microseconds; None when it compares something else."""
    sides = (node.this, node.expression)
    if not any(isinstance(bare(side), exp.Interval) for side in sides):
        return None
    made = []
    for side in sides:
        interval = bare(side)
        if isinstance(interval, exp.Interval):
            word, amount = _length(interval)
            if word not in _FIXED:
                raise refuse(node, "months differ in length", "write days")
            made.append(number(amount * _FIXED[word]))
            continue
        span = _difference_of(side)
        if span is None:
            raise refuse(side, "only a difference of timestamps compares with an interval")
        made.append(_between(*span, say))
    return Term(binary(type(node), *made), BOOLEAN)


def difference(node: exp.Expr, say: Say) -> Term:
    """``date_diff``: how many starts of a unit lie between two instants."""
    unit = unit_name(node.args["unit"].name)
    return _counted(node, unit, node.expression, node.this, say, whole=False)


def whole_difference(node: exp.Expr, say: Say) -> Term:
    """``date_sub``: how many whole units lie between two instants."""
    part, early, late = node.expressions
    if not (isinstance(part, exp.Literal) and part.is_string):
        raise refuse(node, "the unit is not a literal", "write its name in quotes")
    unit = unit_name(part.name)
    if unit in _CALENDAR:
        raise refuse(node, "ends of months count differently", "use `date_diff`, or days")
    return _counted(node, unit, early, late, say, whole=True)


def _counted(
    node: exp.Expr, unit: str, early: exp.Expr, late: exp.Expr, say: Say, *, whole: bool
) -> Term:
    if unit not in _TRUNCATED:
        known = ", ".join(sorted(_TRUNCATED))
        raise refuse(node, f"`{unit}` is not a unit that both engines have", f"use one of: {known}")
    for side in (early, late):
        _moment(side)
    first, last = say(early).tree, say(late).tree
    if unit == "day" and not whole:
        return Term(call("datediff", last, first), INT)
    if unit == "week" and not whole:  # DuckDB counts whole weeks of days, not Mondays
        return Term(exp.IntDiv(this=call("datediff", last, first), expression=number(7)), BIGINT)
    if not whole and unit != "microsecond":
        first, last = (call("date_trunc", text(unit), side) for side in (first, last))
    return Term(call("timestampdiff", exp.Var(this=unit), first, last), BIGINT)


def shifted_function(node: exp.Expr, say: Say) -> Term:
    """``date_add(x, interval)``, which is ``x + interval``."""
    made = time_shift(exp.Add(this=node.this.copy(), expression=node.expression.copy()), say)
    if made is None:
        raise refuse(node, "only an interval is added", "write `x + interval 1 day`")
    return made


RULES: dict[type[exp.Expr], Rule] = {
    exp.Extract: extract,
    **dict.fromkeys(_PART_NODES, part_function),
    exp.TimestampTrunc: truncated,
    exp.DateTrunc: truncated,
    exp.LastDay: last_day,
    exp.UnixToTime: from_number,
    exp.DateDiff: difference,
    exp.DateAdd: shifted_function,
}

NAMED: dict[str, Rule] = {
    "date_part": named_part,
    "datepart": named_part,
    "date_sub": whole_difference,
    "datesub": whole_difference,
    "epoch_us": epoch_us,
    "isoyear": isoyear,
}
