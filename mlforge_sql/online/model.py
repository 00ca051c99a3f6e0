"""What every online store understands: lookups, and what there is to say about a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Protocol, TypeAlias

from mlforge_sql.durations import Duration
from mlforge_sql.errors import Diagnostic, OnlineError
from mlforge_sql.plan.nodes import JoinedColumn
from mlforge_sql.project.model import KeyColumn, Requested

Key = tuple[Any, ...]
"""The values of all key columns of a lookup, for one entity."""

Row = tuple[Any, ...]
"""The values of all columns of a lookup, for one entity."""

Say = Callable[[str], None]
"""Takes a line about what is going on."""


@dataclass(frozen=True, slots=True)
class Served:
    """A feature as it is served.

    Attributes:
        name: Its name.
        keys: Its join keys.
        columns: Its columns, all or those that somebody asks for.
        ttl: How old a row may be when it is used.
        spec_hash: Hash of its definition.
    """

    name: str
    keys: tuple[KeyColumn, ...]
    columns: tuple[JoinedColumn, ...]
    ttl: Duration | None
    spec_hash: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """Columns of features that are read together.

    Attributes:
        features: The features, each with the columns that are read.
        keys: The different key columns of all of them.
        names: Names of the values, ``<feature>__<column>``.
        requests: What was asked for.
    """

    features: tuple[Served, ...]
    keys: tuple[KeyColumn, ...]
    names: tuple[str, ...]
    requests: tuple[Requested, ...]

    @property
    def columns(self) -> tuple[JoinedColumn, ...]:
        """The columns that the values come from."""
        return tuple(column for feature in self.features for column in feature.columns)

    def positions(self, feature: Served) -> tuple[int, ...]:
        """Where the keys of a feature are among the keys of the lookup."""
        names = [key.name.casefold() for key in self.keys]
        return tuple(names.index(key.name.casefold()) for key in feature.keys)


class Reader(Protocol):
    """Reads the values of one lookup; may be used by several threads at once."""

    def read(self, keys: Sequence[Key], at: datetime) -> list[Row]:
        """The values of each entity at an instant, in the order of the keys.

        Args:
            keys: Values of the lookup's key columns; a NULL finds nothing.
            at: The instant, in UTC and without a time zone.

        Raises:
            OnlineError: The store cannot be reached, or does not have what is asked for.
        """
        ...


@dataclass(frozen=True, slots=True)
class TableStatus:
    """What an online store has of a feature.

    Attributes:
        feature: Name of the feature.
        state: ``current``, ``behind`` the offline build, of an ``older definition``,
            ``not synced``, or ``not in the project``.
        rows: Rows in its table, from the one that held at ``as_of`` on.
        as_of: Values are exact from here on.
        synced_at: When the table was filled.
        run_id: dbt's id of the build that the rows come from.
        detail: What else there is to say.
    """

    feature: str
    state: str
    rows: int | None = None
    as_of: datetime | None = None
    synced_at: datetime | None = None
    run_id: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync did, or would do, with one feature.

    Attributes:
        feature: Name of the feature.
        action: ``loaded``, ``unchanged`` or ``failed``; where a pipeline does it and is not waited
            for, ``published``, ``updating`` or ``running``. When it was only asked: ``load``,
            ``publish`` or ``update``.
        reason: Why.
        rows: Rows in the table now.
        seconds: How long it took.
        problem: What went wrong.
        table: The online table, where a feature can have several.
    """

    feature: str
    action: str
    reason: str
    rows: int | None = None
    seconds: float = 0.0
    problem: Diagnostic | None = None
    table: str | None = None


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """How to sync.

    Attributes:
        as_of: Values must be exact from here on; an instant in UTC without a time zone.
        dry_run: Only say what would be done.
        full_refresh: Load tables again that have not changed.
        wait_seconds: How long to wait for another sync of the same table.
        say: Takes lines about what is going on.
    """

    as_of: datetime
    dry_run: bool = False
    full_refresh: bool = False
    wait_seconds: float = 600.0
    say: Say = field(default=lambda _text: None)


class Truth(Protocol):
    """Values that online values can be compared with."""

    def reader(self, lookup: Lookup) -> Reader:
        """A reader for a lookup."""
        ...

    def sample(self, feature: Served, rows: int, seed: int) -> list[Key]:
        """Some entities of a feature; the same for the same seed."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class OnlineStore(Protocol):
    """An online store of a profile.

    Attributes:
        profile: Name of the profile.
        kind: Its ``KIND``.
    """

    profile: str
    kind: str

    def reader(self, lookup: Lookup) -> Reader:
        """A reader for a lookup, to be kept and used again."""
        ...

    def sync(self, features: Sequence[Served], options: SyncOptions) -> Iterator[Synced]:
        """Bring tables up to date, one after the other."""
        ...

    def status(self, features: Sequence[Served]) -> Sequence[TableStatus]:
        """What the store has of these features, then what else it has."""
        ...

    def sample(self, feature: Served, rows: int, seed: int) -> list[Key]:
        """Some entities of a feature that the store has rows of; the same for the same seed."""
        ...

    def stored(self, features: Sequence[str]) -> list[str]:
        """The features, these or others, that the store has a table of."""
        ...

    def delete(self, features: Sequence[str]) -> list[str]:
        """Remove the tables of features; the names of those that were there."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


def utc_now() -> datetime:
    """The present instant, in UTC and without a time zone."""
    return datetime.now(UTC).replace(tzinfo=None)


Instant: TypeAlias = datetime | date | str
"""An instant as callers give it: text is ISO 8601; what has no time zone is UTC."""


def as_instant(value: Instant) -> datetime:
    """An instant in UTC without a time zone; one that has none is in UTC already, a date its midnight.

    Raises:
        OnlineError: It is none.

    Examples:
        >>> as_instant("2015-06-01"), as_instant("2015-06-01T02:00:00+02:00")
        (datetime.datetime(2015, 6, 1, 0, 0), datetime.datetime(2015, 6, 1, 0, 0))
    """
    found = _datetime(value)
    if found is None or found != found:  # noqa: PLR0124 - pandas' NaT is a datetime that equals nothing
        message = f"`{value}` is not an instant"
        hint = "give a datetime, a date or ISO text, such as 2024-01-31T12:00:00Z"
        raise OnlineError([Diagnostic("MF119", message, hint=hint)])
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def _datetime(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    try:
        return datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
    except ValueError:
        return None
