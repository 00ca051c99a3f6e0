"""One text for every engine where it can be, a branch on the dbt target where it cannot.

Steps that only some engines have stand in a branch. A step that all have is one text, with branches
around the lines that differ, unless most of it does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import reduce

from mlforge_sql.dialects.base import Dialect
from mlforge_sql.plan.nodes import Node
from mlforge_sql.sql.compile import compile_sql
from mlforge_sql.types import ColumnType, Kind

Parts = tuple[str, ...]
Differ = Callable[[Sequence[Parts]], list[str]]

_STEP = re.compile(r"^(?!--)(\w+) as (?:\{\{ \w+\(\) \}\})?\($", re.MULTILINE)
_GOES_ON = re.compile(r" {9,}|\s*(?:[)\]]|(?:end|and|or|when|then|else|on|using|range)\b)")
"""A line that is part of the item that began above it."""


@dataclass(frozen=True, slots=True)
class Branches:
    """The dialects that a project is compiled for.

    Attributes:
        dialects: At least one; the last is what dbt takes for any other target.
    """

    dialects: tuple[Dialect, ...]

    def model(self, node: Node, source_group: str) -> str:
        """The text of a model; where the engines differ in a step, or in a line of it, once for each."""
        texts = [compile_sql(node, dialect, source_group) for dialect in self.dialects]
        return "\n\n".join(self._merged(texts, self._steps)) + "\n"

    def _merged(self, texts: Sequence[Parts], differ: Differ) -> list[str]:
        """Parts that all texts have, and between them what becomes of those that they do not."""
        merged: list[str] = []
        rest = list(texts)
        for part in (*reduce(_common, texts), None):
            ends = [len(text) if part is None else text.index(part) for text in rest]
            own = [text[:end] for text, end in zip(rest, ends, strict=True)]
            merged += differ(own) if any(own) else []
            rest = [text[end + 1 :] for text, end in zip(rest, ends, strict=True)]
            merged += [] if part is None else [part]
        return merged

    def _steps(self, texts: Sequence[Parts]) -> list[str]:
        """Steps that differ: those of one name that are much alike as one, others in branches."""
        names = [tuple(_name(step) for step in text) for text in texts]
        lines: list[str] = []
        rest, left = list(texts), list(names)
        for name in (*reduce(_common, names), None):
            ends = [len(text) if name is None else text.index(name) for text in left]
            found = [text[end : end + 1] for text, end in zip(rest, ends, strict=True)]
            together = None if name is None else self._step([step for (step,) in found])
            if name is not None and together is None:
                continue
            own = [text[:end] for text, end in zip(rest, ends, strict=True)]
            lines += self._branch(own, "{%") if any(own) else []
            lines += [] if together is None else [together]
            rest = [text[end + 1 :] for text, end in zip(rest, ends, strict=True)]
            left = [text[end + 1 :] for text, end in zip(left, ends, strict=True)]
        return lines

    def _step(self, texts: Sequence[str]) -> str | None:
        """One step of all texts, with branches around what differs; None where most of it does."""
        items = [_items(text) for text in texts]
        if 3 * len(reduce(_common, items)) < 2 * max(len(item) for item in items):
            return None
        return "\n".join(self._merged(items, self._lines))

    def _lines(self, texts: Sequence[Parts]) -> list[str]:
        """Lines that differ, in branches that leave no empty lines in what dbt compiles."""
        margin = min((_margin(text[0]) for text in texts if text), default="")
        return self._branch(texts, f"{margin}{{%-")

    def _branch(self, texts: Sequence[Parts], start: str) -> list[str]:
        names = [dialect.name for dialect in self.dialects[:-1]]
        words = [f"{start} if target.type == '{name}' %}}" for name in names[:1]]
        words += [f"{start} elif target.type == '{name}' %}}" for name in names[1:]]
        words.append(f"{start} else %}}")
        lines = [part for word, text in zip(words, texts, strict=True) for part in (word, *text)]
        if not texts[-1]:
            lines.pop()
        return [*lines, f"{start} endif %}}"]

    def type_name(self, kind: ColumnType) -> str:
        """The name of a type: one that all know, or a Jinja expression over ``target.type``."""
        if kind.family is Kind.TEXT:
            return "string"
        names = {dialect.name: dialect.type_name(kind) for dialect in self.dialects}
        if len(set(names.values())) == 1:
            return next(iter(names.values()))
        return f"{{{{ {names}[target.type] }}}}"

    def texts(self, make: Callable[[Dialect], str]) -> dict[str, str]:
        """The text of something in each dialect, by the name of the adapter."""
        return {dialect.name: make(dialect) for dialect in self.dialects}


def _common(left: Parts, right: Parts) -> Parts:
    """The parts that both texts have, in order."""
    blocks = SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks()
    return tuple(part for block in blocks for part in left[block.a : block.a + block.size])


def _name(step: str) -> str:
    """The name of a step; the text of what is none."""
    found = _STEP.search(step)
    return found[1] if found else step


def _items(step: str) -> Parts:
    """The lines of a step, those of an item of its ``select`` together."""
    items: list[str] = []
    for line in step.splitlines():
        if items and _GOES_ON.match(line):
            items[-1] += f"\n{line}"
        else:
            items.append(line)
    return tuple(items)


def _margin(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
