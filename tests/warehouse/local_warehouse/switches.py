"""Failures on demand: stop in the middle of a run, be slow, answer that it is unavailable."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Switches:
    """What the next statements meet; all off at the start."""

    stop_at: str | None = None
    stop_after: int | None = None
    delay_seconds: float = 0.0
    unavailable: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def before(self, sql: str) -> None:
        """Stop the whole warehouse, or wait, before a statement runs."""
        if self.delay_seconds:
            time.sleep(self.delay_seconds)
        with self._lock:
            if self.stop_after is not None:
                self.stop_after -= 1
            ended = self.stop_after is not None and self.stop_after < 0
        if ended or (self.stop_at and self.stop_at.lower() in sql.lower()):
            os.kill(os.getpid(), signal.SIGKILL)  # as a crash: nobody gets an answer

    def take_unavailable(self) -> bool:
        """Must this request be answered with 503."""
        with self._lock:
            if self.unavailable <= 0:
                return False
            self.unavailable -= 1
            return True

    def off(self) -> None:
        """All switches off."""
        self.stop_at = self.stop_after = None
        self.delay_seconds, self.unavailable = 0.0, 0
