"""Rows with marked values that the server refuses: it quotes them, and we do not."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from click.testing import CliRunner

from mlforge_sql.cli import main
from mlforge_sql.online.rows import needed_rows

MARKS = ("Q7X", "8814711", "2031-07-17")
USER, TIME = "Q7Xuser", "2031-07-17 00:00:00"
GOOD = (USER, TIME, "8814711.25", "8814711")
LONG = "Q7X" + random.Random(7).randbytes(9000).hex()

REFUSED: dict[str, list[tuple[str | None, ...]]] = {
    "a number that is none": [(USER, TIME, "Q7Xamount", "8814711")],
    "a number out of range": [(USER, TIME, "8814711e999", "8814711")],
    "an integer that is none": [(USER, TIME, "1", "8814711.5")],
    "a time that is none": [(USER, "Q7Xtime 2031-07-17", "1", "1")],
    "a key twice": [GOOD, GOOD],
    "a key of NULL": [(None, TIME, "8814711.25", "8814711")],
    "a column too many": [(*GOOD, "Q7Xmore")],
    "a column too few": [(USER, TIME, "8814711.25")],
    "a NUL": [("Q7X\0", *GOOD[1:])],
    "a key too long": [(LONG, *GOOD[1:])],
}


def test_the_server_would_show_them(dsn: str) -> None:
    """Or this would be a test of nothing."""
    with psycopg.connect(dsn) as sql, sql.cursor() as cursor:
        cursor.execute("create table planted (x text primary key, y double precision not null)")
        copy = cursor.copy("copy planted from stdin (format csv)")
        with pytest.raises(psycopg.Error) as error, copy as rows:
            rows.write("Q7Xuser,Q7Xamount\n")
    assert str(error.value).count("Q7Xamount") == 2


@pytest.mark.parametrize("rows", REFUSED.values(), ids=REFUSED)
def test_a_sync_that_fails(
    built: Path, dsn: str, rows: list[tuple[str | None, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def needed(offline: Any, feature: Any, since: Any) -> pa.RecordBatchReader:
        if feature.name != "last":
            return needed_rows(offline, feature, since)
        columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
        names = [f"c{number}" for number in range(len(columns))]
        return pa.table(columns, names=names).to_reader()

    monkeypatch.setattr("mlforge_sql.online.postgres.syncing.needed_rows", needed)
    command = ["--project-dir", str(built), "online", "sync", "--profile", "pg"]
    for form in ((), ("--json",)):
        shown = CliRunner(env={"COLUMNS": "400"}).invoke(main, [*command, "--full-refresh", *form])
        assert shown.exit_code == 1, shown.output
        assert "error[MF086]: " in shown.stderr
        assert "feature `last`" in shown.stderr
        assert [mark for mark in MARKS if mark in shown.output] == []
        assert LONG[100:200] not in shown.output
    with psycopg.connect(dsn) as sql:
        kept = sql.execute(
            "select relname from pg_class where relname = 'last' or relname like '\\_mlforge\\_new%'"
        ).fetchall()
    assert kept == []
