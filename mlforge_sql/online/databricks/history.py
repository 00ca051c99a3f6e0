"""How far an online table is behind its source: the source's Delta history, read without I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_MAINTENANCE = re.compile(
    r"^(OPTIMIZE|VACUUM|SET TBLPROPERTIES|UNSET TBLPROPERTIES|ADD CONSTRAINT|DROP CONSTRAINT|"
    r"ADD COLUMNS?|CHANGE COLUMNS?|RENAME COLUMN|DROP COLUMNS?|SET COLUMN|CLUSTER BY|REORG|"
    r"UPGRADE PROTOCOL|DROP FEATURE|ADD FEATURE|COMPUTE STATISTICS|ANALYZE|SYNC IDENTITY|COMMENT|"
    r"SET TAGS|UNSET TAGS|DOMAIN METADATA|ALTER|FSCK|ROW TRACKING|CREATE TABLE$|CREATE OR REPLACE TABLE$|"
    r"REPLACE TABLE$)"
)
"""Operations that change no rows; what is not known counts as one that does."""

_ROWS = (
    "numTargetRowsInserted",
    "numTargetRowsUpdated",
    "numTargetRowsDeleted",
)
_MERGE = "MERGE"


@dataclass(frozen=True, slots=True)
class Commit:
    """A version of a Delta table.

    Attributes:
        version: Its number.
        operation: What made it.
        metrics: What that counted.
    """

    version: int
    operation: str
    metrics: Mapping[str, Any]

    @property
    def changes_data(self) -> bool:
        """Whether rows may be others than before."""
        if _MAINTENANCE.match(self.operation):
            return False
        return self.rows != 0

    @property
    def rows(self) -> int | None:
        """How many rows it wrote, changed or deleted; None when it did not count them."""
        names = _ROWS if self.operation == _MERGE else _counted(self.operation)
        found = [int(self.metrics[name]) for name in names if name in self.metrics]
        return sum(found) if found else None


def _counted(operation: str) -> tuple[str, ...]:
    match operation:
        case "DELETE" | "TRUNCATE":
            return ("numDeletedRows",)
        case "UPDATE":
            return ("numUpdatedRows",)
        case _:
            return ("numOutputRows",)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far an online table is behind.

    Attributes:
        versions: Versions with other rows that it does not have.
        rows: Rows that those wrote, changed or deleted; None when one of them did not count.
    """

    versions: int
    rows: int | None


def lag(history: Iterable[Commit], processed: int | None) -> Lag:
    """How far an online table is behind the history of its source.

    Args:
        history: The commits that are known, in any order.
        processed: The version that is online; None when there is none.

    Examples:
        >>> merge = Commit(3, "MERGE", {"numTargetRowsInserted": "2", "numTargetRowsUpdated": "1"})
        >>> lag([merge, Commit(4, "OPTIMIZE", {})], 2), lag([merge], 3)
        (Lag(versions=1, rows=3), Lag(versions=0, rows=0))
    """
    missing = [
        commit
        for commit in history
        if commit.changes_data and (processed is None or commit.version > processed)
    ]
    counts = [commit.rows for commit in missing]
    known = [count for count in counts if count is not None]
    return Lag(len(missing), sum(known) if len(known) == len(counts) else None)


def commits(rows: Iterable[tuple[Any, Any, Any]]) -> list[Commit]:
    """Commits from rows of version, operation and metrics: a map, pairs, JSON text or nothing."""
    return [Commit(int(version), str(name), _metrics(found)) for version, name, found in rows]


def _metrics(found: Any) -> Mapping[str, Any]:
    if isinstance(found, str):
        found = json.loads(found)
    return dict(found) if found else {}
