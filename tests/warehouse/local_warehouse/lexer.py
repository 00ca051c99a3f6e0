"""Tokens of Databricks SQL: enough to find names and clauses, never the meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<hint>/\*\+.*?\*/)
      | (?P<comment>--[^\n]*|/\*.*?\*/)
      | (?P<string>[rR]?'(?:[^'\\]++|\\.|'')*+'|[rR]?"(?:[^"\\]++|\\.)*+")
      | (?P<quoted>`(?:``|[^`])*`)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>\d[\w.]*)
      | (?P<space>\s+)
      | (?P<operator>.)""",
    re.VERBOSE | re.DOTALL,
)
_PAIR = re.compile(r"'((?:[^'\\]|\\.)*)'\s*=\s*'((?:[^'\\]|\\.)*)'")
_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'")

NAME = r"(?:`[^`]+`|\w+)"
"""A pattern for one identifier."""
DOTTED = rf"{NAME}(?:\s*\.\s*{NAME})*"
"""A pattern for a name of one or more parts."""


class Token(NamedTuple):
    """One piece of a statement; all of them joined give the statement back."""

    kind: str
    text: str

    @property
    def silent(self) -> bool:
        return self.kind in {"space", "comment"}

    @property
    def upper(self) -> str:
        return self.text.upper()


class Chain(NamedTuple):
    """A dotted name: the tokens [start, end) and its parts in lower case."""

    start: int
    end: int
    names: tuple[str, ...]


def tokens(sql: str) -> list[Token]:
    """The statement cut into tokens."""
    return [Token(match.lastgroup or "", match.group()) for match in _TOKEN.finditer(sql)]


def joined(pieces: Sequence[Token]) -> str:
    """The text of the tokens."""
    return "".join(piece.text for piece in pieces)


def identifier(token: Token) -> str:
    """The name in lower case, as Unity Catalog stores it."""
    if token.kind == "quoted":
        return token.text[1:-1].replace("``", "`").lower()
    return token.text.lower()


def identifiers(sql: str) -> list[str]:
    """Every name of a short text such as `a, b` or `cat.schema.t`."""
    return [identifier(token) for token in tokens(sql) if token.kind in {"word", "quoted"}]


def without_comments(sql: str) -> str:
    """The statement without comments and closing semicolon; hints stay."""
    text = "".join(" " if token.kind == "comment" else token.text for token in tokens(sql))
    return text.strip().rstrip(";").strip()


def without_semicolon(sql: str) -> str:
    """The statement with its comments, without the closing semicolon."""
    pieces = tokens(sql)
    while pieces and (pieces[-1].silent or pieces[-1].text == ";"):
        pieces.pop()
    return joined(pieces).strip()


def spoken(pieces: Sequence[Token], start: int, step: int = 1) -> Token:
    """The first token from `start` that is neither space nor comment."""
    position = start
    while 0 <= position < len(pieces):
        if not pieces[position].silent:
            return pieces[position]
        position += step
    return Token("space", "")


def _skip(pieces: Sequence[Token], position: int) -> int:
    while position < len(pieces) and pieces[position].silent:
        position += 1
    return position


def chains(pieces: Sequence[Token]) -> Iterator[Chain]:
    """Every dotted name from left to right."""
    position = 0
    while position < len(pieces):
        if pieces[position].kind not in {"word", "quoted"}:
            position += 1
            continue
        names, end = [identifier(pieces[position])], position + 1
        while (dot := _skip(pieces, end)) < len(pieces) and pieces[dot].text == ".":
            part = _skip(pieces, dot + 1)
            if part >= len(pieces) or pieces[part].kind not in {"word", "quoted"}:
                break
            names.append(identifier(pieces[part]))
            end = part + 1
        yield Chain(position, end, tuple(names))
        position = end


def split(sql: str, opening: str = "([<", closing: str = ")]>") -> list[str]:
    """Parts between commas outside brackets; `<` is one in types, and not in expressions."""
    parts, depth, current = [], 0, ""
    for token in tokens(sql):
        depth += _step(token, opening, closing)
        if token.text == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += token.text
    return [*parts, current.strip()] if current.strip() else parts


def parenthesis(sql: str) -> tuple[str, str]:
    """Inside and rest of a text that starts with an opening parenthesis."""
    pieces, depth = tokens(sql), 0
    for position, token in enumerate(pieces):
        depth += _step(token, "(", ")")
        if depth == 0:
            return joined(pieces[1:position]), joined(pieces[position + 1 :])
    return sql[1:], ""


def before_word(sql: str, words: frozenset[str]) -> tuple[str, str] | None:
    """The text before and from the first of the words outside parentheses.

    A parenthesis that opens with one of the words counts as its start.
    """
    pieces, depth = tokens(sql), 0
    for position, token in enumerate(pieces):
        opening = spoken(pieces, position + 1) if token.text == "(" and position > 0 else token
        if depth == 0 and opening.kind == "word" and opening.upper in words:
            return joined(pieces[:position]).strip(), joined(pieces[position:]).strip()
        depth += _step(token, "([", ")]")
    return None


def _step(token: Token, opening: str, closing: str) -> int:
    if token.kind != "operator":
        return 0
    return (token.text in opening) - (token.text in closing)


def pairs(sql: str) -> dict[str, str]:
    """`'a' = 'b', 'c' = 'd'` as a dictionary."""
    return {plain(key): plain(value) for key, value in _PAIR.findall(sql)}


def strings(sql: str) -> list[str]:
    """Every string literal's value."""
    return [plain(text) for text in _STRING.findall(sql)]


def plain(text: str) -> str:
    """The value of a literal's inside."""
    return re.sub(r"\\(.)", r"\1", text)


def literal(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def wildcard(pattern: str, any_text: str = "*") -> re.Pattern[str]:
    """A SHOW pattern: `*` for any text, `|` for alternatives."""
    parts = (
        ".*".join(re.escape(part) for part in choice.split(any_text))
        for choice in pattern.split("|")
    )
    return re.compile("^(?:" + "|".join(parts) + ")$", re.IGNORECASE)
