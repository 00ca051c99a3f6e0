"""Lookups through a SQL warehouse while the store itself cannot be reached: slow, and exact."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from mlforge_sql.errors import MlforgeError, OnlineError, RetrievalError, SpecErrors
from mlforge_sql.online.databricks.reading import UnreachableError
from mlforge_sql.online.model import Key, Lookup, Reader, Row, Truth

AGAIN_SECONDS = 30.0
"""How long the store is left alone after it could not be reached."""

_LOG = logging.getLogger("mlforge_sql")


@dataclass
class Fallback:
    """The feature tables on a SQL warehouse, opened when they are first needed.

    One session serves all threads, one after the other.

    Attributes:
        warehouse_id: The warehouse.
        open: Opens them.
        clock: Seconds that only grow.
    """

    warehouse_id: str
    open: Callable[[], Truth]
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _truth: Truth | None = field(default=None, repr=False)
    _until: float = field(default=float("-inf"), repr=False)

    @property
    def is_on(self) -> bool:
        """Whether the store could not be reached a moment ago."""
        return self.clock() < self._until

    def turn_on(self, error: OnlineError) -> None:
        """Leave the store alone for a while, and say so."""
        if not self.is_on:
            _LOG.warning(
                "%s; lookups go through SQL warehouse %s, which is slow, for %d s",
                error.diagnostics[0].message,
                self.warehouse_id,
                AGAIN_SECONDS,
            )
        self._until = self.clock() + AGAIN_SECONDS

    def turn_off(self) -> None:
        """Try the store again at once: the warehouse does not help."""
        self._until = float("-inf")

    def read(self, lookup: Lookup, keys: Sequence[Key], at: datetime) -> list[Row]:
        """The values of entities; with a new session where the old one has ended.

        Raises:
            RetrievalError: The warehouse does not answer, or refuses.
            SpecErrors: The environment is not as the profile needs it.
        """
        with self._lock:
            if self._truth is not None:
                try:
                    return self._truth.reader(lookup).read(keys, at)
                except RetrievalError:
                    self._drop()
            self._truth = self.open()
            return self._truth.reader(lookup).read(keys, at)

    def close(self) -> None:
        """End the session."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        truth, self._truth = self._truth, None
        if truth is not None:
            with suppress(MlforgeError):
                truth.close()


@dataclass(frozen=True)
class FallbackReader:
    """Reads one lookup from the store, or through a warehouse while that cannot be reached.

    Attributes:
        lookup: What to read.
        first: Reads it from the store.
        second: Reads it where the store cannot be reached.
    """

    lookup: Lookup
    first: Reader
    second: Fallback

    def read(self, keys: Sequence[Key], at: datetime) -> list[Row]:
        """The values of each entity at an instant; see ``Reader.read``."""
        problem: OnlineError | None = None
        if not self.second.is_on:
            try:
                return self.first.read(keys, at)
            except UnreachableError as error:
                problem = error
                self.second.turn_on(error)
        try:
            return self.second.read(self.lookup, keys, at)
        except SpecErrors as error:
            self.second.turn_off()
            found = [*(problem.diagnostics if problem else ()), *error.diagnostics]
            raise OnlineError(found) from None
