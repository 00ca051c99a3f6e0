"""Names and text in an engine's quotes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quoting:
    """How one engine quotes.

    Attributes:
        mark: Around names; doubled inside of them.
        escapes: What stands for some characters inside of text, in the order in which they are replaced.
    """

    mark: str
    escapes: tuple[tuple[str, str], ...]

    def name(self, *parts: str) -> str:
        """An identifier, or the parts of a qualified one.

        Examples:
            >>> print(DUCKDB.name('x"y'), DATABRICKS.name("main", "it`s"))
            "x""y" `main`.`it``s`
        """
        return ".".join(
            f"{self.mark}{part.replace(self.mark, self.mark * 2)}{self.mark}" for part in parts
        )

    def text(self, value: str) -> str:
        r"""A literal of text.

        Examples:
            >>> print(DUCKDB.text("it's"), DATABRICKS.text("it's"), DATABRICKS.text("${env:HOME}"))
            'it''s' 'it\'s' '\u0024{env:HOME}'
            >>> print(POSTGRES.text("it's"), POSTGRES.text("a\\b"))
            'it''s' E'a\\b'
        """
        for found, said in self.escapes:
            value = value.replace(found, said)
        return f"'{value}'"


class _Postgres(Quoting):
    """Postgres: whether a backslash is one depends on a setting, unless the text says so itself."""

    def text(self, value: str) -> str:
        """A literal of text, whatever the settings say of backslashes."""
        plain = super().text(value)
        return f"E{plain}".replace("\\", "\\\\") if "\\" in value else plain


_DOUBLED = (("'", "''"),)

DUCKDB = Quoting('"', _DOUBLED)
POSTGRES = _Postgres('"', _DOUBLED)
DATABRICKS = Quoting("`", (("\\", "\\\\"), ("'", "\\'"), ("${", "\\u0024{")))
"""Spark would put a variable in the place of ``${name}``, also inside of quotes."""
