"""Join keys: columns of the source, or surrogate keys computed from its columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mlforge_sql.errors import Diagnostic, Location, suggest
from mlforge_sql.project.model import KeyColumn
from mlforge_sql.project.scope import Columns
from mlforge_sql.spec.entity import Entity
from mlforge_sql.spec.feature import Feature
from mlforge_sql.spec.specs import Located
from mlforge_sql.types import TEXT, Kind, next_step

KEY_KINDS = frozenset({Kind.TEXT, Kind.INTEGER, Kind.BOOLEAN, Kind.DATE, Kind.DECIMAL})
"""Types whose text is the same on every engine."""

MAX_SCALE = 38
"""A decimal with all its digits after the point leaves no room for the zero before it."""

RESERVED_COLUMNS = frozenset(
    {
        "feature_timestamp",
        "tick",
        "mlforge_tick",
        "mlforge_rank",
        "mlforge_until",
        "mlforge_early",
        "is_change_point",
    }
)
"""Names that the compiled SQL uses itself."""

_RESERVED_PATTERN = re.compile(r"(std_of_|variance_of_)?observed_[0-9]+.*")


def is_reserved(name: str) -> bool:
    """Whether the compiled SQL uses a name itself."""
    folded = name.casefold()
    return folded in RESERVED_COLUMNS or _RESERVED_PATTERN.fullmatch(folded) is not None


class KeyResolver:
    """Finds out where each join key comes from in a source."""

    def __init__(self, entities: Iterable[Located[Entity]], problems: list[Diagnostic]) -> None:
        self._entities = {item.spec.name: item for item in entities}
        self._problems = problems
        self._surrogates = {
            item.spec.join_key[0].casefold(): item
            for item in self._entities.values()
            if item.spec.from_columns
        }
        self._check_surrogates()

    def _check_surrogates(self) -> None:
        """One join key is computed in one way."""
        for item in self._entities.values():
            other = self._surrogates.get(item.spec.join_key[0].casefold())
            if not item.spec.from_columns or other is None or other is item:
                continue
            if _folded(other.spec.from_columns) != _folded(item.spec.from_columns):
                message = f"`{item.spec.join_key[0]}` is computed from other columns by entity `{other.spec.name}`"
                hint = "use the same `from_columns`, or another join key"
                self._problems.append(Diagnostic("MF017", message, item.origin.at(), hint))

    @property
    def personal(self) -> dict[str, str]:
        """Case-folded source column of a surrogate key to the entity's name."""
        return {
            name.casefold(): item.spec.name
            for item in self._entities.values()
            for name in item.spec.from_columns
        }

    def keys_of(self, feature: Located[Feature], columns: Columns) -> tuple[KeyColumn, ...] | None:
        """The join keys of a feature's entities; None when one cannot be had (it is noted)."""
        found: dict[str, KeyColumn] = {}
        complete = True
        for index, name in enumerate(feature.spec.entities):
            place = feature.origin.at("entities", index)
            entity = self._entities.get(name)
            if entity is None:
                hint = suggest(name, list(self._entities))
                self._problems.append(Diagnostic("MF020", f"unknown entity `{name}`", place, hint))
                complete = False
                continue
            for key in entity.spec.join_key:
                column = self._key(key, entity, columns, place)
                complete = complete and column is not None
                if column is not None:
                    found.setdefault(key.casefold(), column)
        return tuple(found.values()) if complete else None

    def _key(
        self, name: str, entity: Located[Entity], columns: Columns, place: Location
    ) -> KeyColumn | None:
        if is_reserved(name):
            message = f"`{name}` cannot be a join key: compiled tables use the name"
            self._problems.append(
                Diagnostic("MF036", message, entity.origin.at("join_key"), "rename the key")
            )
            return None
        surrogate = self._surrogates.get(name.casefold())
        if surrogate is not None and all(part in columns for part in surrogate.spec.from_columns):
            return self._surrogate(name, surrogate, columns)
        if name in columns:
            return self._plain(name, entity, columns)
        missing = (
            [part for part in surrogate.spec.from_columns if part not in columns]
            if surrogate
            else []
        )
        if surrogate is None:
            message = f"unknown column `{name}`, the join key of `{entity.spec.name}`"
            hint = suggest(name, columns.names) + "; or compute it with `from_columns`"
        else:
            message = f"unknown column `{missing[0]}`, which `{name}` of `{surrogate.spec.name}` is computed from"
            hint = suggest(missing[0], columns.names)
        self._problems.append(Diagnostic("MF022", message, place, hint))
        return None

    def _plain(self, name: str, entity: Located[Entity], columns: Columns) -> KeyColumn | None:
        kind = columns.type(name)
        if kind.family in KEY_KINDS:
            return KeyColumn(name, kind)
        message = f"join key `{name}` is {kind}, which does not compare exactly on every engine"
        hint = next_step(kind, "use a text, integer, boolean, date or decimal column")
        self._problems.append(Diagnostic("MF033", message, entity.origin.at("join_key"), hint))
        return None

    def _surrogate(self, name: str, entity: Located[Entity], columns: Columns) -> KeyColumn | None:
        if name in columns:
            message = f"the source has both `{name}` and the columns it is computed from"
            hint = "drop `from_columns`, or rename the source's column in a dbt model"
            self._problems.append(
                Diagnostic("MF034", message, entity.origin.at("from_columns"), hint)
            )
            return None
        fits = [
            self._part_fits(part, index, entity, columns)
            for index, part in enumerate(entity.spec.from_columns)
        ]
        parts = tuple(
            (columns.spelling(part), columns.type(part)) for part in entity.spec.from_columns
        )
        return KeyColumn(name, TEXT, parts) if all(fits) else None

    def _part_fits(self, part: str, index: int, entity: Located[Entity], columns: Columns) -> bool:
        kind = columns.type(part)
        if kind.family in KEY_KINDS and kind.scale < MAX_SCALE:
            return True
        message = (
            f"`{part}` is {kind}: its text is not the same everywhere, so no key can be made of it"
        )
        hint = next_step(kind, "use text, integer, boolean, date or decimal columns")
        self._problems.append(
            Diagnostic("MF033", message, entity.origin.at("from_columns", index), hint)
        )
        return False


def _folded(names: Iterable[str]) -> list[str]:
    return [name.casefold() for name in names]


def merge_keys(keys: Iterable[Sequence[KeyColumn]]) -> tuple[KeyColumn, ...]:
    """The different keys of several features, in order of first use."""
    return tuple({key.name.casefold(): key for group in keys for key in group}.values())
