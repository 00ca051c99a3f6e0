"""Text and names of users reach each engine as they were written: through layout, Jinja and parser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest
from dialect_values import literal
from jinja2 import Environment
from sqlglot import exp
from warehouse import Warehouse

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.dialects.duckdb import DuckDb
from mlforge_sql.expressions import Expr, annotate, column
from mlforge_sql.sql.text import sql_text
from mlforge_sql.types import BOOLEAN, TEXT

TEXTS = (
    *("plain", "UPPER lower", "it's", "''", '"double"', "`tick`", "``", "", " "),
    *(
        "a\\b",
        "a\\",
        "\\",
        "\\\\",
        "\\'",
        "'\\",
        "\\n",
        "\\u0041",
        "%\\_",
        "line\nbreak",
        "cr\rlf\n",
    ),
    *("{{ target.name }}", "{% raw %}", "{# no #}", "{{'\\", '{{"\\"}}', "}}", "%}", "#}", "{"),
    *("\u65e5\u672c \U0001f600", "e\u0301", "tab\there", "not x is null", "filter(where", "-- no"),
)
NAMES = (
    *("plain", "Upper", "select", "two words", "it's", 'a"b', "a`b", "``", "back\\slash", "\\"),
    *("{{x}}", "{%", "dash-ed", "1st", "\u65e5\u672c", "a.b", "end\\'", "{{'`\"\\"),
)

Run = Callable[[str], list[Any]]


@pytest.fixture(params=["duckdb", pytest.param("databricks", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest) -> Iterator[tuple[Dialect, Run]]:
    """A dialect, and the values of the first row of a query."""
    if request.param == "duckdb":
        local = duckdb.connect()
        yield DuckDb(), lambda sql: list(local.execute(sql).fetchall()[0])
        return
    warehouse: Warehouse = request.getfixturevalue("shared_warehouse")
    connection = warehouse.connect(schema="default")
    yield Databricks(), lambda sql: list(connection.sql(sql)[0])
    connection.close()


def equals(name: str, text: str) -> Expr:
    """The expression ``"name" = 'text'``, with its types."""
    left, right = column(name), exp.Literal.string(text)
    tree = exp.EQ(this=left, expression=right)
    for node, kind in ((left, TEXT), (right, TEXT), (tree, BOOLEAN)):
        annotate(node, kind)
    return Expr.of(tree)


def rendered(expr: Expr, dialect: Dialect) -> str:
    """The text of a model, as dbt renders it."""
    text = sql_text(dialect.expression(expr), dialect)
    return Environment(autoescape=False, keep_trailing_newline=True).from_string(text).render()


def test_texts(engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    spark = dialect.name == "databricks"
    parts = [
        f"(select {rendered(equals('x', text), dialect)} from "
        f"(select {literal(text, spark=spark)} as x) as v) as c{number}"
        for number, text in enumerate(TEXTS)
    ]
    found = run(f"select {', '.join(parts)}")
    assert [text for text, same in zip(TEXTS, found, strict=True) if same is not True] == []


def test_names(engine: tuple[Dialect, Run]) -> None:
    dialect, run = engine
    quote = "`" if dialect.name == "databricks" else '"'
    parts = []
    for number, name in enumerate(NAMES):
        quoted = quote + name.replace(quote, quote * 2) + quote
        condition = rendered(equals(name, "here"), dialect)
        parts.append(f"(select {condition} from (select 'here' as {quoted}) as v) as c{number}")
    found = run(f"select {', '.join(parts)}")
    assert [name for name, same in zip(NAMES, found, strict=True) if same is not True] == []
