"""Values of files as the types they are declared or guessed to be, against exact arithmetic in Python.

Sound: what is accepted is the very value that was written. Complete: what a type can hold, written plainly,
is accepted. The rest is refused, and so counted, when dbt reads.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from decimal import Context, Decimal, InvalidOperation
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlforge_sql.loading.schemas import SchemaReader
from mlforge_sql.types import Kind
from mlforge_sql.workflows.compile import schema_reader

EXACT = Context(prec=400)
BITS = {"tinyint": 8, "smallint": 16, "integer": 32, "bigint": 64, "hugeint": 128}
DECIMALS = {"decimal(5,2)": (5, 2), "decimal(18,2)": (18, 2), "decimal(38,0)": (38, 0), "decimal(38,10)": (38, 10)}  # fmt: skip
NUMBERS = [*BITS, *DECIMALS]
quick = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> SchemaReader:
    return schema_reader(tmp_path_factory.mktemp("root").resolve())


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute("set TimeZone = 'UTC'")
    return made


def fitted(
    connection: duckdb.DuckDBPyConnection,
    reader: SchemaReader,
    values: Sequence[Any],
    column: str,
    stored: str,
    kind: str,
) -> list[Any]:
    """Each value as the type, None where it does not fit."""
    if not values:
        return []
    connection.execute(f"create or replace table held (number integer, x {column})")
    connection.executemany(
        "insert into held values (?, ?)", [list(row) for row in enumerate(values)]
    )
    sql = reader.fitted("x", stored, kind)
    return [
        row[0] for row in connection.execute(f"select {sql} from held order by number").fetchall()
    ]


def exact(text: str) -> Decimal | None:
    """The number that a text is, as a person would read it."""
    try:
        value = EXACT.create_decimal(text.strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def holds(kind: str, value: Decimal) -> bool:
    """Whether a type holds a number without losing anything of it."""
    if kind in BITS:
        limit = 2 ** (BITS[kind] - 1)
        low = -limit + 1 if kind == "hugeint" else -limit
        return value == value.to_integral_value() and low <= value < limit
    digits, scale = DECIMALS[kind]
    unscaled = EXACT.scaleb(value, scale)
    return unscaled == EXACT.to_integral_exact(unscaled) and abs(unscaled) < 10**digits


def plain(value: Decimal) -> str:
    return format(value, "f")


numbers = st.one_of(
    st.integers(-300, 300).map(Decimal),
    st.sampled_from([2**bits + move for bits in (7, 15, 31, 51, 53, 63, 64, 127) for move in (-1, 0, 1)]).map(Decimal),
    st.integers(-(10**40), 10**40).map(Decimal),
    st.decimals(-(10**6), 10**6, places=2),
    st.decimals(-(10**20), 10**20, places=10),
    st.decimals(-1000, 1000, places=3),
)  # fmt: skip
odd_texts = st.one_of(
    st.sampled_from(
        ["", " ", "-", ".", "+", "1_000", "0x10", "1e3", "1E-5", "1.5e1", "true", "nan", "inf", "1,5", "1 2", "٣", "1.", ".5", "-.5", "+7", "007", "00501", " 12 ", "1e400", "--1", "1.0", "-0", "1.50000", "12abc"]
    ),
    st.text("0123456789.+-eE _", max_size=8),
)  # fmt: skip


@quick
@given(values=st.lists(st.one_of(numbers.map(plain), odd_texts), min_size=1, max_size=30))
@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("stored", ["text", "guessed text"])
def test_text_is_the_number_it_says_or_none(
    connection: duckdb.DuckDBPyConnection,
    reader: SchemaReader,
    stored: str,
    kind: str,
    values: list[str],
) -> None:
    found = fitted(connection, reader, values, "varchar", stored, kind)
    for text, value in zip(values, found, strict=True):
        meant = exact(text)
        if value is not None:
            assert meant is not None, text
            assert Decimal(value) == meant, text
        elif meant is not None and holds(kind, meant) and kind in BITS:
            assert re.fullmatch(r"-?(0|[1-9][0-9]*)", text) is None or text == "-0", text
        elif meant is not None and holds(kind, meant) and stored == "text":
            assert re.fullmatch(r"-?[0-9]+([.][0-9]+)?", text) is None, text
        if value is not None and stored == "guessed text" and "," not in kind.replace(",0)", ""):
            assert str(value) == text.strip(), "two texts of one number would be one key"


@quick
@given(values=st.lists(st.one_of(numbers, st.booleans(), st.floats(), st.text("0123456789", max_size=4)), min_size=1, max_size=30))  # fmt: skip
@pytest.mark.parametrize("kind", NUMBERS)
def test_json_is_the_number_it_says_or_none(
    connection: duckdb.DuckDBPyConnection, reader: SchemaReader, kind: str, values: list[Any]
) -> None:
    def written(value: Any) -> str:
        return plain(value) if isinstance(value, Decimal) else json.dumps(value)

    texts = [
        written(value)
        for value in values
        if not (isinstance(value, float) and not math.isfinite(value))
    ]
    file = reader.root / "values.ndjson"
    file.write_text("".join(f'{{"n": {n}, "x": {text}}}\n' for n, text in enumerate(texts)) or "\n")
    sql = reader.fitted("x", "json", kind)
    query = f"select {sql} from read_json(?, columns = {{n: 'INTEGER', x: 'JSON'}}) order by n"
    found = [row[0] for row in connection.execute(query, [str(file)]).fetchall()]
    for text, value in zip(texts, found, strict=True):
        meant = exact(text)
        if value is not None:
            assert meant is not None, text
            assert Decimal(value) == meant or Decimal(value) == Decimal(repr(float(text))), text
            assert len(meant.normalize(EXACT).as_tuple().digits) <= 17 or Decimal(value) == meant, (
                text
            )
        elif meant is not None and re.fullmatch(r"-?\d+", text):
            assert not holds(kind, meant) or text == "-0", text


@quick
@given(values=st.lists(st.floats(), min_size=1, max_size=20), decimals=st.lists(st.integers(-(2**51), 2**51), max_size=20))  # fmt: skip
@pytest.mark.parametrize("kind", NUMBERS)
def test_a_double_is_the_decimal_it_is_nearest_to_or_none(
    connection: duckdb.DuckDBPyConnection,
    reader: SchemaReader,
    kind: str,
    values: list[float],
    decimals: list[int],
) -> None:
    scale = DECIMALS[kind][1] if kind in DECIMALS else 0
    meant = [EXACT.scaleb(Decimal(item), -scale) for item in decimals]
    drawn = [*values, *map(float, meant)]
    found = fitted(connection, reader, drawn, "double", "double", kind)
    for number, value in zip(drawn, found, strict=True):
        if value is not None:
            assert float(Decimal(value)) == number
            assert holds(kind, Decimal(value))
    for decimal, value in zip(meant, found[len(values) :], strict=True):
        assert (value is not None) == holds(kind, decimal), decimal
        assert value is None or Decimal(value) == decimal


@quick
@given(values=st.lists(numbers, min_size=1, max_size=30))
@pytest.mark.parametrize(
    "stored", ["bigint", "hugeint", "ubigint", "decimal(38,10)", "decimal(18,2)"]
)
@pytest.mark.parametrize("kind", [*NUMBERS, "double"])
def test_a_number_is_the_same_number_or_none(
    connection: duckdb.DuckDBPyConnection,
    reader: SchemaReader,
    kind: str,
    stored: str,
    values: list[Decimal],
) -> None:
    if stored == "ubigint":
        held = [value for value in values if value == int(value) and 0 <= value < 2**64]
    else:
        held = [value for value in values if holds(stored, value)]
    texts = [plain(value) for value in held]
    found = fitted(connection, reader, texts, stored, stored, kind)
    for value, result in zip(held, found, strict=True):
        if kind == "double":
            assert result is None or result == float(value)
            assert result is not None or abs(value) >= 10**15 or value != int(value)
        else:
            assert (result is not None) == holds(kind, value), value
            assert result is None or Decimal(result) == value


@quick
@given(
    values=st.lists(st.one_of(st.integers(-999, 999).map(str), st.integers(10**17, 10**22).map(str), st.sampled_from(["007", "1.5", "1e3", "x", "2024-01-01", "01/02/2024", "2024-01-01 10:00:00", "true", "1.0", "0.1", ""])), min_size=1, max_size=6),
    later=st.sampled_from(["007", "1.5", "x", "12", "2024-01-01", "99999999999999999999"]),
)  # fmt: skip
def test_what_is_guessed_of_csv_loses_nothing(
    connection: duckdb.DuckDBPyConnection, reader: SchemaReader, values: list[str], later: str
) -> None:
    """The type is one that every value fits as it is written; a later value fits as it is written, or is counted."""
    file = reader.root / "guess.csv"
    file.write_text(
        "".join(f"{number},{text}\n" for number, text in [("n", "x"), *enumerate(values)])
    )
    schema = reader.read("guess.csv")
    held = schema.columns["x"]
    if held.type.family in {Kind.TEXT, Kind.OTHER}:
        return
    kind = "timestamp with time zone" if held.type.family is Kind.TIMESTAMP_TZ else str(held.type)
    file.write_text(file.read_text() + f"99,{later}\n")
    sql = reader.fitted("x", held.stored, kind)
    query = (
        f"select {sql} from read_csv(?, {', '.join(schema.options)}) order by cast(n as integer)"
    )
    found = [row[0] for row in connection.execute(query, [str(file)]).fetchall()]
    for text, value in zip([*values, later], found, strict=True):
        if not text:
            assert value is None
        elif held.type.family is Kind.FLOAT and value is not None:
            assert value == float(text)
            assert not text.startswith("00")
        elif held.type.is_numeric and value is not None:
            assert str(value) == text
    assert None not in [value for text, value in zip(values, found, strict=False) if text]
