"""Connections that are kept and shared among threads, without a thread of their own."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import errors

from mlforge_sql.errors import MlforgeError
from mlforge_sql.online.postgres.address import Connectable

Connection = psycopg.Connection[tuple[Any, ...]]

_SESSION = "set timezone = 'UTC'; set plan_cache_mode = force_generic_plan; set jit = off; set statement_timeout = '30s'"
"""Instants are UTC; a lookup's plan is made once, not again for every few values."""


class PoolTimeoutError(psycopg.OperationalError):
    """Every connection stayed in use for too long."""


class Pool:
    """Up to so many connections, the one used last first.

    Args:
        address: Where to connect to.
        size: How many connections may be open at once.
        timeout_seconds: How long a thread waits for one.
    """

    def __init__(self, address: Connectable, size: int, timeout_seconds: float = 10.0) -> None:
        self._address = address
        self._size = size
        self._timeout = timeout_seconds
        self._reset()

    def _reset(self) -> None:
        self._owner = os.getpid()
        self._free = threading.Semaphore(self._size)
        self._idle: deque[Connection] = deque()
        self._finalizer = weakref.finalize(self, _close_all, self._idle, self._owner)

    def run(self, work: Callable[[Connection], Any]) -> Any:
        """Do something that only reads, once more with a new connection when the old one is dead.

        Args:
            work: What to do with a connection in autocommit mode.

        Raises:
            psycopg.Error: Of the driver.
            PoolTimeoutError: No connection became free.
        """
        if os.getpid() != self._owner:  # after a fork; the connections belong to the parent
            _disown(self._idle)
            self._reset()
        if not self._free.acquire(timeout=self._timeout):
            raise PoolTimeoutError(f"all {self._size} connections were in use for too long")
        try:
            return self._run(work)
        finally:
            self._free.release()

    def _run(self, work: Callable[[Connection], Any]) -> Any:
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._kept(connect(self._address), work)
        try:
            return self._kept(connection, work)
        except (psycopg.OperationalError, psycopg.InterfaceError, errors.FeatureNotSupported):
            if not connection.closed:
                raise
        _close_all(self._idle, self._owner)  # what this one met, the others would
        return self._kept(connect(self._address), work)

    def _kept(self, connection: Connection, work: Callable[[Connection], Any]) -> Any:
        """Do it, and keep the connection unless it is broken."""
        try:
            result = work(connection)
        except errors.FeatureNotSupported:  # a table has other types than when it was prepared
            connection.close()
            raise
        except (psycopg.Error, MlforgeError):
            if not connection.closed:
                self._idle.append(connection)
            raise
        except BaseException:
            connection.close()  # what state it is in is not known
            raise
        self._idle.append(connection)
        return result

    def close(self) -> None:
        """Close the connections that are not in use."""
        _close_all(self._idle, self._owner)

    @property
    def idle(self) -> int:
        """How many connections are open and not in use."""
        return len(self._idle)


def connect(address: Connectable, *, reading: bool = True) -> Connection:
    """A new connection in autocommit mode, in UTC.

    Args:
        address: Where to.
        reading: Whether it is for lookups.

    Raises:
        psycopg.OperationalError: The server does not answer, or refuses.
    """
    connection = psycopg.connect(**address.parameters, autocommit=True)
    try:
        connection.execute(_SESSION if reading else "set timezone = 'UTC'")
    except BaseException:
        connection.close()
        raise
    return connection


def _close_all(idle: deque[Connection], owner: int) -> None:
    if os.getpid() != owner:
        _disown(idle)
        return
    while idle:
        try:
            idle.pop().close()
        except IndexError:  # another thread took it
            return


def _disown(idle: deque[Connection]) -> None:
    """Let go of the parent's connections without a word to the server."""
    while idle:
        connection = idle.pop()
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a descriptor is what is wanted
            os.dup2(nothing.fileno(), connection.fileno())
        connection.close()
