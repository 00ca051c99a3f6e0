"""Entities in, the same kind out: a mapping, a list of them, or a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlforge_sql.errors import Diagnostic, OnlineError, nearest
from mlforge_sql.online.keys import MissingKey, Salt, UnfitValue, key_reader
from mlforge_sql.online.model import Key, Lookup, Row
from mlforge_sql.online.values import arrow_table
from mlforge_sql.retrieval.frames import LabelFrame, label_frame

Entity = Mapping[str, Any]


@dataclass(frozen=True)
class Batch:
    """Entities, and how their values get back to the user.

    Attributes:
        keys: Values of the key columns of each entity, in order.
        result: Makes of the values of each entity what the user gets.
    """

    keys: Sequence[Key]
    result: Callable[[Sequence[Row]], Any]


class EntityReader:
    """Reads entities for one lookup.

    Args:
        lookup: The lookup.
        salt: Gives the salt of surrogate keys, when one is computed.
    """

    def __init__(self, lookup: Lookup, salt: Salt) -> None:
        self._lookup = lookup
        self._names = lookup.names
        self._taken = {name.casefold() for name in lookup.names}
        self._readers = [key_reader(key, salt) for key in lookup.keys]

    def batch(self, entities: Any) -> Batch:
        """The keys of entities, and the way back.

        Args:
            entities: A mapping, a list or tuple of mappings, or a frame that narwhals takes.

        Raises:
            OnlineError: They are nothing of these, lack a key column, have a value that is not of
                the key's type, or have a column of the name of a feature's.
        """
        if isinstance(entities, Mapping):
            keys = [self._key(entities)]
            return Batch(keys, lambda rows: self._merged(entities, rows[0]))
        if isinstance(entities, list | tuple):
            return self._listed(entities)
        return self._framed(entities)

    def _listed(self, entities: Sequence[Any]) -> Batch:
        for number, entity in enumerate(entities):
            if not isinstance(entity, Mapping):
                message = f"entity {number + 1} is a {type(entity).__name__}, not a mapping"
                raise _problem("MF084", message, 'write entities as {"key": value}')
        keys = [self._key(entity, number) for number, entity in enumerate(entities)]

        def result(rows: Sequence[Row]) -> Any:
            merged = map(self._merged, entities, rows)
            return tuple(merged) if isinstance(entities, tuple) else list(merged)

        return Batch(keys, result)

    def _framed(self, entities: Any) -> Batch:
        frame = _frame_of(entities)
        self._check_names(frame.names)
        wanted = {key.name.casefold() for key in self._lookup.keys}
        wanted |= {part.casefold() for key in self._lookup.keys for part, _ in key.parts}
        needed = [name for name in frame.names if name.casefold() in wanted]
        self._key(dict.fromkeys(frame.names))  # says what is missing
        rows = frame.columns(needed).to_pylist() if needed else []
        keys = [self._key(row, number) for number, row in enumerate(rows)]
        return Batch(keys, lambda rows: frame.with_columns(arrow_table(self._lookup, rows)))

    def _key(self, entity: Entity, number: int | None = None) -> Key:
        try:
            return tuple([read(entity) for read in self._readers])
        except MissingKey as error:
            raise self._missing(str(error), entity, number) from None
        except UnfitValue as error:
            message = str(error) + _at(number)
            hint = "keys of different types are never silently converted"
            raise _problem("MF085", message, hint) from None
        except UnicodeEncodeError:
            message = "a key has text that is not Unicode" + _at(number)
            raise _problem("MF085", message, "see how it was decoded") from None

    def _missing(self, name: str, entity: Entity, number: int | None) -> OnlineError:
        key = next(
            key
            for key in self._lookup.keys
            if name == key.name or name in {part for part, _ in key.parts}
        )
        feature = next(item.name for item in self._lookup.features if key in item.keys)
        message = f"the entity has no `{key.name}`, a key of feature `{feature}`"
        if key.parts and name != key.name:
            message += f", nor `{name}` to compute it from"
        elif key.parts:
            message += f", nor {_and([part for part, _ in key.parts])} to compute it from"
        return _problem("MF084", message + _at(number), self._hint(name, entity))

    def _hint(self, name: str, entity: Entity) -> str:
        """What the entity has that is near what it lacks, and may be meant for it."""
        keys = {key.name.casefold() for key in self._lookup.keys}
        keys |= {part.casefold() for key in self._lookup.keys for part, _ in key.parts}
        others = [str(item) for item in entity if str(item).casefold() not in keys]
        near = nearest(name, others)
        if near is not None:
            return f"`{near}` is no key of these features; did you mean `{name}`?"
        return f"give each entity `{name}`"

    def _merged(self, entity: Entity, row: Row) -> dict[str, Any]:
        merged = dict(entity)
        size = len(merged)
        merged.update(zip(self._names, row, strict=False))  # a row may have more than the values
        if len(merged) != size + len(self._names):
            self._check_names(entity)
        return merged

    def _check_names(self, names: Any) -> None:
        for name in names:
            if str(name).casefold() in self._taken:
                message = f"the entities have a column `{name}`, as the feature has"
                hint = "rename the column, or do not ask for the feature's"
                raise _problem("MF062", message, hint)


def _frame_of(entities: Any) -> LabelFrame:
    scalar = entities is None or isinstance(entities, str | bytes | int | float | set)
    frame = None if scalar else label_frame(entities, noun="entities")
    if frame is None:
        message = f"entities cannot be a {type(entities).__name__}"
        hint = "give a mapping, a list of mappings, or a pandas, polars or pyarrow frame"
        raise _problem("MF084", message, hint)
    return frame


def _at(number: int | None) -> str:
    return "" if number is None else f" (entity {number + 1})"


def _and(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return " and ".join([", ".join(quoted[:-1])] * (len(quoted) > 1) + quoted[-1:])


def _problem(code: str, message: str, hint: str) -> OnlineError:
    return OnlineError([Diagnostic(code, message, hint=hint)])
