"""Surrogate keys: the same text on DuckDB, on Databricks and in Python."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from decimal import Decimal

NULL_PART = "~"

KeyPart = str | int | bool | date | Decimal | None


def surrogate_key(*parts: KeyPart, salt: str | None = None) -> str | None:
    """The surrogate key of an entity: a SHA-256 in lower-case hex.

    Each part is written ``<length in characters>:<text>``, NULL as ``~``, so different parts never
    give the same text. A salt goes in front as a part of its own. The rule is DESIGN's
    "Surrogate keys"; compiled SQL follows it character by character.

    Args:
        parts: Values of the entity's ``from_columns``, in that order. Decimals need the scale of
            their column (``Decimal("1.50")`` for ``DECIMAL(10, 2)``).
        salt: Value of the project's salt variable, if it has one.

    Returns:
        64 hexadecimal characters, or None when every part is None.

    Raises:
        TypeError: A part has a type that has no unambiguous text, such as a float.

    Examples:
        >>> surrogate_key("ab", "c") == surrogate_key("a", "bc")
        False
        >>> surrogate_key(None, None) is None
        True
    """
    if all(part is None for part in parts):
        return None
    texts = [part_text(part) for part in parts]
    if salt is not None:
        texts.insert(0, part_text(salt))
    return hashlib.sha256("".join(texts).encode()).hexdigest()


def part_text(part: KeyPart) -> str:
    """One part of a surrogate key as text.

    Examples:
        >>> part_text("O'Hara"), part_text(None), part_text(True)
        ("6:O'Hara", '~', '4:true')
    """
    if part is None:
        return NULL_PART
    text = _text(part)
    return f"{len(text)}:{text}"


def _text(part: str | int | bool | date | Decimal) -> str:
    if isinstance(part, str):
        return str.__str__(part)  # members of enumerations say another text
    if isinstance(part, bool):
        return "true" if part else "false"
    if isinstance(part, int):
        return str(part)
    if isinstance(part, Decimal):
        return f"{part.copy_abs() if part.is_zero() else part:f}"
    if isinstance(part, date) and not isinstance(part, datetime):
        return part.isoformat()
    raise TypeError(f"a surrogate key cannot have a part of type {type(part).__name__}")
