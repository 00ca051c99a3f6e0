"""Native query parameters: each marker becomes a literal of its declared type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warehouse.local_warehouse.errors import WarehouseError
from warehouse.local_warehouse.lexer import Token, joined, literal, tokens


@dataclass(frozen=True)
class Parameter:
    """A value as the connector sends it: text and type; no name means by position."""

    name: str | None
    type: str
    value: str | None = None
    items: tuple[Parameter, ...] = ()

    @property
    def sql(self) -> str:
        """The value as a typed expression."""
        kind = self.type.upper()
        if kind.startswith("ARRAY"):
            return "array(" + ", ".join(item.sql for item in self.items) + ")"
        if kind.startswith("MAP"):
            return "map(" + ", ".join(item.sql for item in self.items) + ")"
        if self.value is None or kind == "VOID":
            return "null"
        return f"cast({literal(self.value)} as {self.type})"


def bind(sql: str, parameters: Sequence[Parameter]) -> str:
    """The statement with `:name` and `?` replaced."""
    if not parameters:
        return sql
    named = {parameter.name: parameter for parameter in parameters if parameter.name}
    positional = iter([parameter for parameter in parameters if not parameter.name])
    pieces, bound, position = tokens(sql), [], 0
    while position < len(pieces):
        piece = pieces[position]
        if piece.text == "?":
            bound.append(_value(next(positional, None), "?"))
        elif _is_marker(pieces, position):
            position += 1
            name = pieces[position].text
            bound.append(_value(_find(named, name), name))
        else:
            bound.append(piece)
        position += 1
    return joined(bound)


def _is_marker(pieces: Sequence[Token], position: int) -> bool:
    if pieces[position].text != ":" or position + 1 >= len(pieces):
        return False
    cast = position > 0 and pieces[position - 1].text == ":"
    return pieces[position + 1].kind == "word" and not cast


def _find(named: Mapping[str, Parameter], name: str) -> Parameter | None:
    return next((item for key, item in named.items() if key.lower() == name.lower()), None)


def _value(parameter: Parameter | None, name: str) -> Token:
    if parameter is None:
        text = (
            f"Found the unbound parameter: {name}. Please, fix `args` and provide a mapping of "
            "the parameter to either a SQL literal or collection constructor functions such as "
            "`map()`, `array()`, `struct()`."
        )
        raise WarehouseError("UNBOUND_SQL_PARAMETER", text, "42P02")
    return Token("operator", parameter.sql)
