"""Types that columns of text files may have: guessed, and kept where every value fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlforge_sql.types import TEXT, UNKNOWN, ColumnType, Kind, StoredColumn, held_type

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType


@dataclass(frozen=True, slots=True)
class Guess:
    """Types that a column of text may have, best first, and those inside of it."""

    kinds: tuple[str, ...]
    leaves: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, kind: DuckDBPyType, *, instant: bool = False) -> Guess:
        """The types to be tried for a column that DuckDB takes for one of a type.

        DuckDB has not seen every file: what it takes for integers may be broken numbers in another.
        """
        name = str(kind).lower()
        match kind.id:
            case "struct" | "list" | "map":
                return cls((str(kind),), tuple(_leaves("$", kind)))
            case "null" | "uuid":
                return cls(("varchar",))
            case "varchar" if instant:
                return cls(("timestamp with time zone", "varchar"))
            case "varchar":
                return cls((name, "varchar"))
        name = "decimal(38,0)" if name in _WIDE else name
        position = next((at for at, group in enumerate(_GUESSES) if name in group), None)
        group = _GUESSES[position] if position is not None else (name,)
        return cls((*group[group.index(name) :], "varchar"))


_GUESSES = (
    ("bigint", "decimal(38,0)", "double"),
    ("date", "timestamp", "timestamp with time zone"),
)
"""Types, each with those that also hold its values."""

_WIDE = frozenset({"hugeint", "ubigint", "uhugeint", "bignum", "double"})
"""Types that DuckDB takes integers for that a bigint has no room for."""


def guessed(held: str, fits: Sequence[str], leaves: tuple[tuple[str, str], ...]) -> StoredColumn:
    """A column of text files, of the first type that all of its values fit."""
    kind = held_type(fits[0]) if fits else ColumnType(Kind.OTHER, text="json")
    if kind == TEXT and held == "text":
        return StoredColumn(TEXT, held)
    if kind.family is Kind.OTHER and not leaves:
        return StoredColumn(kind, held)
    return StoredColumn(kind, f"guessed {held}", leaves if kind.family is Kind.OTHER else ())


def unknown(held: str) -> StoredColumn:
    """A column of text files without a value: nothing tells its type."""
    return StoredColumn(UNKNOWN, held)


def _leaves(path: str, kind: DuckDBPyType) -> Iterator[tuple[str, str]]:
    """The path of each value inside nested json, and its type."""
    match kind.id:
        case "struct":
            for name, child in kind.children:
                escaped = name.replace("\\", "\\\\").replace('"', '\\"')
                yield from _leaves(f'{path}."{escaped}"', child)
        case "list":
            yield from _leaves(f"{path}[*]", kind.children[0][1])
        case "map":
            yield from _leaves(f"{path}.*", kind.children[1][1])
        case "null":
            return
        case _:
            yield path, str(kind).lower()
