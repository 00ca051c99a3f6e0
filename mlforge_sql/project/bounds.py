"""Bounds of validators, written so that every engine compares them alike."""

from __future__ import annotations

import re
import struct
from datetime import UTC, date, datetime

from mlforge_sql.spec.validators import Scalar, Validator
from mlforge_sql.types import ColumnType, Kind

_PLAIN = re.compile(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2}(\.\d{1,6})?)?")


def with_plain_bounds(
    validator: Validator, kind: ColumnType, *, databricks: bool = False
) -> Validator:
    """The validator with bounds that mean the same on every engine.

    Args:
        validator: A rule for a column.
        kind: The column's type.
        databricks: Whether Databricks compares them too.
    """

    def plain(bound: Scalar | None) -> Scalar | None:
        if isinstance(bound, str):
            return _instant(bound, kind)
        if isinstance(bound, float) and kind == ColumnType(Kind.FLOAT, bits=32) and databricks:
            return _as_float(bound)
        return bound

    return validator.model_copy(
        update={
            "value": plain(validator.value),
            "min": plain(validator.min),
            "max": plain(validator.max),
            "values": validator.values and tuple(plain(item) for item in validator.values),
        }
    )


def _instant(text: str, kind: ColumnType) -> str:
    """A date or a timestamp as both engines read it; an offset is not dropped but taken off."""
    if kind.family is Kind.DATE:
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            return datetime.fromisoformat(text).date().isoformat()
    if kind.family not in {Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}:
        return text
    zone = "+00:00" if kind.family is Kind.TIMESTAMP_TZ else ""
    if _PLAIN.fullmatch(text):
        return text + (" 00:00:00" if zone and " " not in text else "") + zone
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is not None:
        instant = instant.astimezone(UTC).replace(tzinfo=None)
    return instant.isoformat(sep=" ") + zone


def _as_float(value: float) -> float:
    """The number that a 32-bit column can hold: DuckDB compares it with a decimal as such.

    A number that is written with an exponent is a double, with which both engines compare as doubles.
    """
    if "e" in repr(value):
        return value
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded
