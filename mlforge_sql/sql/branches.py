"""One text for every engine where it can be, a branch on the dbt target where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlforge_sql.plan.nodes import Node
from mlforge_sql.sql.compile import compile_sql
from mlforge_sql.sql.dialects.base import Dialect
from mlforge_sql.types import ColumnType


@dataclass(frozen=True, slots=True)
class Branches:
    """The dialects that a project is compiled for.

    Attributes:
        dialects: At least one; the last is what dbt takes for any other target.
    """

    dialects: tuple[Dialect, ...]

    def model(self, node: Node, source_group: str) -> str:
        """The text of a model: once, or once for each ``target.type``."""
        texts = [compile_sql(node, dialect, source_group) for dialect in self.dialects]
        if len(set(texts)) == 1:
            return texts[0]
        *first, last = zip(self.dialects, texts, strict=True)
        lines = [
            f"{{% {word} target.type == '{dialect.name}' %}}\n{text}"
            for word, (dialect, text) in zip(["if", *["elif"] * len(first)], first, strict=False)
        ]
        return "".join(lines) + f"{{% else %}}\n{last[1]}{{% endif %}}\n"

    def type_name(self, kind: ColumnType) -> str:
        """The name of a type: one text, or a Jinja expression over ``target.type``."""
        names = {dialect.name: dialect.type_name(kind) for dialect in self.dialects}
        if len(set(names.values())) == 1:
            return next(iter(names.values()))
        return f"{{{{ {names}[target.type] }}}}"

    def texts(self, make: Callable[[Dialect], str]) -> dict[str, str]:
        """The text of something in each dialect, by the name of the adapter."""
        return {dialect.name: make(dialect) for dialect in self.dialects}
