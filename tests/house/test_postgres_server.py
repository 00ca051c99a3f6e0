"""The Postgres server of the tests: it runs, keeps its data over a restart, and leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from postgres_server import (
    PostgresServer,
    PostgresStartError,
    _copied,
    _reachable,
    postgres_binaries,
    start_postgres,
)

ALONE = """
import sys, time
from postgres_server import start_postgres
server = start_postgres()
print(server.port, server.folder, (server.folder / "data" / "postmaster.pid").read_text().split()[0], flush=True)
time.sleep(600)
"""


def test_it_answers_and_asks_for_the_password(postgres_server: PostgresServer) -> None:
    dsn = postgres_server.create_database()
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select 1 + 1").fetchone() == (2,)
        assert connection.execute("show timezone").fetchone() == ("Asia/Kathmandu",)
    wrong = postgres_server.dsn("postgres", postgres_server.user, "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_every_test_has_a_database_of_its_own(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        found = connection.execute("select count(*) from pg_tables where schemaname = 'public'")
        assert found.fetchone() == (0,)


def test_data_outlives_a_restart_and_the_folder_does_not_outlive_the_server() -> None:
    with start_postgres({"max_connections": "7"}) as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("create table kept as select 42 as answer")
            assert connection.execute("show max_connections").fetchone() == ("7",)
            server.restart()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("select 1")
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("select answer from kept").fetchone() == (42,)
        folder = server.folder
    assert not server.running
    assert not folder.exists()


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(PostgresStartError, match="unrecognized configuration parameter"):
        start_postgres({"no_such_setting": "1"})


def test_binaries_that_others_cannot_reach_are_noticed(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    (hidden / "postgres").touch(mode=0o755)
    assert not _reachable(hidden / "postgres")
    assert _reachable(Path(sys.executable).resolve()) == _all_may(Path(sys.executable).resolve())


def test_binaries_that_others_cannot_reach_are_copied(tmp_path: Path) -> None:
    binaries = postgres_binaries()
    assert binaries is not None
    tmp_path.chmod(0o700)
    with (
        start_postgres(binaries=_copied(binaries, tmp_path / "hidden")) as server,
        psycopg.connect(server.dsn()) as connection,
    ):
        assert connection.execute("select 1").fetchone() == (1,)


def _all_may(file: Path) -> bool:
    command = ["test", "-x", str(file)]
    if os.geteuid() != 0:
        return subprocess.run(command, check=False).returncode == 0
    return subprocess.run(command, check=False, user=65534, group=65534).returncode == 0


def test_the_server_ends_with_its_tests_however_they_end() -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", ALONE],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert owner.stdout is not None
    _, folder, pid = owner.stdout.readline().split()
    assert Path(f"/proc/{pid}").exists()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    until = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() or Path(folder).exists():
        assert time.monotonic() < until, "the server or its folder is still there"
        time.sleep(0.05)
