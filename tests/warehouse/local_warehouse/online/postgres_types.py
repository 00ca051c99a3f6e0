"""Types of Delta as Arrow carries them, and the types of Postgres that synced tables have."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int8, "smallint"),
    (pa.types.is_int16, "smallint"),
    (pa.types.is_int32, "integer"),
    (pa.types.is_int64, "bigint"),
    (pa.types.is_float32, "real"),
    (pa.types.is_float64, "double precision"),
    (pa.types.is_date, "date"),
    (pa.types.is_binary, "bytea"),
)


def postgres_type(kind: pa.DataType, *, is_json: bool = False) -> str:
    """The type's name as Postgres itself prints it; what is not known is text."""
    if is_json:
        return "jsonb"
    if pa.types.is_decimal(kind):
        return f"numeric({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return f"timestamp {'with' if kind.tz else 'without'} time zone"
    return next((name for test, name in _TYPES if test(kind)), "text")
