"""The vocabulary of each dialect: times, ticks, keys. Both engines say what plain arithmetic says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import pytest
from dialect_values import INSTANTS, VALUES, column_types, equal, literal, rows, table_sql
from sqlglot import exp
from test_dialect_table import CATALOG, plain
from warehouse import Connection, StatementError, Warehouse

from mlforge_sql.clock import Clock
from mlforge_sql.dbt.macros import Macros
from mlforge_sql.dbt.templates import static_files
from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.dialects.trees import func, jinja
from mlforge_sql.durations import Duration
from mlforge_sql.event_time import EventTime, TimeKind
from mlforge_sql.expressions import column
from mlforge_sql.keys import surrogate_key
from mlforge_sql.plan.nodes import SurrogateKey
from mlforge_sql.sql.staging import surrogate_key as key_sql
from mlforge_sql.sql.text import sql_text
from mlforge_sql.types import parse_type

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000

Run = Callable[[str], list[tuple[Any, ...]]]


def instant(micros: int) -> datetime | int:
    """An instant; one that Python cannot hold is its number of microseconds."""
    try:
        return EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return micros


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def clocks() -> Iterator[Clock]:
    yield Clock.of(None)
    yield Clock.of(None, inclusive=True)
    for text in ("1s", "1m", "15m", "1h", "6h", "1d", "10d", "1w", "4w"):
        yield Clock.of(Duration.parse(text))


@pytest.fixture(scope="module")
def local() -> Run:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(f"create table numbers as {table_sql(spark=False)}")

    def run(sql: str) -> list[tuple[Any, ...]]:
        table = connection.sql(sql).to_arrow_table()
        return list(zip(*(plain(item) for item in table.columns), strict=True))

    return run


@pytest.fixture(scope="module")
def spark(shared_warehouse: Warehouse) -> Iterator[Run]:
    connection = shared_warehouse.connect(schema="default")
    connection.sql(f"create schema if not exists {CATALOG}.dialect_vocabulary")
    connection.sql(f"use schema {CATALOG}.dialect_vocabulary")
    connection.sql(f"create or replace table numbers as {table_sql(spark=True)}")
    yield runner(connection)
    connection.close()


def runner(connection: Connection) -> Run:
    def run(sql: str) -> list[tuple[Any, ...]]:
        table = connection.arrow(sql)
        found = zip(*(plain(item) for item in table.columns), strict=True)
        return [tuple(naive(value) for value in row) for row in found]

    return run


def naive(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


@pytest.fixture(params=["duckdb", pytest.param("databricks", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest) -> tuple[Dialect, Run]:
    if request.param == "duckdb":
        return DuckDb(), request.getfixturevalue("local")
    return Databricks(), request.getfixturevalue("spark")


def say(dialect: Dialect, *trees: exp.Expr) -> str:
    """Trees as columns, with the macros of a project filled in."""
    texts = (sql_text(tree, dialect) for tree in trees)
    listed = ", ".join(f"{text} as c{number}" for number, text in enumerate(texts))
    return macros(dialect.name).render(listed)


@cache
def macros(adapter: str) -> Macros:
    return Macros(static_files(databricks=True), adapter, str)


# Clocks -----------------------------------------------------------------------------------------


def test_ticks_and_their_instants(engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    every = list(clocks())
    made: list[exp.Expr] = []
    for clock in every:
        tick = dialect.tick(column("t"), clock)
        said = macros(dialect.name).render(sql_text(tick, dialect, in_jinja=True))
        made += [tick, dialect.instant(exp.Var(this=f"({said})"), clock, 5 * SECOND)]
    found = run(f"select t, {say(dialect, *made)} from numbers where id < {len(INSTANTS) + 1}")
    assert len(found) == len(INSTANTS) + 1
    for moment, *values in found:
        for clock, tick, later in zip(every, values[::2], values[1::2], strict=True):
            if moment is None:
                assert tick is None
                assert later is None
                continue
            expected = (micros(moment) - clock.anchor) // clock.unit + 1
            if clock.interval is None:
                expected = micros(moment) + (0 if clock.inclusive else 1)
            assert tick == expected, (clock, moment)
            assert later == instant(expected * clock.unit + clock.anchor + 5 * SECOND)


def test_last_ticks(engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    every = [clock for clock in clocks() if clock.interval is not None]
    made = [dialect.last_tick(column("t"), clock) for clock in every]
    found = run(f"select t, {say(dialect, *made)} from numbers where id < {len(INSTANTS) + 1}")
    for moment, *values in found:
        for clock, value in zip(every, values, strict=True):
            if moment is None:
                assert value is None
                continue
            since = micros(moment) - clock.anchor
            assert value == instant(since // clock.unit * clock.unit + clock.anchor)
            if clock.anchor and isinstance(value, datetime) and clock.unit == 7 * 86400 * SECOND:
                assert value.weekday() == 0


LENGTHS = (0, 1, 1500, SECOND, 90 * 60 * SECOND, 86400 * SECOND, 30 * 86400 * SECOND)


def test_earlier_and_later(engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    made = [dialect.earlier(column("t"), length) for length in LENGTHS]
    made += [dialect.later(column("t"), length) for length in LENGTHS]
    found = run(f"select t, {say(dialect, *made)} from numbers where id < {len(INSTANTS) + 1}")
    signed = [*(-length for length in LENGTHS), *LENGTHS]
    for moment, *values in found:
        expected = [None if moment is None else instant(micros(moment) + step) for step in signed]
        assert values == expected


def test_what_is_an_instant_and_what_is_finite(engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    made = [dialect.is_instant(column("t")), dialect.is_finite(column("f64"))]
    found = run(f"select t, f64, {say(dialect, *made)} from numbers")
    for moment, number, is_instant, is_finite in found:
        assert bool(is_instant) is (moment is not None)
        assert is_finite is (None if number is None else math.isfinite(number))


# Event times ------------------------------------------------------------------------------------


def test_timestamps_and_dates(engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    at = dialect.event_time(EventTime("t", TimeKind.TIMESTAMP), column("t"))
    day = dialect.event_time(EventTime("day", TimeKind.DATE), column("day"))
    for moment, written, value, start in run(
        f"select t, day, {say(dialect, at, day)} from numbers"
    ):
        assert value == moment
        assert start == (None if written is None else datetime(*written.timetuple()[:3]))


ZONED = ("2024-02-29 12:34:56.789012+02:00", "1969-12-31 23:59:59.999999-05:30", None)


def test_timestamps_with_a_time_zone(engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    name = "timestamp" if dialect.name == "databricks" else "timestamptz"
    at = dialect.event_time(EventTime("x", TimeKind.TIMESTAMP_TZ), column("x"))
    texts = ", ".join(f"(cast({literal(text, spark=False)} as {name}))" for text in ZONED)
    found = run(f"select {say(dialect, at)} from (values {texts}) as v(x)")
    assert [row[0] for row in found] == [utc(text) for text in ZONED]


def utc(text: str | None) -> datetime | None:
    return None if text is None else naive(datetime.fromisoformat(text).astimezone(UTC))


def test_timestamps_without_a_time_zone_are_utc(spark: Run) -> None:
    dialect = Databricks()
    at = dialect.event_time(EventTime("x", TimeKind.TIMESTAMP), column("x"))
    found = run_values(spark, [at], ["cast('2024-03-31 02:30:00.5' as timestamp_ntz)"])
    assert found == [(datetime(2024, 3, 31, 2, 30, 0, 500000),)]


def run_values(run: Run, trees: list[exp.Expr], values: list[str]) -> list[tuple[Any, ...]]:
    listed = ", ".join(f"({value})" for value in values)
    return run(f"select {say(Databricks(), *trees)} from (values {listed}) as v(x)")


NUMBERS = (0, 1, -1, 999, 1000, -999, -1000, -1001, 1_709_210_096, -62_135_596_800, 253_402_300_799)


def test_integers_since_1970(engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    units = (1, 1_000, SECOND, 1_000 * SECOND)
    times = [EventTime("x", TimeKind.EPOCH, per_second=unit) for unit in units]
    made = say(dialect, *(dialect.event_time(stored, column("x")) for stored in times))
    listed = ", ".join(f"(cast({number} as bigint))" for number in (*NUMBERS, "null"))
    found = run(f"select x, {made} from (values {listed}) as v(x)")
    for number, *values in found:
        for unit, value in zip(units, values, strict=True):
            expected = None if number is None else instant(number * SECOND // unit)
            assert value == expected, (number, unit)


FORMATS: dict[str, dict[str, str | None]] = {
    "%Y-%m-%d %H:%M:%S": {
        "2024-02-29 12:34:56": "2024-02-29 12:34:56",
        "2024-2-9 1:2:3": "2024-02-09 01:02:03",
        "1969-12-31 23:59:59": "1969-12-31 23:59:59",
        "0001-01-01 00:00:00": "0001-01-01 00:00:00",
        "9999-12-31 23:59:59": "9999-12-31 23:59:59",
        "2024-02-30 00:00:00": None,
        "2024-02-29T12:34:56": None,
        "2024-02-29 12:34:56.5": None,
        "2024-02-29 24:00:00": None,
        "2024-02-29": None,
        "": None,
    },
    "%Y-%m-%d %H:%M:%S.%f": {
        "2024-02-29 12:34:56.789012": "2024-02-29 12:34:56.789012",
        "2024-02-29 12:34:56.5": "2024-02-29 12:34:56.500000",
        "2024-02-29 12:34:56": None,
        "2024-02-29 12:34:56.1234567": None,
    },
    "%Y-%m-%dT%H:%M:%S%z": {
        "2024-02-29T12:34:56+02:00": "2024-02-29 10:34:56",
        "2024-02-29T12:34:56-0530": "2024-02-29 18:04:56",
        "2024-02-29T12:34:56+02": "2024-02-29 10:34:56",
        "2024-02-29T12:34:56 +02:00": None,
    },
    "%Y%m%d": {"20240229": "2024-02-29 00:00:00", "20241301": None},
    "%Y%m%dT%H%M%S": {"20240229T123456": "2024-02-29 12:34:56"},
    "%d/%m/%Y %H:%M": {
        "29/02/2024 12:34": "2024-02-29 12:34:00",
        "9/2/2024 1:2": "2024-02-09 01:02:00",
        "31/04/2024 00:00": None,
    },
    "%m/%d/%Y %I:%M %p": {
        "02/29/2024 12:34 AM": "2024-02-29 00:34:00",
        "2/29/2024 12:34 pm": "2024-02-29 12:34:00",
        "2/29/2024 1:02 PM": "2024-02-29 13:02:00",
        "2/29/2024 13:02 PM": None,
    },
    "%d %b %Y": {
        "29 Feb 2024": "2024-02-29 00:00:00",
        "9 feb 2024": "2024-02-09 00:00:00",
        "9 SEP 2024": "2024-09-09 00:00:00",
        "9 September 2024": None,
    },
    "%B %d, %Y": {"February 29, 2024": "2024-02-29 00:00:00", "May 1, 2024": "2024-05-01 00:00:00"},
    "%Y-%j": {"2024-060": "2024-02-29 00:00:00", "2024-60": "2024-02-29 00:00:00"},
    "%Y-%m": {"2024-02": "2024-02-01 00:00:00"},
    "%T %Y": {"12:34:56 2024": "2024-01-01 12:34:56"},
    "at %H Uhr, %d.%m.%Y it's [{#}] 100%%": {
        "at 12 Uhr, 29.02.2024 it's [{#}] 100%": "2024-02-29 12:00:00"
    },
}
"""Texts by format, and the instants that they are; None where reading them fails."""


@pytest.mark.parametrize("format_", FORMATS)
def test_text_with_a_format(format_: str, engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    at = dialect.event_time(EventTime("x", TimeKind.TEXT, format=format_), column("x"))
    is_spark = dialect.name == "databricks"
    cases = FORMATS[format_]
    good = {text: datetime.fromisoformat(wanted) for text, wanted in cases.items() if wanted}
    listed = ", ".join(f"({literal(text, spark=is_spark)})" for text in good)
    found = run(f"select x, {say(dialect, at)} from (values {listed}, (null)) as v(x)")
    assert dict(found) == {None: None} | good
    for text in [text for text, wanted in cases.items() if wanted is None]:
        with pytest.raises((duckdb.Error, StatementError)):
            run(
                f"select {say(dialect, at)} from (values ({literal(text, spark=is_spark)})) as v(x)"
            )


ISO = {
    "2024-02-29": "2024-02-29 00:00:00",
    "2024-02-29 12:34:56": "2024-02-29 12:34:56",
    "2024-02-29T12:34:56Z": "2024-02-29 12:34:56",
    "2024-02-29T12:34:56.789012+02:00": "2024-02-29 10:34:56.789012",
    "2024-02-29 12:34:56.5-05:30": "2024-02-29 18:04:56.5",
    "1969-12-31 23:59:59.999999": "1969-12-31 23:59:59.999999",
}


def test_iso_text(engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    at = dialect.event_time(EventTime("x", TimeKind.ISO_TEXT), column("x"))
    listed = ", ".join(f"('{text}')" for text in ISO)
    found = run(f"select x, {say(dialect, at)} from (values {listed}, (null)) as v(x)")
    expected = {text: datetime.fromisoformat(wanted) for text, wanted in ISO.items()}
    assert dict(found) == {None: None} | expected


# Keys -------------------------------------------------------------------------------------------

PARTS = ("s", "i8", "i16", "i32", "i64", "b", "day", "d", "d4", "d38")


def test_surrogate_keys_are_those_of_python(engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    types = column_types()
    keys = [SurrogateKey("k", ((name, types[name]),)) for name in PARTS]
    keys.append(SurrogateKey("k", tuple((name, types[name]) for name in (*PARTS, "s2", "day2"))))
    made = say(dialect, *(key_sql(key) for key in keys))
    found = dict(zip(range(870), sorted(run(f"select id, {made} from numbers")), strict=True))
    for row in rows():
        expected = [surrogate_key(*(row[name] for name, _ in key.parts)) for key in keys]
        assert list(found[row["id"]][1:]) == expected, row["id"]


def test_a_decimal_that_is_all_fraction(engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    key = SurrogateKey("k", (("x", parse_type("decimal(2,2)")),))
    listed = ", ".join(f"(cast({number} as decimal(2, 2)))" for number in ("0.5", "-0.05", "0"))
    found = run(f"select {say(dialect, key_sql(key))} from (values {listed}) as v(x)")
    expected = [surrogate_key(Decimal(text)) for text in ("0.50", "-0.05", "0.00")]
    assert [row[0] for row in found] == expected


def test_length_is_in_characters(engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    made = say(dialect, func("length", column("s")), jinja("mlforge_sha256('s')"))
    texts = {None, *VALUES["s"][1]}
    found = {row[0]: row[1:] for row in run(f"select s, {made} from numbers")}
    assert set(found) == texts
    for text in texts - {None}:
        assert found[text][0] == len(text)
        assert len(found[text][1]) == 64


# Types ------------------------------------------------------------------------------------------


def test_types_hold_their_values(engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    types = column_types()
    made = say(dialect, *(dialect.cast(column(name), types[name]) for name in VALUES))
    found = sorted(run(f"select id, {made} from numbers"))
    for values, row in zip(found, rows(), strict=True):
        for name, value in zip(VALUES, values[1:], strict=True):
            assert equal(value, row[name]), (name, row["id"])
