"""Pages of rows: in the order that was sent, and side by side."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mlforge_sql.errors import Diagnostic, RetrievalError

if TYPE_CHECKING:
    import pyarrow as pa


def in_order(pages: Iterable[pa.Table], row: str, rows: int) -> Iterator[pa.Table]:
    """The pages without the column of row numbers, which are 0, 1, 2, ... to the last.

    Args:
        pages: At least one.
        row: Name of the column.
        rows: How many rows there have to be.

    Raises:
        RetrievalError: They are not: then values would stand beside labels that are not theirs.
    """
    expected = 0
    for page in pages:
        if not _counts(page.column(row), expected):
            raise _mixed_up()
        expected += page.num_rows
        yield page.drop_columns([row])
    if expected != rows:
        raise _mixed_up()


def _counts(numbers: pa.ChunkedArray, first: int) -> bool:
    """Whether the numbers are ``first``, ``first + 1``, and so on."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(range(first, first + len(numbers)), pa.int64())
    return numbers.null_count == 0 and bool(pc.all(pc.equal(numbers, wanted), min_count=0).as_py())


def _mixed_up() -> RetrievalError:
    message = "the SQL warehouse did not give back every label once, in their order"
    hint = "run it again; if it happens twice, it is a mistake of ours: please report it"
    return RetrievalError([Diagnostic("MF096", message, hint=hint)])


def beside(left: Iterable[pa.Table], right: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The columns of both, row by row. The right side is asked first.

    Args:
        left: Pages, at least one.
        right: Pages of as many rows in all, at least one.

    Raises:
        RetrievalError: One side has more rows than the other.
    """
    rights, lefts = iter(right), iter(left)
    first, page = next(rights), next(lefts)
    yield _joined(page.slice(0, 0), first.slice(0, 0))
    for wanted in itertools.chain([first], rights):
        start = 0
        while start < wanted.num_rows:
            while not page.num_rows:
                page = _next(lefts)
            part = wanted.slice(start, page.num_rows)
            yield _joined(page.slice(0, part.num_rows), part)
            page, start = page.slice(part.num_rows), start + part.num_rows
    if page.num_rows or any(item.num_rows for item in lefts):
        raise _mixed_up()


def _next(pages: Iterator[pa.Table]) -> pa.Table:
    page = next(pages, None)
    if page is None:
        raise _mixed_up()
    return page


def _joined(left: pa.Table, right: pa.Table) -> pa.Table:
    for field, column in zip(right.schema, right.columns, strict=True):
        left = left.append_column(field, column)
    return left
