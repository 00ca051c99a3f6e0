"""Values on the command line: texts to keys, instants to text, values to JSON."""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from mlforge_sql.types import ColumnType, Kind


def instant(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> datetime | None:
    """An instant in ISO 8601, in UTC and without a time zone; without a zone it is UTC."""
    from mlforge_sql.errors import OnlineError
    from mlforge_sql.online.model import as_instant

    if value is None:
        return None
    try:
        return as_instant(value)
    except OnlineError:
        message = f"{value!r} is no instant; write it like 2024-01-31T12:00:00"
        raise click.BadParameter(message) from None


def key_value(text: str, kind: ColumnType) -> Any:
    """A key as its type has it.

    Raises:
        ValueError: The text is no value of the type.

    Examples:
        >>> from mlforge_sql.types import parse_type
        >>> key_value("7", parse_type("bigint")), key_value("7", parse_type("text"))
        (7, '7')
    """
    match kind.family:
        case Kind.INTEGER:
            return int(text)
        case Kind.BOOLEAN if text.casefold() in {"true", "false"}:
            return text.casefold() == "true"
        case Kind.BOOLEAN:
            raise ValueError(text)
        case Kind.DATE:
            return date.fromisoformat(text)
        case Kind.DECIMAL:
            try:
                return Decimal(text)
            except InvalidOperation:
                raise ValueError(text) from None
        case _:
            return text


def in_json(value: Any) -> Any:
    """A value as JSON has it: decimals and instants as text, NaN and infinities as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def shown(value: Any) -> str:
    """A value in a table."""
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return str(value)


def age(since: datetime | None, now: datetime) -> str:
    """How long ago an instant is, roughly.

    Examples:
        >>> age(datetime(2024, 1, 1), datetime(2024, 1, 1, 5, 30)), age(None, datetime(2024, 1, 1))
        ('5 h', '')
    """
    if since is None:
        return ""
    seconds = max(0, int((now - since).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
