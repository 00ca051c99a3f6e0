"""Entities as the labels of a training set: a query of literals, so that nothing is uploaded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from mlforge_sql.dialects.databricks import Databricks
from mlforge_sql.dialects.quoting import DATABRICKS
from mlforge_sql.online.model import Key
from mlforge_sql.project.model import KeyColumn

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def labels_query(
    columns: Sequence[KeyColumn], keys: Sequence[Key], at: datetime, names: tuple[str, str]
) -> str:
    """Entities at an instant, as a query for Databricks SQL.

    A value that the type of its key has no room for is NULL, which finds nothing.

    Args:
        columns: The key columns.
        keys: Their values for each entity; at least one entity.
        at: The instant, in UTC and without a time zone.
        names: Of the column with the number of each entity, from 0, and of that with the instant.

    Examples:
        >>> from mlforge_sql.types import BIGINT
        >>> print(
        ...     labels_query(
        ...         [KeyColumn("id", BIGINT, ())], [(7,)], datetime(1970, 1, 2), ("row", "at")
        ...     )
        ... )
        select `row`, timestamp_micros(86400000000) as `at`, try_cast(key_0 as bigint) as `id`
        from values
            (0, '7')
        as entities (`row`, key_0)
    """
    kinds = Databricks()
    row, instant = names
    micros = (at.replace(tzinfo=UTC) - _EPOCH) // (_EPOCH.resolution)
    chosen = [DATABRICKS.name(row), f"timestamp_micros({micros}) as {DATABRICKS.name(instant)}"]
    chosen += [
        f"try_cast(key_{number} as {kinds.type_name(column.type)}) as {DATABRICKS.name(column.name)}"
        for number, column in enumerate(columns)
    ]
    lines = ",\n".join(
        f"    ({', '.join([str(number), *map(_text, values)])})"
        for number, values in enumerate(keys)
    )
    given = ", ".join([DATABRICKS.name(row), *(f"key_{number}" for number in range(len(columns)))])
    return f"select {', '.join(chosen)}\nfrom values\n{lines}\nas entities ({given})"


def _text(value: Any) -> str:
    """A value as text that Databricks reads as its type."""
    match value:
        case None:
            return "cast(null as string)"
        case bool():
            return f"'{str(value).lower()}'"
        case _:
            return DATABRICKS.text(str(value))
