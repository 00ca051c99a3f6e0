"""How far a table is behind: which commits count."""

from __future__ import annotations

import pytest

from mlforge_sql.online.databricks.history import Commit, Lag, commits, lag

MERGED = {"numTargetRowsInserted": "1", "numTargetRowsUpdated": "2", "numTargetRowsDeleted": "3"}
NOTHING = dict.fromkeys(MERGED, "0")


@pytest.mark.parametrize(
    ("operation", "metrics", "changes"),
    [
        ("MERGE", MERGED, True),
        ("MERGE", NOTHING, False),
        ("WRITE", {"numOutputRows": "5"}, True),
        ("CREATE OR REPLACE TABLE AS SELECT", {"numOutputRows": "5"}, True),
        ("CREATE TABLE AS SELECT", {"numOutputRows": "5"}, True),
        ("DELETE", {"numDeletedRows": "1"}, True),
        ("DELETE", {"numDeletedRows": "0"}, False),
        ("UPDATE", {"numUpdatedRows": "1"}, True),
        ("STREAMING UPDATE", {"numOutputRows": "1"}, True),
        ("RESTORE", {}, True),
        ("SOMETHING OF TOMORROW", {}, True),
        ("CREATE TABLE", {}, False),
        ("OPTIMIZE", {"numRemovedFiles": "2"}, False),
        ("SET TBLPROPERTIES", {}, False),
        ("ADD CONSTRAINT", {}, False),
        ("DROP CONSTRAINT", {}, False),
        ("CLUSTER BY", {}, False),
        ("ADD COLUMNS", {}, False),
        ("CHANGE COLUMN", {}, False),
        ("VACUUM START", {}, False),
        ("VACUUM END", {}, False),
    ],
)
def test_what_changes_rows(operation: str, metrics: dict[str, str], changes: bool) -> None:
    assert Commit(1, operation, metrics).changes_data == changes


def test_versions_and_rows() -> None:
    history = [
        Commit(5, "OPTIMIZE", {}),
        Commit(4, "MERGE", MERGED),
        Commit(3, "ADD CONSTRAINT", {}),
        Commit(2, "WRITE", {"numOutputRows": "10"}),
        Commit(1, "MERGE", NOTHING),
        Commit(0, "CREATE TABLE AS SELECT", {"numOutputRows": "100"}),
    ]
    assert lag(history, 5) == lag(history, 4) == Lag(0, 0)
    assert lag(history, 3) == Lag(1, 6)
    assert lag(history, 1) == Lag(2, 16)
    assert lag(history, None) == Lag(3, 116)
    assert lag([*history, Commit(6, "RESTORE", {})], 3) == Lag(2, None), "one did not count"


def test_metrics_come_in_several_forms() -> None:
    rows = [(3, "MERGE", '{"numTargetRowsInserted":"2"}'), (2, "WRITE", [("numOutputRows", "1")])]
    assert [item.rows for item in commits([*rows, (1, "WRITE", None)])] == [2, 1, None]
