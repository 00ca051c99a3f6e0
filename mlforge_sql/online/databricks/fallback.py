"""Lookups through a SQL warehouse while the store itself cannot be reached: slow, and exact."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from mlforge_sql.errors import Diagnostic, MlforgeError, OnlineError, RetrievalError, SpecErrors
from mlforge_sql.online.databricks.reading import PastHorizonError, UnreachableError
from mlforge_sql.online.model import Key, Lookup, Reader, Row, Truth

AGAIN_SECONDS = 30.0
"""How long the store is left alone after it could not be reached."""

WAIT_SECONDS = 30.0
"""How long a lookup waits for the others that go through the warehouse."""

_LOG = logging.getLogger("mlforge_sql")


@dataclass
class Fallback:
    """The feature tables on a SQL warehouse, opened when they are first needed.

    One session serves all threads, one after the other.

    Attributes:
        warehouse_id: The warehouse.
        open: Opens them.
        clock: Seconds that only grow.
        past_horizon: Whether it is also read for instants past the horizon of the last build.
    """

    warehouse_id: str
    open: Callable[[], Truth]
    clock: Callable[[], float] = time.monotonic
    past_horizon: bool = False
    _owner: int = field(default_factory=os.getpid, repr=False)
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

    def _turn_off(self) -> None:
        """Try the store again at once: the warehouse does not help."""
        self._until = float("-inf")

    def read(self, lookup: Lookup, keys: Sequence[Key], at: datetime) -> list[Row]:
        """The values of entities; with a new session where the old one has ended.

        Raises:
            RetrievalError: The warehouse does not answer, or refuses.
            SpecErrors: The environment is not as the profile needs it.
        """
        if os.getpid() != self._owner:  # after a fork; the session belongs to the parent
            self._owner, self._lock, self._truth = os.getpid(), threading.Lock(), None
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            message = (
                f"SQL warehouse {self.warehouse_id} is busy with other lookups of this process"
            )
            raise OnlineError([Diagnostic("MF081", message, hint="try again")])
        try:
            return self._read(lookup, keys, at)
        finally:
            self._lock.release()

    def _read(self, lookup: Lookup, keys: Sequence[Key], at: datetime) -> list[Row]:
        if self._truth is not None:
            try:
                return self._truth.reader(lookup).read(keys, at)
            except RetrievalError:  # the session may have ended, or the lookup be wrong
                self._drop()
        try:
            self._truth = self.open()
        except SpecErrors:
            self._turn_off()
            raise
        return self._truth.reader(lookup).read(keys, at)

    def close(self) -> None:
        """End the session; one that is in use ends with its process."""
        if os.getpid() == self._owner and self._lock.acquire(timeout=WAIT_SECONDS):
            self._drop()
            self._lock.release()

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
            except PastHorizonError as error:
                if not self.second.past_horizon:
                    raise
                problem = error
        try:
            return self.second.read(self.lookup, keys, at)
        except SpecErrors as error:
            found = [*(problem.diagnostics if problem else ()), *error.diagnostics]
            raise OnlineError(found) from None
