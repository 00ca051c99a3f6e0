"""What goes online of a feature table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mlforge_sql.types import ColumnType, Kind

UNTIL = "mlforge_until"
"""Column of a table of later rows: until when they are all there are."""

NEVER = datetime(9999, 1, 1)
"""When the row begins that says so, in UTC: after every other row, and inside of what all engines hold."""

NOBODY = {
    Kind.BOOLEAN: "false",
    Kind.INTEGER: "0",
    Kind.DECIMAL: "0",
    Kind.TEXT: "",
    Kind.DATE: "9999-01-01",
}
"""Text of the keys of that row. An entity that has them is another one: none of its rows begins so late."""


@dataclass(frozen=True, slots=True)
class Current:
    """The row of each entity that holds at the run's ``as_of``: what goes online.

    Attributes:
        name: Name of the model.
        feature: The feature's table.
        keys: Join keys, with their types.
        columns: The feature columns and their types.
    """

    name: str
    feature: str
    keys: tuple[tuple[str, ColumnType], ...]
    columns: tuple[tuple[str, ColumnType], ...]


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The rows of a feature that begin after the run's ``as_of``: what online values change to by themselves.

    They reach as far as the online store's ``horizon``, and one more row, of no entity, says until when.

    as_of = 01-04 12:00, horizon = 1d:

    | user | feature_timestamp | amount_sum_2d |      | user | feature_timestamp | amount_sum_2d | mlforge_until |
    |------|-------------------|--------------:|  ->  |------|-------------------|--------------:|---------------|
    | u1   | 01-04 00:00       |          6100 |      | u1   | 01-05 00:00       |          5000 | NULL          |
    | u1   | 01-05 00:00       |          5000 |      |      | 9999-01-01 00:00  |          NULL | 01-05 12:00   |
    | u1   | 01-06 00:00       |          NULL |

    Attributes:
        name: Name of the model.
        feature: The feature's table.
        current: Name of the model with its current values.
        keys: Join keys, with their types.
        columns: The feature columns and their types.
    """

    name: str
    feature: str
    current: str
    keys: tuple[tuple[str, ColumnType], ...]
    columns: tuple[tuple[str, ColumnType], ...]
