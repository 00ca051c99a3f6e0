"""Key values as users have them, checked against the type of the key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Context, Decimal, InvalidOperation
from operator import index
from typing import Any
from uuid import UUID

from mlforge_sql.keys import surrogate_key
from mlforge_sql.project.model import KeyColumn
from mlforge_sql.types import ColumnType, Kind

Check = Callable[[Any], Any]
"""Gives the value as its type has it, or raises ``UnfitValue``."""


Salt = Callable[[], str | None]
"""Gives the salt of surrogate keys, or None where the project has none."""


class UnfitValue(Exception):  # noqa: N818 - an answer, not a failure
    """A value that cannot be of the key's type; the text says what it is."""


class MissingKey(Exception):  # noqa: N818 - an answer, not a failure
    """An entity has neither a key nor what it is computed from; the text is the column's name."""


_EXACT: dict[Kind, type] = {
    Kind.TEXT: str,
    Kind.BOOLEAN: bool,
    Kind.DATE: date,
}
"""Types whose values need no further look."""

_EXACTLY = Context(prec=200, traps=[InvalidOperation])

_WORDS = {
    Kind.TEXT: "a str",
    Kind.INTEGER: "an int",
    Kind.BOOLEAN: "a bool",
    Kind.DATE: "a date",
    Kind.DECIMAL: "a decimal.Decimal",
}


def key_reader(key: KeyColumn, salt: Salt) -> Callable[[Mapping[str, Any]], Any]:
    """What finds the value of a join key in an entity, computing surrogate keys.

    Args:
        key: The join key.
        salt: Gives the value of the project's salt variable, when a key is computed.

    Returns:
        A function of an entity. It raises ``MissingKey`` or ``UnfitValue``.
    """
    name, check = key.name, checked(key.type)
    parts = [(part, checked(kind, ranged=False)) for part, kind in key.parts]

    def read(entity: Mapping[str, Any]) -> Any:
        if name in entity:
            return _of(name, check, entity[name])
        spelled = {str(column).casefold(): column for column in entity}
        if name.casefold() in spelled:
            return _of(name, check, entity[spelled[name.casefold()]])
        missing = [part for part, _ in parts if part.casefold() not in spelled]
        if missing or not parts:
            raise MissingKey(missing[0] if 0 < len(missing) < len(parts) else name)
        found = [
            _of(part, check_part, entity[spelled[part.casefold()]]) for part, check_part in parts
        ]
        return surrogate_key(*found, salt=salt())

    return read


def _of(name: str, check: Check, value: Any) -> Any:
    try:
        return check(value)
    except UnfitValue as error:
        raise UnfitValue(f"`{name}` {error}") from None


def checked(kind: ColumnType, *, ranged: bool = True) -> Check:
    """The check for a key type; None stays None.

    Args:
        kind: The type.
        ranged: Whether an integer that the type has no room for becomes None: no entity has it.

    Examples:
        >>> checked(ColumnType(Kind.INTEGER, bits=16))(7), checked(ColumnType(Kind.TEXT))("a")
        (7, 'a')
        >>> checked(ColumnType(Kind.INTEGER, bits=16))(70000) is None
        True
        >>> checked(ColumnType(Kind.DECIMAL, precision=20))(2**64 - 1)
        Decimal('18446744073709551615')
    """
    match kind.family:
        case Kind.INTEGER:
            limit = 2 ** (kind.bits - 1) if ranged else None
            return lambda value: _integer(value, kind, limit)
        case Kind.DECIMAL:
            return lambda value: _decimal(value, kind, ranged=ranged)
        case Kind.TEXT:
            return lambda value: _text(value, kind)
        case _:
            exact = _EXACT[kind.family]
            return lambda value: value if type(value) is exact else _other(value, kind, exact)


def _integer(value: Any, kind: ColumnType, limit: int | None) -> int | None:
    if type(value) is not int:
        value = _plain(value)
        if value is None:
            return None
        if isinstance(value, bool):
            raise _unfit(value, kind)
        try:
            value = index(value)
        except TypeError:
            raise _unfit(value, kind) from None
    number: int = value
    return number if limit is None or -limit <= number < limit else None


def _decimal(value: Any, kind: ColumnType, *, ranged: bool) -> Decimal | None:
    value = _plain(value)
    if value is None:
        return None
    if kind.scale == 0:
        value = _whole(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise _unfit(value, kind)
    try:
        scaled = value.quantize(Decimal(1).scaleb(-kind.scale), context=_EXACTLY)
    except InvalidOperation:
        raise UnfitValue(f"has more digits than {kind} has room for") from None
    if scaled != value:
        raise UnfitValue(f"has more digits after the point than {kind} has room for")
    fits = abs(scaled) < Decimal(10) ** (kind.precision - kind.scale)
    return scaled if fits or not ranged else None


def _whole(value: Any) -> Any:
    """An integer as the decimal that it is: integers without a sign are keys of 20 digits."""
    if isinstance(value, bool):
        return value
    try:
        return Decimal(index(value))
    except TypeError:
        return value


def _text(value: Any, kind: ColumnType) -> str | None:
    if isinstance(value, UUID):
        value = str(value)  # as the files' uuid columns become text
    text: str | None = value if type(value) is str else _other(value, kind, str)
    if text is not None and not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UnfitValue("has half of a surrogate pair, which is no character") from None
    return text


def _other(value: Any, kind: ColumnType, exact: type) -> Any:
    value = _plain(value)
    if value is None or type(value) is exact:
        return value
    if isinstance(value, exact) and not isinstance(value, datetime):
        return str.__str__(value) if exact is str else value  # enumerations say another text
    raise _unfit(value, kind)


def _plain(value: Any) -> Any:
    """A scalar of numpy as Python has it, and None for the NULLs of pandas."""
    if type(value).__name__ in {"NAType", "NaTType"}:
        return None
    return value.item() if type(value).__module__ == "numpy" else value


def _unfit(value: Any, kind: ColumnType) -> UnfitValue:
    text = f"is a {type(value).__name__}, the feature's is {kind}; it must be {_WORDS[kind.family]}"
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - only NaN differs from itself
        text = f"is NaN, the feature's is {kind}; use None for an unknown key"
    return UnfitValue(text)
