"""A session on a SQL warehouse: statements in, Arrow batches out, errors in plain words."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlforge_sql.stores.databricks.problems import is_transport, problem

if TYPE_CHECKING:
    import pyarrow as pa
    from databricks.sql.client import Connection, Cursor

PAGE_ROWS = 100_000
"""Most rows that are asked for at once."""

PAGE_VALUES = 2_000_000
"""Most values that are asked for at once, unless that were very few rows."""

_FEW_ROWS = 10_000


@dataclass
class Session:
    """An open session.

    Attributes:
        connection: The connector's.
        lost: Whether the warehouse has stopped answering: then nothing more is asked of it.
    """

    connection: Connection
    lost: bool = field(default=False, init=False)

    def run(self, text: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement whose result does not matter.

        Raises:
            RetrievalError: The warehouse refuses it, or does not answer.
        """
        with self._cursor(text, parameters):
            pass

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        """The rows of a small result.

        Raises:
            RetrievalError: As there.
        """
        with self._cursor(text) as cursor:
            return [tuple(row) for row in cursor.fetchall()]

    def first_rows(self, text: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """The names and the rows of a small result.

        Raises:
            RetrievalError: As there.
        """
        with self._cursor(text) as cursor:
            names = tuple(str(item[0]) for item in cursor.description or ())
            return names, [tuple(row) for row in cursor.fetchall()]

    def pages(self, text: str) -> Generator[pa.Table, None, None]:
        """A result as it comes: at least one table, empty when the result is.

        Raises:
            RetrievalError: As there.
        """
        with self._cursor(text) as cursor:
            rows = page_rows(len(cursor.description or ()))
            page = cursor.fetchmany_arrow(rows)
            yield page
            while page.num_rows:
                page = cursor.fetchmany_arrow(rows)
                if page.num_rows:
                    yield page

    @contextlib.contextmanager
    def _cursor(self, text: str, parameters: Mapping[str, Any] | None = None) -> Iterator[Cursor]:
        """A cursor that has run a statement; a statement that is not waited for is cancelled."""
        from databricks import sql
        from urllib3.exceptions import HTTPError

        try:
            cursor = self.connection.cursor()
        except sql.Error as error:
            raise problem(error) from None
        try:
            try:
                cursor.execute(text, dict(parameters) if parameters else None)
                yield cursor
            except (sql.Error, HTTPError) as error:
                self.lost = self.lost or is_transport(error)
                # not `from error`: its text has the statement, which may have a salt
                raise problem(error) from None
            except (KeyboardInterrupt, GeneratorExit):
                self._ignore(cursor.cancel)
                raise
        finally:
            self._ignore(cursor.close)

    def close(self) -> None:
        """End the session, without a word when it has ended by itself."""
        self._ignore(self.connection.close)
        if self.lost:
            self.connection.session.is_open = False  # it would ask again and again when it is freed

    def _ignore(self, call: Callable[[], None]) -> None:
        from databricks import sql
        from urllib3.exceptions import HTTPError

        if not self.lost:
            with contextlib.suppress(sql.Error, HTTPError):
                call()


def page_rows(columns: int) -> int:
    """How many rows of so many columns are asked for at once.

    Examples:
        >>> page_rows(3), page_rows(50), page_rows(1000)
        (100000, 40000, 10000)
    """
    return min(PAGE_ROWS, max(_FEW_ROWS, PAGE_VALUES // max(columns, 1)))
