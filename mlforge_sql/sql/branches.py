"""One text for every engine where it can be, a branch on the dbt target where it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import reduce

from mlforge_sql.plan.nodes import Node
from mlforge_sql.sql.compile import compile_sql
from mlforge_sql.sql.dialects.base import Dialect
from mlforge_sql.types import ColumnType

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Branches:
    """The dialects that a project is compiled for.

    Attributes:
        dialects: At least one; the last is what dbt takes for any other target.
    """

    dialects: tuple[Dialect, ...]

    def model(self, node: Node, source_group: str) -> str:
        """The text of a model; where the engines differ in a step, the step once for each."""
        texts = [compile_sql(node, dialect, source_group) for dialect in self.dialects]
        return "\n\n".join(self._merged(texts)) + "\n"

    def _merged(self, texts: Sequence[Parts]) -> list[str]:
        """Parts that all texts have, and between them branches with the parts that they do not."""
        merged: list[str] = []
        rest = list(texts)
        for part in (*reduce(_common, texts), None):
            ends = [len(text) if part is None else text.index(part) for text in rest]
            merged += self._branch([text[:end] for text, end in zip(rest, ends, strict=True)])
            rest = [text[end + 1 :] for text, end in zip(rest, ends, strict=True)]
            merged += [] if part is None else [part]
        return merged

    def _branch(self, texts: Sequence[Parts]) -> list[str]:
        if not any(texts):
            return []
        names = [dialect.name for dialect in self.dialects[:-1]]
        words = [f"{{% if target.type == '{name}' %}}" for name in names[:1]]
        words += [f"{{% elif target.type == '{name}' %}}" for name in names[1:]]
        words.append("{% else %}")
        lines = [part for word, text in zip(words, texts, strict=True) for part in (word, *text)]
        if not texts[-1]:
            lines.pop()
        return [*lines, "{% endif %}"]

    def type_name(self, kind: ColumnType) -> str:
        """The name of a type: one text, or a Jinja expression over ``target.type``."""
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
