"""Random expressions: what both engines can compute, they compute alike."""

from __future__ import annotations

import os
from random import Random

from dialect_table import Row, databricks, duckdb_type
from examples import examples
from test_dialect_table import Failed, Local, differences, values_table
from warehouse import Warehouse

from mlforge_sql.errors import InvalidExpression
from mlforge_sql.expressions import ExpressionError

EXPRESSIONS = examples(__file__)
SEED = int(os.environ.get("MLFORGE_SEED", "1"))
BATCH = 30

NUMBERS = [
    "i8",
    "i16",
    "i32",
    "i64",
    "f64",
    "f32",
    "d",
    "d4",
    "i322",
    "f642",
    "d2",
    "i82",
    "f322",
    "0",
    "1",
    "2",
    "-1",
    "7",
    "0.5",
    "2.5",
    "1e3",
    "100",
    "3.0",
]
BOOLEANS = ("b", "b2", "true", "i32 > 1", "s is null", "f64 < 0.5", "day is not null")
TEXTS = ("s", "s2", "'a'", "'it''s'", r"'a\b'", "''")
TIMES = ("t", "t2", "day", "day2", "timestamp '2024-02-29 12:34:56'", "date '2024-02-29'")

NUMBER_FORMS = (
    *("{n} + {n}", "{n} - {n}", "{n} * {n}", "{n} / {n}", "({n}) % ({n})", "({n}) // ({n})"),
    *("-({n})", "({n})", "case when {b} then {n} else {n} end", "coalesce({n}, {n})"),
    *("abs({n})", "sign({n})", "floor({n})", "ceil({n})", "trunc({n})", "sqrt({n})"),
    *("round({n})", "round({n}, 2)", "round({n}, -1)", "greatest({n}, {n})", "least({n}, {n})"),
    *("cast({n} as double)", "cast({n} as bigint)", "cast({n} as integer)", "cast({n} as float)"),
    *("cast({n} as decimal(18, 2))", "cast({n} as decimal(12, 4))", "cast({n} as smallint)"),
    *("nullif({n}, {n})", "length({s})", "strpos({s}, {s})", "cast({b} as integer)"),
    *("year({t})", "hour({t})", "dayofweek({t})", "epoch({t})", "date_diff('hour', {t}, {t})"),
    *(
        "date_diff('week', {t}, {t})",
        "date_diff('month', {t}, {t})",
        "case {n} when {n} then {n} end",
    ),
)
BOOLEAN_FORMS = (
    *("{n} = {n}", "{n} <> {n}", "{n} < {n}", "{n} <= {n}", "{n} > {n}", "{n} >= {n}"),
    *("{s} = {s}", "{s} < {s}", "{t} = {t}", "{t} < {t}", "{b} and {b}", "({b}) or ({b})"),
    *("{b} or {b}", "not {b}", "not ({b})", "{n} between {n} and {n}", "{n} in ({n}, {n}, 1)"),
    *("{n} not in ({n}, 2.5)", "{s} like 'a%'", "{s} not like '%b%'", "({n}) is null"),
    *("({s}) is not null", "({n}) is distinct from ({n})", "contains({s}, {s})"),
    *("case when {b} then {b} end", "({b}) is true", "starts_with({s}, {s})"),
)
TEXT_FORMS = (
    *("{s} || {s}", "lower({s})", "trim({s})", "substring({s}, 2, 1)", "substring({s}, 0, 3)"),
    *("substring({s}, -2, 1)", "replace({s}, {s}, {s})", "case when {b} then {s} else {s} end"),
    *("coalesce({s}, {s})", "concat({s}, {s})", "cast(i32 as varchar)", "cast(d * 2 as varchar)"),
    *("left({s}, -1)", "right({s}, 2)", "cast(day as varchar)", "cast(t as varchar)"),
)
TIME_FORMS = (
    *("{t} + interval 1 day", "{t} - interval 90 minutes", "{t} + interval 1 month"),
    *("date_trunc('day', {t})", "date_trunc('week', {t})", "date_trunc('quarter', {t})"),
    *("cast({t} as date)", "cast({t} as timestamp)", "case when {b} then {t} else {t} end"),
    "coalesce({t}, {t})",
)
FORMS = {
    "n": (NUMBERS, NUMBER_FORMS),
    "b": (BOOLEANS, BOOLEAN_FORMS),
    "s": (TEXTS, TEXT_FORMS),
    "t": (TIMES, TIME_FORMS),
}


def expression(random: Random, kind: str, depth: int) -> str:
    """A random expression of numbers, booleans, texts or times."""
    leaves, forms = FORMS[kind]
    if depth == 0 or random.random() < 0.15:
        return random.choice(leaves)
    made = ""
    for part in random.choice(forms).split("{"):
        head, brace, tail = part.partition("}")
        made += expression(random, head, depth - 1) + tail if brace else part
    return made


def rows(random: Random, count: int) -> tuple[list[Row], int]:
    """So many expressions that Databricks can say, and how many it could not."""
    found: list[Row] = []
    refused = 0
    while len(found) < count:
        text = expression(random, random.choice("nnbbst"), random.choice((2, 3, 3, 4)))
        if len(text) > 400:
            continue
        try:
            said = databricks(text)
            duckdb_type(text)
        except (InvalidExpression, ExpressionError):
            continue
        if said.startswith("!"):
            refused += 1
        else:
            found.append(Row(text, said))
    return found, refused


def test_most_of_what_is_written_can_be_said() -> None:
    _, refused = rows(Random(SEED), 100)
    assert refused < 40


def test_both_engines_compute_the_same(shared_warehouse: Warehouse) -> None:
    made, _ = rows(Random(SEED), EXPRESSIONS)
    local = Local()
    connection = shared_warehouse.connect(schema="default")
    values_table(connection, "timestamp")
    wrong: list[str] = []
    compared = 0
    for start in range(0, len(made), BATCH):
        batch = [(row, local.values(row.duckdb)) for row in made[start : start + BATCH]]
        some = [(row, values) for row, values in batch if set(values.values()) != {Failed}]
        compared += len(some)
        wrong += differences(connection, "timestamp", some)
    connection.close()
    assert not wrong, "\n".join(wrong)
    assert compared > EXPRESSIONS * 0.8
