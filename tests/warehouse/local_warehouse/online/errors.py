"""Why a copy failed, in the words of the synced table's error class."""

from __future__ import annotations


class SyncError(Exception):
    """A copy that cannot be made; the text becomes the table's message."""

    def __init__(self, condition: str, text: str) -> None:
        super().__init__(f"[SYNCED_TABLE_USER_ERROR.{condition}] {text}")


def replaced(expected: str, found: str) -> Exception:
    """The source has become another table, as a Delta stream words it."""
    return Exception(
        "[DIFFERENT_DELTA_TABLE_READ_BY_STREAMING_SOURCE] The streaming query was reading from an "
        f"unexpected Delta table (id = '{found}'). It used to read from another Delta table "
        f"(id = '{expected}') according to checkpoint. This may happen when you deleted and "
        "re-created a table. Start an update with full_refresh to read it from scratch."
    )


def duplicates(table: str, detail: str) -> SyncError:
    """Two rows with one key."""
    return SyncError(
        "PRIMARY_KEY_CONSTRAINT_VIOLATION",
        f"Duplicate rows detected based on primary key of {table}. Detail: {detail}. This likely "
        "indicates a misconfiguration of primary key columns. Please verify that you are using "
        "the correct set of primary keys from the source Delta table.",
    )
