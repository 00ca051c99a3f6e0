"""Every statement as one line of JSON: who took it, how long it took, how it ended."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class LoggedStatement:
    """One statement; `route` is `spark` or the name of the rule that took it."""

    sql: str
    route: str
    seconds: float
    session: str
    error: str | None = None
    state: str | None = None
    at: float = field(default_factory=time.time)


class StatementLog:
    """A file that grows by a line per statement."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text("", "utf-8")

    def add(self, statement: LoggedStatement) -> None:
        line = json.dumps(asdict(statement), ensure_ascii=False)
        with self._lock, self._file.open("a", encoding="utf-8") as lines:
            lines.write(line + "\n")
