"""No error of an engine shows a value of a row; what is not about rows stays as it is."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import duckdb
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import errors

from mlforge_sql.errors import SchemaUnreadable
from mlforge_sql.online.postgres.problems import words
from mlforge_sql.redaction import without_values
from mlforge_sql.workflows.compile import schema_reader

MARK = "Q7Xmark"

FAILING = {
    "a cast": "select cast(v as integer) from marked",
    "a cast of text to a decimal": "select cast(v as decimal(5, 2)) from marked",
    "a cast to a boolean": "select cast(v as boolean) from marked",
    "a cast to a date": "select cast(v as date) from marked",
    "a cast to a timestamp": "select cast(v as timestamp) from marked",
    "a cast to a timestamp with a zone": "select cast(v as timestamptz) from marked",
    "a cast to an interval": "select cast(v as interval) from marked",
    "a cast to a list": "select cast('[' || v as integer[]) from marked",
    "a cast to json": "select cast('{' || v as json) from marked",
    "a cast to bytes": "select cast('\\xZ' || v as blob) from marked",
    "a cast to uuid": "select cast(v as uuid) from marked",
    "a format": "select strptime(v, '%Y-%m-%d') from marked",
    "a part of a date": "select date_part(v, date '2024-01-01') from marked",
    "a unit": "select date_trunc(v, date '2024-01-01') from marked",
    "a pattern": "select regexp_matches('a', v || '(') from marked",
    "base64": "select from_base64(v || '!') from marked",
    "hex": "select unhex(v) from marked",
    "a sum of two": "select 9223372036854775807::bigint + i from marked",
    "a product": "select cast(i as integer) * 1774801 from marked",
    "a narrower number": "select cast(i as tinyint) from marked",
    "a double as a decimal": "select cast(i * 1e30 as decimal(10, 2)) from marked",
    "a whole division": "select i // 0 from marked",
    "a date put together": "select make_date(2024, cast(i as integer), 1) from marked",
    "a timestamp put together": "select make_timestamp(9223372036854775807) from marked",
    "a sum": "select sum(170141183460469231731687303715884105727::hugeint) from range(3)",
    "a constraint": "insert into unique_values select v from marked",
    "a check": "insert into checked_values select v from marked",
}  # fmt: skip
"""Kinds of failure, over ``marked``: v is a text with the mark, i is 1774801."""


def said(query: str) -> str:
    """What DuckDB says of a failing query."""
    with duckdb.connect() as connection:
        connection.execute("create table marked as select ? as v, 1774801::bigint as i", [MARK])
        connection.execute("create table unique_values (v varchar primary key)")
        connection.execute("insert into unique_values from (select v from marked)")
        connection.execute("create table checked_values (v varchar check (length(v) > 100))")
        with pytest.raises(duckdb.Error) as caught:
            connection.execute(query).fetchall()
    return str(caught.value)


@pytest.mark.parametrize("query", FAILING.values(), ids=FAILING)
def test_no_value_of_duckdb_is_left(query: str) -> None:
    for text in (said(query), in_dbt(said(query))):
        shown = without_values(text, ["v", "i"])
        assert " Error: " in shown, "nothing is left"
        for value in (MARK, "1774801", "9223372036854775807", "170141183460469231731687303715884"):
            assert value not in shown


def in_dbt(text: str) -> str:
    """An error as dbt writes it."""
    lines = "".join(f"  {line}\n" for line in text.splitlines())
    return (
        f"Runtime Error in model stg_purchases (models/staging/stg_purchases.sql)\n{lines}"
        "  compiled code at target/run/shop/models/staging/stg_purchases.sql"
    )


def test_the_column_and_the_type_are_named() -> None:
    text = said(FAILING["a cast"])
    end = "to INT32 when casting from source column v"
    assert without_values(text, ["v"]) == f"Conversion Error: Could not convert string ... {end}"
    assert without_values(text, []) == "Conversion Error: Could not convert string ... to INT32"
    assert without_values(in_dbt(text), ["v"]) == (
        "Runtime Error in model stg_purchases (models/staging/stg_purchases.sql)\n"
        f"Conversion Error: Could not convert string ... {end}\n"
        "compiled code at target/run/shop/models/staging/stg_purchases.sql"
    )


SOURCES: dict[str, tuple[bytes, str]] = {
    "a row with too much": (f"id,name\n1,b\n2,{MARK},3\n".encode(), "line"),
    "a number that is none": (f"id,name\n1,b\n{MARK},3\n".encode(), "line"),
    "a text without an end": (f'id,name\n1,"b\n2,"{MARK}\n'.encode(), "sniffing file"),
    "not utf-8": (f"id,name\n1,b\n2,{MARK}\xff\xfe\n".encode("latin-1"), "line"),
}


@pytest.mark.parametrize(("content", "_what"), SOURCES.values(), ids=SOURCES)
def test_no_row_of_a_file_is_left(
    content: bytes, _what: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """DuckDB shows the row that it cannot read."""
    file = tmp_path_factory.mktemp("files") / "a.csv"
    file.write_bytes(content)
    reader = f"read_csv('{file}', columns = {{'id': 'integer', 'name': 'varchar'}}, header = true, auto_detect = false)"
    text = said(f"select * from {reader}")
    assert MARK in text
    assert MARK not in without_values(text, ["id", "name"])
    assert "CSV Error on Line: " in without_values(text)


READ = {
    "a.csv": (f"id,name\n1,b\n2,{MARK}\xff\xfe\n".encode("latin-1"), "`a.csv` is not UTF-8"),
    "b.csv": (
        ("id,name\n" + "1,b\n" * 30_000 + f"2,{MARK},3\n").encode(),
        "`b.csv` has 1 row that cannot be read (too many columns), the first in line 30002",
    ),
    "c.json": (
        f'{{"id": 1}}\n{{"id": {MARK}}}\n'.encode(),
        "cannot read `c.json`: Invalid Input Error: Malformed JSON in file ...",
    ),
}

"""Files that cannot be read while compiling, and what is said of them."""


@pytest.mark.parametrize("name", READ)
def test_no_row_is_shown_while_compiling(name: str, tmp_path: Path) -> None:
    content, said = READ[name]
    (tmp_path / name).write_bytes(content)
    with schema_reader(tmp_path) as reader, pytest.raises(SchemaUnreadable) as caught:
        reader.read(name)
    text = "".join(traceback.format_exception(caught.value))
    assert said in text
    assert MARK not in text


OF_SPARK = {
    "[CAST_INVALID_INPUT] The value 'Q7Xmark' of the type \"STRING\" cannot be cast to \"BIGINT\" because it is "
    "malformed. Correct the value as per the syntax, or change its target type. Use `try_cast` to tolerate "
    "malformed input and return NULL instead. SQLSTATE: 22018\n== SQL (line 1, position 8) ==\nselect 'Q7Xmark'":
        "[CAST_INVALID_INPUT] The value ... to BIGINT",
    "[DIVIDE_BY_ZERO] Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead. If "
    "necessary set \"spark.sql.ansi.enabled\" to \"false\" to bypass this error. SQLSTATE: 22012\n== SQL":
        "[DIVIDE_BY_ZERO] Division by zero.",
    "[ARITHMETIC_OVERFLOW] long overflow. Use 'try_add' to tolerate overflow and return NULL. SQLSTATE: 22003":
        "[ARITHMETIC_OVERFLOW] long overflow. Use ...",
    "[CAST_OVERFLOW] The value 1774801L of the type \"BIGINT\" cannot be cast to \"TINYINT\" due to an overflow. Use "
    "`try_cast` to tolerate overflow. SQLSTATE: 22003": "[CAST_OVERFLOW] The value ...",
    "[NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION]  1774801 cannot be represented as Decimal(5, 2). SQLSTATE: 22003":
        "[NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION] ...",
    "[CANNOT_PARSE_TIMESTAMP] Text 'Q7Xmark' could not be parsed at index 0. Use `try_to_timestamp`. SQLSTATE: 22007":
        "[CANNOT_PARSE_TIMESTAMP] Text ...",
    "[DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION] Invalid value for MonthOfYear (valid values 1 - 12): 1774801.":
        "[DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION] Invalid value for MonthOfYear ...",
    "[DELTA_VIOLATE_CONSTRAINT_WITH_VALUES] CHECK constraint EXPRESSION(id > 0) violated by row with values:\n"
    " - id : Q7Xmark SQLSTATE: 23001": "[DELTA_VIOLATE_CONSTRAINT_WITH_VALUES] CHECK constraint EXPRESSION ...",
    "[INVALID_ARRAY_INDEX] The index 1774801 is out of bounds. SQLSTATE: 22003": "[INVALID_ARRAY_INDEX] The index ...",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"), OF_SPARK.items(), ids=[t.split("]")[0] for t in OF_SPARK]
)
def test_no_value_of_spark_is_left(text: str, shown: str) -> None:
    assert without_values(text) == shown
    assert without_values(f"Database Error in model a (models/a.sql)\n  {text}") == (
        f"Database Error in model a (models/a.sql)\n{shown}"
    )


@pytest.mark.parametrize(
    "text",
    [
        'Catalog Error: Table with name purchase does not exist!\nDid you mean "purchases"?',
        'Binder Error: Referenced column "amont" not found in FROM clause!\nCandidate bindings: "amount"',
        'IO Error: Could not set lock on file "/srv/features.duckdb": Conflicting lock is held in python (PID 12)',
        "Out of Memory Error: failed to allocate data of size 16.0 KiB (476.7 MiB/476.8 MiB used)",
        "[TABLE_OR_VIEW_NOT_FOUND] The table or view `a`.`b` cannot be found. SQLSTATE: 42P01",
        "[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `a` cannot be resolved. SQLSTATE: 42703",
    ],
)
def test_what_is_not_about_rows_stays(text: str) -> None:
    assert without_values(text) == text


@pytest.mark.parametrize("wrap", [str, in_dbt], ids=["alone", "in dbt"])
def test_our_own_sentences_stay(wrap: Callable[[str], str]) -> None:
    ours = "`where` of source `purchases` fails for some rows: 3 of them"
    assert ours in without_values(wrap(f"Invalid Input Error: {ours}\n\nLINE 1: select 1"))
    raised = f"[USER_RAISED_EXCEPTION] {ours} SQLSTATE: P0001\n== SQL (line 1, position 1) =="
    assert without_values(raised) == ours


def test_texts_of_nobody() -> None:
    text = "Could not convert 'Ann' with type str: tried to convert to int64"
    assert without_values(text) == "Could not convert ..."
    assert (
        without_values("Connection refused: host 'a'", plain=True) == "Connection refused: host 'a'"
    )


@given(st.text(min_size=1, max_size=30))
def test_whatever_the_value_is(value: str) -> None:
    """Quotes, newlines, and imitations of an engine's words do not show what comes after them."""
    marked = f"{value}{MARK}"
    for made in (marked, f"' to INT32\n\nLINE 1: {marked}", f"'\n  compiled code at {marked}.sql"):
        text = f"Conversion Error: Could not convert string '{made}' to INT32 when casting from source column v"
        assert MARK not in without_values(text, ["v"])
        assert MARK not in without_values(f'invalid input: "Binder Error: {made}"')
        assert MARK not in without_values(
            f'invalid input: "[TABLE_OR_VIEW] {made} SQLSTATE: 42000"'
        )
        assert MARK not in without_values(
            f'Could not parse string "{made}" according to\n{made}\n^'
        )


