"""`every_label_once` compares rows: one that is lost is found, whatever else is there twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pytest
from test_validators_on_both import generic_tests

COLUMNS = ("number", "two words", "at", "listed", "named")
AS_TEXT = ("listed", "named")
LABELS = (
    "(1, 'a', '2024-01-01', 1, 'x')",
    "(1, 'a', '2024-01-01', 1, 'x')",  # duplicates are labels like others
    "(2, null, '2024-01-02', 2, null)",
    "(null, 'b', null, null, 'y')",
    "(null, null, null, null, null)",
)

NONE = "(0, 'a', '2024-01-01', 1, 'x')"


def table(rows: tuple[str, ...], adapter: str) -> str:
    """A subquery with the rows, two of its columns of types that are not compared."""
    quote = '"' if adapter == "duckdb" else "`"
    listed = "case when l is not null then {'k': [l]} end" if adapter == "duckdb" else "map('k', l)"
    named = "to_json([x])" if adapter == "duckdb" else "parse_json(concat('[\"', x, '\"]'))"
    return (
        f"(select n as number, w as {quote}two words{quote}, cast(t as timestamp) as at, "
        f"{listed} as listed, {named} as named "
        f"from (values {', '.join(rows) or NONE}) as given(n, w, t, l, x) where coalesce(n, 1) <> 0"
        ") as rows_of_it"
    )


@pytest.fixture(params=["duckdb", pytest.param("databricks", marks=pytest.mark.slow)])
def differences(
    request: pytest.FixtureRequest,
) -> Callable[[tuple[str, ...]], list[tuple[int, int]]]:
    adapter: str = request.param
    macros = generic_tests(adapter)
    run: Callable[[str], Any]
    if adapter == "duckdb":
        run = lambda text: duckdb.sql(text).fetchall()  # noqa: E731 - one of two engines
    else:
        connection = request.getfixturevalue("shared_warehouse").connect(schema="default")
        run = lambda text: connection.arrow(text).to_pylist()  # noqa: E731 - the other

    def find(rows: tuple[str, ...]) -> list[tuple[int, int]]:
        text = macros.call(
            "test_mlforge_same_rows",
            table(rows, adapter),
            other=table(LABELS, adapter),
            columns=COLUMNS,
            as_text=AS_TEXT,
        )
        found = run(str(text))
        pairs = (tuple(row.values()) if isinstance(row, dict) else row for row in found)
        return sorted((int(left), int(right)) for left, right in pairs)

    return find


def test_rows_as_often_as_the_labels(
    differences: Callable[[tuple[str, ...]], list[tuple[int, int]]],
) -> None:
    a, _, two, b, nothing = LABELS
    assert differences(LABELS) == []
    assert differences(LABELS[::-1]) == []
    assert differences((a, two, b, nothing)) == [(1, 2)], "one of two equal labels is lost"
    assert differences((a, a, two, two, nothing)) == [(0, 1), (2, 1)], "one lost, one doubled"
    assert differences((a, a, two, b, b)) == [(0, 1), (2, 1)], "NULL keys are labels too"
    later = a.replace("01-01", "01-09")
    assert differences((a, later, two, b, nothing)) == [(1, 0), (1, 2)]
    other = a.replace("'x'", "'z'")
    assert differences((a, other, two, b, nothing)) == [(1, 0), (1, 2)], "compared by its text"
    assert differences(()) == [(0, 1), (0, 1), (0, 1), (0, 2)]
