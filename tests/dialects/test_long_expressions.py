"""Long expressions compile in a time that grows with them, and there is an end to how long they may be."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from dialect_table import read_table
from dialect_values import column_types

from mlforge_sql.dialects.failing import may_fail
from mlforge_sql.dialects.translation import translate
from mlforge_sql.expressions import (
    DEEPEST,
    LONGEST,
    ExpressionError,
    known_type,
    parse_expression,
    parse_row_query,
)
from mlforge_sql.loading.schemas import SchemaReader
from mlforge_sql.project.portability import typed
from mlforge_sql.types import BIGINT, TEXT
from mlforge_sql.workflows.compile import schema_reader

COLUMNS = {"id": BIGINT, "kind": TEXT}
TABLES = sorted(Path(__file__).parent.glob("*.sql"))
CHAINS = {
    "sum": lambda n: " + ".join(["id"] * n),
    "casts": lambda n: " + ".join(["cast(id as double)"] * (n // 2)),
    "filter": lambda n: " and ".join(f"id <> {number}" for number in range(n)),
    "text": lambda n: " || ".join(["kind"] * n),
    "brackets": lambda n: " + ".join(["(id)"] * n),
}


@pytest.fixture(scope="module")
def reader() -> SchemaReader:
    return schema_reader(Path())


class Asked(SchemaReader):
    """Counts the characters that DuckDB is asked about."""

    characters = 0

    def infer_all(self, sql, columns):  # type: ignore[no-untyped-def]  # as the base
        self.characters += sum(map(len, sql))
        return super().infer_all(sql, columns)


@pytest.mark.parametrize("chain", CHAINS)
def test_what_duckdb_is_asked_grows_with_the_expression(chain: str) -> None:
    asked = []
    for terms in (100, 200, 400):
        types = Asked(Path(), lambda value, *_: value)
        expr = typed(parse_expression(CHAINS[chain](terms)), COLUMNS, types)
        assert known_type(expr.tree) is not None
        translate(expr.tree)
        asked.append(types.characters)
    assert asked[2] < 5 * asked[0]


def test_five_hundred_terms_take_no_time(reader: SchemaReader) -> None:
    expr = parse_expression(CHAINS["sum"](500))
    started = time.process_time()
    translate(typed(expr, COLUMNS, reader).tree)
    assert time.process_time() - started < 3  # it was more than 20 s


NESTED = {
    "quotients": lambda n: "id" + " / id" * 15 * n,
    "choices": lambda n: "coalesce(" * n + "id" + ", 1)" * n,
    "cases": lambda n: "case when kind = 'a' then " * n + "id" + " else 1.5 end" * n,
    "roots": lambda n: "sqrt(" * n + "id" + ")" * n,
}


@pytest.mark.parametrize("chain", [*CHAINS, *NESTED])
def test_whether_it_may_fail_is_known_at_once(chain: str) -> None:
    """Of columns whose types are not known as well: each part is asked once, not twice at each step."""
    text = CHAINS[chain](300) if chain in CHAINS else NESTED[chain](20)
    started = time.process_time()
    may_fail(parse_expression(text).tree)
    assert time.process_time() - started < 3


def test_parts_have_the_types_that_they_have_alone(reader: SchemaReader) -> None:
    """Columns that stand for parts change no type: each part is compared with its whole text."""
    columns, wrong = column_types(), []
    for file in TABLES:
        for row in read_table(file)[::3]:
            expr = typed(parse_expression(row.duckdb), columns, reader)
            for node in expr.tree.walk():
                kind = known_type(node)
                if kind is None:
                    continue
                text = node.sql("duckdb", comments=False)
                if reader.infer_all([text], columns) != [kind]:
                    wrong.append((row.duckdb, text, str(kind)))
    assert not wrong


REFUSED = {
    " + ".join(["id"] * (DEEPEST + 2)): f"1,203 parts, nested {DEEPEST + 2} deep",
    "coalesce(" + ", ".join(f"id + {n}" for n in range(1000)) + ")": "parts, nested 3 deep",
    "id in (" + ", ".join(["1000000000"] * 9000) + ")": f"characters; it may have {LONGEST:,}",
}


@pytest.mark.parametrize("text", REFUSED, ids=["deep", "wide", "long"])
def test_too_much_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError) as error:
        parse_expression(text)
    assert (error.value.code, error.value.hint) == (
        "MF145",
        "take it apart in a dbt model and name that as `model:`",
    )
    assert REFUSED[text] in error.value.message
    for query in (f"select {text} as x from t", f"select id from t where ({text}) > 0"):
        with pytest.raises(ExpressionError) as error:
            parse_row_query(query)
        assert error.value.code == "MF145"


def test_lists_of_values_may_be_long() -> None:
    parse_expression("id in (" + ", ".join(map(str, range(9000))) + ")")
