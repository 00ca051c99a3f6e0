"""Commands that are ended while they wait for a server: one line, the exit code, the old state."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
import served

from mlforge_sql.api.project import LoadedProject
from online.conftest import AS_OF

HERE = "select count(*) from pg_stat_activity where datname = current_database()"  # other tests have others
WAITING = f"{HERE} and wait_event_type = 'Lock'"
SESSIONS = f"{HERE} and application_name = 'mlforge'"
STATE = "select relname, oid from pg_class where relnamespace = 'mlforge_online'::regnamespace order by 1"


def start(root: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    # a shell that starts the tests in the background has them ignore it, and so would the command
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-m", "mlforge_sql.cli", "--project-dir", str(root), *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    )


def wait_for(sql: psycopg.Connection[Any], query: str, count: int) -> None:
    deadline = time.monotonic() + 60
    while sql.execute(query).fetchone() != (count,):
        assert time.monotonic() < deadline, query
        time.sleep(0.05)


def ended(process: subprocess.Popen[str], number: signal.Signals) -> None:
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    word = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    assert said.splitlines()[-1] == f"{word}: nothing of it runs any more", said
    assert "Traceback" not in said
    assert process.returncode == 128 + number


@pytest.mark.parametrize(
    ("number", "command"),
    [
        (signal.SIGINT, ("online", "sync", "--profile", "pg", "--full-refresh")),
        (signal.SIGTERM, ("online", "sync", "--profile", "pg", "--full-refresh")),
        (signal.SIGHUP, ("online", "sync", "--profile", "pg", "--full-refresh")),
        (signal.SIGINT, ("online", "check", "--profile", "pg")),
        (signal.SIGTERM, ("online", "check", "--profile", "pg")),
    ],
)
def test_what_waits_in_the_server_ends(
    built: Path, project: LoadedProject, dsn: str, number: signal.Signals, command: tuple[str, ...]
) -> None:
    served.sync(project, AS_OF)
    project.serving.close()
    with psycopg.connect(dsn, autocommit=True) as sql, psycopg.connect(dsn) as other:
        before = sql.execute(STATE).fetchall()
        other.execute("lock table mlforge_online.last in access exclusive mode")
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under `nohup`
        process = start(built, *command)
        wait_for(sql, WAITING, 1)
        ended(process, number)
        other.rollback()
        wait_for(sql, SESSIONS, 0)
        assert sql.execute(STATE).fetchall() == before


def test_a_signal_that_is_ignored_stays_so(built: Path, project: LoadedProject, dsn: str) -> None:
    """As under `nohup`."""
    served.sync(project, AS_OF)
    project.serving.close()
    with psycopg.connect(dsn, autocommit=True) as sql, psycopg.connect(dsn) as other:
        other.execute("lock table mlforge_online.last in access exclusive mode")
        ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            process = start(built, "online", "sync", "--profile", "pg", "--full-refresh")
        finally:
            signal.signal(signal.SIGHUP, ignored)
        wait_for(sql, WAITING, 1)
        process.send_signal(signal.SIGHUP)
        other.rollback()
        assert process.communicate(timeout=60)[1].count("loaded") == 4
        assert process.returncode == 0


@pytest.mark.parametrize("command", [("online", "sync"), ("online", "check"), ("doctor",)])
def test_a_server_that_says_nothing(built: Path, command: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        address = f"postgresql://u:secret@127.0.0.1:{server.getsockname()[1]}/db"
        process = start(built, *command, "--profile", "pg", **{served.DSN: address})
        connection, _ = server.accept()
        with connection:
            ended(process, signal.SIGINT)