POSTGRES: tuple[tuple[psycopg.Error, str], ...] = (
    (errors.InvalidTextRepresentation('invalid input syntax for type bigint: "Q7Xmark"'),
     "invalid input syntax for type bigint ..."),
    (errors.NumericValueOutOfRange('value "1774801" is out of range for type smallint'), "value ..."),
    (errors.UniqueViolation('duplicate key value violates unique constraint "f_pkey"\nDETAIL: Key (k)=(Q7Xmark)'),
     "duplicate key value violates unique constraint ..."),
    (errors.CharacterNotInRepertoire('invalid byte sequence for encoding "UTF8": 0x00'),
     "invalid byte sequence for encoding ..."),
    (psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"),
     "PostgreSQL text fields cannot contain NUL ..."),
    (errors.UndefinedTable('relation "s.f" does not exist'), 'relation "s.f" does not exist'),
    (errors.InsufficientPrivilege("permission denied for table f"), "permission denied for table f"),
    (psycopg.OperationalError('connection failed: host "db" is not there'),
     'connection failed: host "db" is not there'),
)  # fmt: skip


@pytest.mark.parametrize(("error", "shown"), POSTGRES, ids=[type(x).__name__ for x, _ in POSTGRES])
def test_no_value_of_postgres_is_left(error: psycopg.Error, shown: str) -> None:
    assert words(error) == shown
