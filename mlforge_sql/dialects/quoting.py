"""Names and values in an engine's quotes, and statements with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias


class Sql(str):
    """SQL that stands as it is: compiled, or put together by ``Quoting.sql``."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Name:
    """A name for a statement, or the parts of a qualified one.

    Attributes:
        parts: They, as they are spelled.
    """

    parts: tuple[str, ...]

    @classmethod
    def of(cls, *parts: str) -> Name:
        """The name of these parts."""
        return cls(parts)


Part: TypeAlias = Sql | Name | str | int | datetime | None
"""What can stand in a statement: SQL, a name, or a value."""


@dataclass(frozen=True, slots=True)
class Quoting:
    """How one engine quotes.

    Attributes:
        mark: Around names; doubled inside of them.
        escapes: What stands for some characters inside of text, in the order in which they are replaced.
    """

    mark: str
    escapes: tuple[tuple[str, str], ...]

    def name(self, *parts: str) -> Sql:
        """An identifier, or the parts of a qualified one.

        Examples:
            >>> print(DUCKDB.name('x"y'), DATABRICKS.name("main", "it`s"))
            "x""y" `main`.`it``s`
        """
        return Sql(
            ".".join(
                f"{self.mark}{part.replace(self.mark, self.mark * 2)}{self.mark}" for part in parts
            )
        )

    def text(self, value: str) -> Sql:
        r"""A literal of text.

        Examples:
            >>> print(DUCKDB.text("it's"), DATABRICKS.text("it's"), DATABRICKS.text("${env:HOME}"))
            'it''s' 'it\'s' '\u0024{env:HOME}'
            >>> print(POSTGRES.text("it's"), POSTGRES.text("a\\b"))
            'it''s' E'a\\b'
        """
        for found, said in self.escapes:
            value = value.replace(found, said)
        return Sql(f"'{value}'")

    def list(self, *parts: Part, by: str = ", ") -> Sql:
        """Parts with something between them.

        Examples:
            >>> print(DUCKDB.list(Name.of("a"), 1, "it's"), DUCKDB.list(Sql("x"), by=" and "))
            "a", 1, 'it''s' x
        """
        return Sql(by.join(map(self._said, parts)))

    def sql(self, template: str, **parts: Part | Iterable[Part]) -> Sql:
        r"""A statement whose names and values are quoted, so that none of them can end early.

        Args:
            template: The statement, with a ``{word}`` for each part.
            parts: The parts by word: names, values, SQL, or lists of those.

        Examples:
            >>> keys = [Name.of("user"), Name.of("it`s")]
            >>> print(
            ...     DATABRICKS.sql(
            ...         "select {keys} from {table} where a = {a}",
            ...         keys=keys,
            ...         table=Name.of("x", "y"),
            ...         a="it's",
            ...     )
            ... )
            select `user`, `it``s` from `x`.`y` where a = 'it\'s'
        """
        return Sql(template.format(**{word: self._said(part) for word, part in parts.items()}))

    def _said(self, part: Part | Iterable[Part]) -> str:
        match part:
            case Sql():
                return part
            case Name():
                return self.name(*part.parts)
            case str():
                return self.text(part)
            case None:
                return "null"
            case datetime():
                return f"timestamp '{part.isoformat(sep=' ')}'"
            case int():
                return str(part).lower()
            case _:
                return self.list(*part)


class _Postgres(Quoting):
    """Postgres: whether a backslash is one depends on a setting, unless the text says so itself."""

    def text(self, value: str) -> Sql:
        """A literal of text, whatever the settings say of backslashes."""
        plain = super().text(value)
        return Sql(f"E{plain}".replace("\\", "\\\\")) if "\\" in value else plain


_DOUBLED = (("'", "''"),)

DUCKDB = Quoting('"', _DOUBLED)
POSTGRES = _Postgres('"', _DOUBLED)
DATABRICKS = Quoting("`", (("\\", "\\\\"), ("'", "\\'"), ("${", "\\u0024{")))
"""Spark would put a variable in the place of ``${name}``, also inside of quotes."""
