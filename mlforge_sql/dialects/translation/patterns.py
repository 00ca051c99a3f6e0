"""Regular expressions: from DuckDB's (RE2) to Databricks' (Java), for what both can say.

RE2 knows ASCII letters, digits and spaces by their short names, and its ``$`` is the end of the text;
Java adds a vertical tab, and a line break at the end. Each token is said so that it means one thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlforge_sql.dialects.translation.terms import Untranslatable

_HINT = "write it with characters, classes such as `[a-z]` or `\\d`, groups, `|`, `*`, `+`, `?`, `{m,n}`, `^` and `$`"

_CLASSES = {
    "d": "0-9",
    "w": "0-9A-Za-z_",
    "s": r"\t\n\f\r ",
}
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r"\t ",
    "digit": "0-9",
    "lower": "a-z",
    "space": r"\t\n\x0b\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_SIGNS = {"k": "\N{KELVIN SIGN}", "s": "\N{LATIN SMALL LETTER LONG S}"}
"""Characters outside of ASCII that are a letter of it, without regard to case."""

_CONTROLS = {"a": "\x07", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\x0b"}
_META = frozenset(r"\^$.|?*+()[]{}")
_CLASS_META = frozenset(r"\^[]-&~")
_SHOWN = {"\t": r"\t", "\n": r"\n", "\r": r"\r", "\f": r"\f"}

_GROUP = re.compile(r"\((?:\?:|\?P?<[A-Za-z_]\w*>)?")
_REPEAT = re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})\??")
_HEX = re.compile(r"\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})")
_NAMED_CLASS = re.compile(r"\[:(\^?)(\w+):\]")


def java_pattern(pattern: str) -> str:
    r"""A pattern that Java finds in exactly the texts in which DuckDB finds ``pattern``.

    Args:
        pattern: A pattern that DuckDB can read.

    Raises:
        Untranslatable: It has a part that Java does not have, or understands differently.

    Examples:
        >>> print(java_pattern(r"^\d{3}-[a-z]+$"))
        ^[0-9]{3}-[a-z]+\z
    """
    folded = pattern.startswith("(?i)")
    body = pattern[4:] if folded else pattern
    return "".join(_Reader(pattern, body, folded=folded).tokens())


def _refused(pattern: str, what: str) -> Untranslatable:
    return Untranslatable(f"the pattern `{pattern}` has no exact form on Databricks: {what}", _HINT)


class _Reader:
    """Reads a pattern from left to right.

    Attributes:
        pattern: The whole pattern.
        body: What is read of it.
        folded: Whether letters are found without regard to case. Java folds more than RE2, so both
            cases are written out.
    """

    def __init__(self, pattern: str, body: str, *, folded: bool) -> None:
        self._pattern = pattern
        self._body = body
        self._folded = folded
        self._at = 0

    def tokens(self) -> Iterator[str]:
        """The tokens in Java's words."""
        repeatable = False
        while self._at < len(self._body):
            found = _REPEAT.match(self._body, self._at)
            if found is not None:
                if not repeatable:
                    raise self._refuse(f"`{found[0]}` repeats nothing")
                self._at = found.end()
                repeatable = False
                yield found[0]
                continue
            token, repeatable = self._token()
            yield token

    def _refuse(self, what: str) -> Untranslatable:
        return _refused(self._pattern, what)

    def _token(self) -> tuple[str, bool]:
        """The next token, and whether it can be repeated."""
        character = self._body[self._at]
        match character:
            case "(":
                return self._group(), False
            case ")":
                self._at += 1
                return ")", True
            case "|" | "^":
                self._at += 1
                return character, False
            case "$":
                self._at += 1
                return r"\z", False
            case ".":
                self._at += 1
                return r"[^\n]", True
            case "[":
                return self._class(), True
            case "\\":
                return self._escape()
        self._at += 1
        return self._found(character), True

    def _found(self, character: str) -> str:
        """A character that is found, in both cases if need be."""
        members = self._folds(character, character)
        return f"[{_in_class(character)}{members}]" if members else _literal(character)

    def _folds(self, low: str, high: str) -> str:
        """The members that a range stands for too, without regard to case."""
        if not self._folded:
            return ""
        if not (low + high).isascii():
            raise self._refuse("letters outside of ASCII without regard to case")
        letters = [chr(code) for code in range(ord(low), ord(high) + 1) if chr(code).isalpha()]
        others = {letter.swapcase() for letter in letters} - set(letters)
        signs = {_SIGNS[letter.lower()] for letter in letters if letter.lower() in _SIGNS}
        return "".join(_in_class(item) for item in sorted(others | signs))

    def _group(self) -> str:
        found = _GROUP.match(self._body, self._at)
        assert found is not None
        if found[0] == "(" and self._body[found.end() : found.end() + 1] == "?":
            raise self._refuse(f"`{self._body[self._at : self._at + 4]}` inside of it")
        self._at = found.end()
        return "(?:" if found[0] == "(?:" else "("

    def _escape(self) -> tuple[str, bool]:
        """An escape outside of a class."""
        name = self._body[self._at + 1 : self._at + 2]
        if name in {"A", "z"}:
            self._at += 2
            return f"\\{name}", False
        if name.lower() in _CLASSES:
            self._at += 2
            negated = "^" if name.isupper() else ""
            return f"[{negated}{self._class_of(_CLASSES[name.lower()])}]", True
        return self._found(self._escaped()), True

    def _escaped(self) -> str:
        """The character that an escape stands for."""
        found = _HEX.match(self._body, self._at)
        if found is not None:
            self._at = found.end()
            code = int(found[1] or found[2], 16)
            if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
                raise self._refuse(f"`{found[0]}` is no character")
            return chr(code)
        name = self._body[self._at + 1 : self._at + 2]
        self._at += 2
        if name in _CONTROLS:
            return _CONTROLS[name]
        if name and name.isascii() and not name.isalnum():
            return name
        raise self._refuse(f"`\\{name}` is not the same there")

    def _class(self) -> str:
        """A class in brackets, its members one by one."""
        self._at += 1
        made = "["
        if self._body.startswith("^", self._at):
            self._at += 1
            made += "^"
        first = True
        while first or not self._body.startswith("]", self._at):
            if self._at >= len(self._body):
                raise self._refuse("a bracket has no end")
            made += self._member()
            first = False
        self._at += 1
        return made + "]"

    def _member(self) -> str:
        """One member of a class: a character, a range, or a class with a name."""
        named = _NAMED_CLASS.match(self._body, self._at)
        if named is not None:
            if named[1] or named[2] not in _POSIX:
                raise self._refuse(f"`{named[0]}`")
            return self._many(named.end(), _POSIX[named[2]])
        name = self._body[self._at + 1 : self._at + 2]
        if self._body[self._at] == "\\" and name.lower() in _CLASSES:
            if name.isupper():
                raise self._refuse(f"`\\{name}` inside of brackets")
            return self._many(self._at + 2, _CLASSES[name])
        low = self._one()
        after = self._body[self._at : self._at + 2]
        if after[:1] == "-" and after[1:] not in {"", "]"}:
            self._at += 1
            high = self._one()
            return f"{_in_class(low)}-{_in_class(high)}{self._folds(low, high)}"
        return _in_class(low) + self._folds(low, low)

    def _many(self, end: int, members: str) -> str:
        """The members of a class with a name, which cannot be an end of a range."""
        self._at = end
        if self._body.startswith("-", end) and not self._body.startswith("-]", end):
            raise self._refuse("a range that starts with a class")
        return self._class_of(members)

    def _class_of(self, members: str) -> str:
        """The members of a class with a name; without regard to case, all letters are in it or none."""
        letters = re.search(r"A-Za-z|A-Z|a-z", members)
        if letters is None or not self._folded:
            return members
        return members.replace(letters[0], "A-Za-z" + "".join(_SIGNS.values()))

    def _one(self) -> str:
        """One character of a class."""
        if self._body.startswith("\\", self._at):
            return self._escaped()
        character = self._body[self._at]
        self._at += 1
        return character


def _literal(character: str) -> str:
    """A character that stands for itself, outside of brackets."""
    return f"\\{character}" if character in _META else _shown(character)


def _in_class(character: str) -> str:
    """A character that stands for itself in brackets."""
    return f"\\{character}" if character in _CLASS_META else _shown(character)


def _shown(character: str) -> str:
    if character in _SHOWN:
        return _SHOWN[character]
    return character if character.isprintable() else f"\\x{{{ord(character):x}}}"
