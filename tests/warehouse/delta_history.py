"""What the history of a Delta table says of its rows."""

from __future__ import annotations

MAINTENANCE = frozenset(
    {
        "OPTIMIZE",
        "SET TBLPROPERTIES",
        "UNSET TBLPROPERTIES",
        "ADD CONSTRAINT",
        "DROP CONSTRAINT",
        "ADD COLUMNS",
        "CHANGE COLUMN",
        "CHANGE COLUMNS",
        "CLUSTER BY",
        "UPGRADE PROTOCOL",
        "VACUUM START",
        "VACUUM END",
    }
)
"""Operations that change no row."""
