"""What goes online of a feature table."""

from __future__ import annotations

from dataclasses import dataclass

from mlforge_sql.types import ColumnType


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

    as_of = 01-04 12:00:

    | user | feature_timestamp | amount_sum_2d |      | user | feature_timestamp | amount_sum_2d |
    |------|-------------------|--------------:|  ->  |------|-------------------|--------------:|
    | u1   | 01-04 00:00       |          6100 |      | u1   | 01-05 00:00       |          5000 |
    | u1   | 01-05 00:00       |          5000 |      | u1   | 01-06 00:00       |          NULL |
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
