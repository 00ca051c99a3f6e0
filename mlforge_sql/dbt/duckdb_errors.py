"""What DuckDB says, in a run of dbt or to Python, with the next step, where we know it."""

from __future__ import annotations

import re

from mlforge_sql.databricks_workspace.explanations import Explanation
from mlforge_sql.dbt.holding import conflict
from mlforge_sql.errors import Diagnostic

_MEMORY = re.compile(
    r"Out of Memory Error: .*?(?:\(([\d.]+ \w+)/([\d.]+ \w+) used\)|$)", re.MULTILINE
)
_SPILL = re.compile(r"max_temp_directory_size|No space left on device")


def explain(text: str) -> Explanation | None:
    """An error of DuckDB in plain words; None for one that we have no words for."""
    held = conflict(text)
    if held is not None:
        return Explanation(held.code, held.message, held.hint or "")
    return _used_up(text)


def no_room(error: Exception) -> Diagnostic | None:
    """That memory or the disk was used up, and what to set; None for any other error of DuckDB.

    Args:
        error: What DuckDB raised.
    """
    found = _used_up(str(error))
    return Diagnostic(found.code, found.message, hint=found.hint) if found else None


def _used_up(text: str) -> Explanation | None:
    if _SPILL.search(text):
        return Explanation(
            "MF147",
            "there was no room for what does not fit into memory",
            "give the profile another folder, `settings: {temp_directory: ...}`, or make room",
        )
    memory = _MEMORY.search(text)
    if memory is None:
        return None
    limit = f" of {memory[2]}" if memory[2] else ""
    return Explanation(
        "MF147",
        f"DuckDB has used up its memory{limit}",
        "raise `memory_limit` in the settings of the profile, or lower `threads` in them",
    )
