"""Filling online tables, beside those that are there, in the transaction that will exchange them.

Until it commits, readers see the old tables. A sync that is killed leaves nothing: the server rolls
its transaction back. Two syncs of one table wait for each other by an advisory lock.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlforge_sql.dialects.quoting import POSTGRES, Sql
from mlforge_sql.errors import Diagnostic, OnlineError
from mlforge_sql.online.model import Say, Served
from mlforge_sql.online.postgres import metadata
from mlforge_sql.online.postgres.names import (
    MAX_COLUMNS,
    quoted,
    type_name,
)
from mlforge_sql.sql.held import TIME

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

_PAUSE_SECONDS = 0.2
_SAY_SECONDS = 2.0


@dataclass(frozen=True)
class Loader:
    """Fills the tables of one schema.

    Attributes:
        connection: A connection in autocommit mode, of a role that may create tables.
        schema: The schema.
        say: Takes lines about what is going on.
    """

    connection: psycopg.Connection[Any]
    schema: str
    say: Say

    def prepare(self) -> None:
        """Make the schema and the metadata table, unless they are there."""
        with self.connection.transaction():
            self.connection.execute("select pg_advisory_xact_lock(%s)", [lock_key(self.schema, "")])
            metadata.create(self.connection, self.schema)

    def try_out(self) -> None:
        """Make the schema, the metadata and a table with a row, for a caller that rolls it back."""
        self.prepare()
        table = f"{quoted(self.schema)}.{quoted(f'_mlforge_doctor_{uuid.uuid4().hex}')}"
        self.connection.execute(f"create table {table} (x int primary key)")
        self.connection.execute(POSTGRES.sql("insert into {table} values (1)", table=Sql(table)))

    def lock(self, feature: str, wait_seconds: float) -> None:
        """Take the table's lock for the rest of the transaction.

        Args:
            feature: The feature.
            wait_seconds: How long to wait for whoever has it.

        Raises:
            OnlineError: Somebody else has it for too long.
        """
        key, until, told = lock_key(self.schema, feature), time.monotonic() + wait_seconds, False
        while not _true(self.connection, "select pg_try_advisory_xact_lock(%s)", [key]):
            if time.monotonic() > until:
                message = f"another sync is loading feature `{feature}`"
                hint = "wait until it is done, then run again"
                raise OnlineError([Diagnostic("MF087", message, hint=hint)])
            if not told:
                self.say(f"{feature}: another sync is loading it; waiting")
                told = True
            time.sleep(_PAUSE_SECONDS)

    def load(self, feature: Served, batches: pa.RecordBatchReader) -> tuple[str, int]:
        """Make a table beside the one that is there, and fill it.

        Args:
            feature: The feature, with all of its columns.
            batches: Its rows as text: keys, time, columns.

        Returns:
            The table's name, and its number of rows.

        Raises:
            psycopg.Error: The server does not take the rows.
        """
        name = f"_mlforge_new_{hashlib.sha256(feature.name.encode()).hexdigest()[:16]}"
        table = f"{quoted(self.schema)}.{quoted(name)}"
        self.connection.execute(f"create table {table} (\n{_columns(feature)}\n)")
        rows = self._copy(feature, table, batches)
        keys = ", ".join([*(quoted(key.name) for key in feature.keys), TIME])
        self.connection.execute(f"alter table {table} add primary key ({keys})")
        self.connection.execute(f"analyze {table}")
        return name, rows

    def _copy(self, feature: Served, table: str, batches: pa.RecordBatchReader) -> int:
        from pyarrow import csv

        options = csv.WriteOptions(include_header=False, quoting_style="all_valid")
        rows, told = 0, time.monotonic()
        with (
            self.connection.cursor() as cursor,
            cursor.copy(f"copy {table} from stdin (format csv)") as copy,
            csv.CSVWriter(_Sink(copy), batches.schema, write_options=options) as writer,
        ):
            for batch in batches:
                writer.write(batch)
                rows += batch.num_rows
                if time.monotonic() - told > _SAY_SECONDS:
                    self.say(f"{feature.name}: {rows:,} rows")
                    told = time.monotonic()
        return rows


def check_storable(feature: Served) -> None:
    """See that Postgres can hold a feature's table.

    Raises:
        OnlineError: It has too many columns, or one of a type that Postgres has not.
    """
    problems = [
        Diagnostic(
            "MF086",
            f"column `{name}` of feature `{feature.name}` is {kind}, which Postgres cannot hold exactly",
            hint=(
                "cast it to timestamp in the source"
                if str(kind).endswith("_ns")
                else "cast it to text in the source, or leave it out of the feature"
            ),
        )
        for name, kind in (
            *((key.name, key.type) for key in feature.keys),
            *((column.name, column.type) for column in feature.columns),
        )
        if type_name(kind) is None
    ]
    count = len(feature.keys) + 1 + len(feature.columns)
    if count > MAX_COLUMNS:
        message = f"feature `{feature.name}` has {count:,} columns, Postgres takes {MAX_COLUMNS:,}"
        problems.append(Diagnostic("MF086", message, hint="split the feature"))
    if problems:
        raise OnlineError(problems)


def lock_key(schema: str, feature: str) -> int:
    """Key of an advisory lock: one for each table, one for the schema.

    Examples:
        >>> lock_key("a", "b") == lock_key("a", "b"), lock_key("a", "b") == lock_key("a", "c")
        (True, False)
    """
    text = f"mlforge\0{schema}\0{feature}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], signed=True)


class _Sink:
    """A file that Arrow writes to, whose bytes go to the server."""

    closed = False

    def __init__(self, copy: psycopg.Copy) -> None:
        self._copy = copy

    def write(self, data: Any) -> int:
        self._copy.write(bytes(data))
        return len(data)

    def flush(self) -> None:
        return None

    def close(self) -> None:
        return None

    def writable(self) -> bool:
        return True


def _columns(feature: Served) -> str:
    lines = [f"    {quoted(key.name)} {type_name(key.type)} not null" for key in feature.keys]
    lines.append(f"    {TIME} timestamp not null")
    lines += [f"    {quoted(column.name)} {type_name(column.type)}" for column in feature.columns]
    return ",\n".join(lines)


def _true(connection: psycopg.Connection[Any], query: str, parameters: Iterable[Any]) -> bool:
    row = connection.execute(query, list(parameters)).fetchone()
    return bool(row and row[0])
