"""Values to YAML text the way dbt projects are written, the same bytes every time.

PyYAML's own writer does not indent lists, folds inside quotes, and quotes with `'`, which Jinja is full of.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

WIDTH = 100
"""Columns of a line; a single word may be longer."""

_PLAIN = re.compile(r"(?:[^\W\d]|[/+])(?:[^\W]|[ .,;()+\-/'\"`=<>%$@!?~^|&*]|:(?=\S))*", re.ASCII)
_PRINTABLE = re.compile(
    "[\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufdcf\ufdf0-\ufefe\uff00-\uffef]*"
)
_WORDS = re.compile(r"\S+(?: \S+)*")
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Shared:
    """A value that a document has more than once: the first is named, the others refer to it.

    Attributes:
        name: Its anchor.
        value: A dict or a list that is not empty.
    """

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Noted:
    """A value of a dict with a comment above its key.

    Attributes:
        comment: Lines without ``#``.
        value: The value.
    """

    comment: str
    value: Any


def yaml_text(value: Any) -> str:
    """YAML text of nested plain values, in their own order, one value a line.

    Examples:
        >>> print(yaml_text({"b": [1, "yes"], "a": "x: {y}"}), end="")
        b:
          - 1
          - "yes"
        a: "x: {y}"
        >>> print(yaml_text({"a": Shared("s", [1]), "b": Shared("s", [1])}), end="")
        a: &s
          - 1
        b: *s
        >>> print(yaml_text({"a": Noted("why it is 1", 1)}), end="")
        # why it is 1
        a: 1
    """
    return "\n".join(_lines(value, 0, set())) + "\n"


def _lines(value: Any, depth: int, known: set[str]) -> Iterator[str]:
    """The lines of a value that stands below its key."""
    margin = _INDENT * depth
    if isinstance(value, dict) and value:
        for key, noted in value.items():
            item = noted
            if isinstance(noted, Noted):
                yield from (f"{margin}# {line}" for line in noted.comment.splitlines())
                item = noted.value
            yield from _pair(f"{margin}{_scalar(key)}:", item, depth + 1, known)
    elif isinstance(value, (list, tuple)) and value:
        for item in value:
            if not _is_nested(item):
                yield from _pair(f"{margin}-", item, depth + 1, known)
                continue
            first, *rest = _lines(item, depth + 1, known)
            yield f"{margin}- {first.lstrip()}"
            yield from rest
    else:
        yield f"{margin}{_scalar(value)}"


def _pair(start: str, value: Any, depth: int, known: set[str]) -> Iterator[str]:
    """A key, or the mark of an item, with what belongs to it."""
    if isinstance(value, Shared):
        if value.name in known:
            yield f"{start} *{value.name}"
            return
        known.add(value.name)
        yield f"{start} &{value.name}"
        yield from _lines(value.value, depth, known)
    elif _is_nested(value):
        yield start
        yield from _lines(value, depth, known)
    else:
        text = _scalar(value)
        escaped = "''" in text and len(text) > 2
        if isinstance(value, str) and (escaped or len(f"{start} {text}") > WIDTH) and _folds(value):
            yield f"{start} >-"
            yield from _folded(value, depth)
        else:
            yield f"{start} {text}"


def _is_nested(value: Any) -> bool:
    return isinstance(value, (dict, list, tuple)) and bool(value)


def _folds(text: str) -> bool:
    """Whether a text is the same after it was broken between words."""
    return " " in text and bool(_WORDS.fullmatch(text) and _PRINTABLE.fullmatch(text))


def _folded(text: str, depth: int) -> list[str]:
    margin = _INDENT * depth
    return textwrap.wrap(
        text,
        max(WIDTH, len(margin) + 40),
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _scalar(value: Any) -> str:
    match value:
        case str():
            return _text(value)
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case dict():
            return "{}"
        case list() | tuple():
            return "[]"
        case int():
            return str(value)
        case _:
            return yaml.safe_dump(value).removesuffix("...\n").strip()


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and not text.endswith(" ") and " #" not in text:
        resolver = yaml.SafeLoader.yaml_implicit_resolvers.get(text[0], [])
        if not any(found.match(text) for _, found in resolver) and text not in {"y", "n", "Y", "N"}:
            return text
    if not _PRINTABLE.fullmatch(text):
        dumped = yaml.safe_dump(text, default_style='"', width=1_000_000, allow_unicode=True)
        return dumped.removesuffix("\n")
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'
