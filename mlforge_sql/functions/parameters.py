"""What functions are told besides their column: a number, or the name of another column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from mlforge_sql.types import ColumnType

Argument = Decimal | str
"""A number, or the name of a column."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a function is told.

    Attributes:
        name: Its name in signatures.
        about: What it can be, in words.
        example: Such a one.
        fits: Which columns it can be, where it is a column.
    """

    name: str
    about: str
    example: str
    fits: Callable[[ColumnType], bool] | None = None

    @property
    def is_column(self) -> bool:
        """Whether it is the name of a column."""
        return self.fits is not None

    def read(self, text: str) -> Argument | None:
        """The argument that a text is; None for what it cannot be."""
        text = text.strip()
        return _name(text) if self.is_column else _share(text)


SHARE = Parameter("p", "a number from 0 to 1", "0.95")


def written(argument: Argument) -> str:
    """An argument as it is written.

    Examples:
        >>> written(Decimal("0.950")), written("amount"), written("what, else")
        ('0.95', 'amount', '"what, else"')
    """
    if isinstance(argument, Decimal):
        return f"{argument.normalize():f}"
    if _is_plain(argument):
        return argument
    doubled = argument.replace('"', '""')
    return f'"{doubled}"'


def share_label(share: Decimal) -> str:
    """A part of a name for a share of values.

    Examples:
        >>> share_label(Decimal("0.95")), share_label(Decimal("0.999"))
        ('p95', 'p99_9')
    """
    return f"p{written(share * 100)}".replace(".", "_")


def _share(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return abs(found) if found.is_finite() and 0 <= found <= 1 else None


def _name(text: str) -> str | None:
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    if quoted:
        return text[1:-1].replace('""', '"') or None
    return text if _is_plain(text) else None


def _is_plain(text: str) -> bool:
    return bool(text) and not set(text) & set('",()') and text == text.strip()
